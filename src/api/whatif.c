/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/whatif.h"

#include "api/body.h"
#include "api/cluster_model.h"
#include "api/handlers.h"
#include "api/show.h"
#include "model/name.h"
#include "wire/out.h"

#include <string.h>

typedef VEC(uint32_t) indices_t;

static json_t *gpus_json(const struct plan_cluster *m, const struct plan *plan,
                         const struct plan_placement *placement)
{
    json_t *list = json_array();
    char slot[name_size];
    for (uint32_t i = 0; i < placement->gpu_len; i++) {
        uint32_t gpu = plan->gpus.items[placement->gpu_first + i];
        (void)json_array_append_new(
            list, json_string(gpu_slot_format(&m->devices.items[gpu].slot, slot)));
    }
    return list;
}

json_t *whatif_reasons(const struct plan_cluster *m, const struct plan_request *request,
                       enum plan_wait why, uint32_t vm)
{
    json_t *list = json_array();
    for (uint32_t node = 0; node < m->nodes.len; node++) {
        char text[reason_size];
        bool fits = plan_cluster_fits(m, request, why, vm, node, text, sizeof(text));
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:o, s:b}", "subject", m->nodes.items[node],
                                              "text", text_json(text), "fits", fits));
    }
    return in_order(list, "subject");
}

/* Its placement, if it has a place; else NULL. */
static const struct vm_placement *place_of(const struct world *world, const char *vm)
{
    const struct record *record = world_find(world, RECORD_VM_PLACEMENT, vm);
    return record && record->placement->phase != PLACEMENT_NONE ? record->placement : NULL;
}

static json_t *placements_json(const struct plan_cluster *m, const struct plan *plan)
{
    json_t *list = json_array();
    VEC_EACH(&plan->placements, placement) {
        const char *name = m->vms.items[placement->vm];
        const struct vm_placement *from = place_of(m->world, name);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "vm", name, "from",
                                                    from ? from->node : "", "to",
                                                    m->nodes.items[placement->node], "gpus",
                                                    gpus_json(m, plan, placement)));
    }
    return list;
}

static json_t *waiting_json(const struct plan_cluster *m, const struct plan_request *request,
                            const struct plan *plan)
{
    json_t *list = json_array();
    VEC_EACH(&plan->waiting, waiting) {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o}", "vm", m->vms.items[waiting->vm], "reasons",
                            whatif_reasons(m, request, waiting->why, waiting->vm)));
    }
    return list;
}

/* Places 'vms' on the model as it is now and says what came of it. */
static void send_plan(struct api_call *call, struct plan_cluster *m, const char *action,
                      const indices_t *vms, uint32_t reserve)
{
    struct plan plan = {0};
    const struct plan_request request = {
        .vms = vms->items,
        .vm_len = (uint32_t)vms->len,
        .may_preempt = world_settings(call->world)->preemption,
        .reserve = reserve,
    };
    if (plan_place(m->model, &request, &plan) < 0) {
        call_send(call, NULL, 0);
        return;
    }
    call_send_dated(call,
                    json_pack("{s:s, s:o, s:o, s:b}", "action", action, "placements",
                              placements_json(m, &plan), "left_out",
                              waiting_json(m, &request, &plan), "proven", plan.is_proven),
                    0);
    plan_done(&plan);
}

static bool add(indices_t *indices, uint32_t index)
{
    VEC_EACH(indices, each) {
        if (*each == index) {
            return true;
        }
    }
    uint32_t *place = VEC_ADD(indices);
    if (place) {
        *place = index;
    }
    return place != NULL;
}

/* ---- nodes that fail or are drained ---- */

/* The node as the model knows it; PLAN_NONE: it is answered. */
static uint32_t model_node(struct api_call *call, const struct plan_cluster *m, const char *name)
{
    struct node_facts facts;
    uint32_t node = plan_cluster_find_node(m, name);
    if (node == PLAN_NONE && call_node(call, name, &facts)) {
        call_refuse(call, 409, "never-seen", "%s has never joined: nothing runs there", name);
    }
    return node;
}

static bool is_among(const char *const *names, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

typedef VEC(struct plan_cluster_vm) questions_t;

/* The VMs that the coordinator would have to find a place for. Those of nodes that fail are placed
 * anew, where they were going if they were on the way. Those of nodes that are drained keep their
 * place until then. False without memory. */
static bool find_concerned(const struct world *world, const char *const *nodes, size_t len,
                           bool is_drain, questions_t *ret_gone, names_t *ret_asked)
{
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        const char *name = (*each)->key.name;
        const struct vm_spec *spec = (*each)->vm_spec;
        const struct vm_placement *p = place_of(world, name);
        if (!p || !is_among(nodes, len, p->node)) {
            continue;
        }
        struct plan_cluster_vm *gone = is_drain ? NULL : VEC_ADD(ret_gone);
        if (gone) {
            *gone = (struct plan_cluster_vm){
                .name = name,
                .prefer_node = p->next_node[0] ? p->next_node : NULL,
                .is_anew = true,
            };
        }
        bool is_asked =
            spec->desired == VM_STARTED &&
            (is_drain ? p->phase == PLACEMENT_START : spec->priority != priority_no_auto);
        const char **asked = is_asked ? VEC_ADD(ret_asked) : NULL;
        if (asked) {
            *asked = name;
        }
        if ((!is_drain && !gone) || (is_asked && !asked)) {
            return false;
        }
    }
    return true;
}

/* Fills the rest of the answer; false without memory. */
static bool send_without(struct api_call *call, struct plan_cluster *m, const char *const *nodes,
                         size_t len, bool is_drain, const names_t *asked)
{
    indices_t vms = {0};
    bool is_good = true;
    for (size_t i = 0; i < len; i++) {
        uint32_t node = model_node(call, m, nodes[i]);
        if (node == PLAN_NONE) {
            return true;
        }
        plan_node_set_mode(m->model, node, is_drain ? PLAN_DRAIN : PLAN_DOWN);
    }
    VEC_EACH(asked, name) {
        is_good = is_good && add(&vms, plan_cluster_find_vm(m, *name));
    }
    if (is_good) {
        send_plan(call, m, is_drain ? "drain" : "fail", &vms, 0);
    }
    VEC_DONE(&vms);
    return is_good;
}

void whatif_send(struct api_call *call, const char *const *nodes, size_t len, bool is_drain)
{
    CLEANUP(plan_cluster_done) struct plan_cluster m = {0};
    questions_t gone = {0};
    names_t asked = {0};
    if (!find_concerned(call->world, nodes, len, is_drain, &gone, &asked) ||
        !cluster_model_make(call->view, gone.items, gone.len, &m) ||
        !send_without(call, &m, nodes, len, is_drain, &asked)) {
        call_send(call, NULL, 0);
    }
    VEC_DONE(&gone);
    VEC_DONE(&asked);
}

/* ---- VMs that are started ---- */

static void start_send(struct api_call *call, const char *const *names, size_t len)
{
    CLEANUP(plan_cluster_done) struct plan_cluster m = {0};
    indices_t vms = {0};
    const struct cluster_settings *settings = world_settings(call->world);
    bool is_good = cluster_model_make(call->view, NULL, 0, &m);
    for (size_t i = 0; is_good && i < len; i++) {
        struct vm_facts facts;
        if (!call_vm(call, names[i], &facts)) {
            VEC_DONE(&vms);
            return;
        }
        if (!vm_is_placed(&facts)) {
            is_good = add(&vms, plan_cluster_find_vm(&m, names[i]));
        }
    }
    if (is_good) {
        send_plan(call, &m, "start", &vms,
                  settings->reserve_policy == RESERVE_REFUSE ? settings->reserve : 0);
    } else {
        call_send(call, NULL, 0);
    }
    VEC_DONE(&vms);
}

/* ---- POST /v1/plan ---- */

/* The names in the array 'field' (nodes or VMs) into 'ret', lent from the body. */
static size_t read_names(struct body *body, const char *field, const char *what,
                         const char *ret[nodes_max])
{
    const json_t *list = body_array(body, field, nodes_max);
    size_t len = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        CLEANUP(buf_done) struct buf path = {0};
        struct error err;
        buf_printf(&path, "$.%s[%zu]", field, i);
        if (!name) {
            body_fault(body, buf_str(&path), "must be a string");
        } else if (name_check(what, name, &err) < 0) {
            body_fault(body, buf_str(&path), "%s", err.text);
        } else {
            ret[len++] = name;
        }
    }
    return len;
}

void handle_plan(struct api_call *call)
{
    const char *fail[nodes_max], *drain[nodes_max], *start[nodes_max];
    CLEANUP(body_done) struct body body;
    body_init(&body, call);
    size_t fail_len = read_names(&body, "fail", "node", fail);
    size_t drain_len = read_names(&body, "drain", "node", drain);
    size_t start_len = read_names(&body, "start", "VM", start);
    if (body.fault.code == 0 && (fail_len > 0) + (drain_len > 0) + (start_len > 0) != 1) {
        body_fault(&body, "$", "give one of \"fail\", \"drain\" (nodes) and \"start\" (VMs)");
    }
    if (!body_end(&body, call)) {
        return;
    }
    if (start_len > 0) {
        start_send(call, start, start_len);
    } else {
        whatif_send(call, drain_len ? drain : fail, drain_len ? drain_len : fail_len,
                    drain_len > 0);
    }
}

/* ---- why not there ---- */

json_t *whatif_explain(const struct api_call *call, const struct vm_facts *vm)
{
    CLEANUP(plan_cluster_done) struct plan_cluster m = {0};
    if (!cluster_model_make(call->view, NULL, 0, &m)) {
        return NULL;
    }
    return whatif_reasons(&m, NULL, PLAN_WAIT_ROOM, plan_cluster_find_vm(&m, vm->name));
}

void handle_vm_explain(struct api_call *call)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct vm_facts vm;
    if (!call_vm(call, call->args[0], &vm)) {
        return;
    }
    out_open(&out, '{');
    vm_write_members(&out, &vm);
    out_text(&out, "cause", vm.placement ? vm.placement->cause : "");
    out_tree(&out, "hosts", whatif_explain(call, &vm));
    call_send_members(call, &out, 0);
}
