/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/whatif.h"

#include "api/body.h"
#include "api/cluster_model.h"
#include "api/handlers.h"
#include "api/show.h"
#include "model/name.h"

#include <string.h>

typedef VEC(uint32_t) indices_t;

static json_t *gpus_json(const struct cluster_model *m, const struct plan *plan,
                         const struct plan_placement *placement)
{
    json_t *list = json_array();
    char slot[name_size];
    for (uint32_t i = 0; i < placement->gpu_len; i++) {
        uint32_t gpu = plan->gpus.items[placement->gpu_first + i];
        (void)json_array_append_new(list,
                                    json_string(gpu_slot_format(&m->devices.items[gpu], slot)));
    }
    return list;
}

static json_t *node_reasons(const struct api_call *call, const struct cluster_model *m,
                            const struct plan_request *request, uint32_t vm)
{
    json_t *list = json_array();
    for (uint32_t node = 0; node < plan_node_count(m->model); node++) {
        char text[reason_size];
        bool fits = cluster_model_reason(call->view, m, request, vm, node, text, sizeof(text));
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:o, s:b}", "subject", m->nodes.items[node],
                                              "text", text_json(text), "fits", fits));
    }
    return list;
}

static json_t *placements_json(const struct cluster_model *m, const struct plan *plan)
{
    json_t *list = json_array();
    VEC_EACH(&plan->placements, placement) {
        const char *from = placement->from == PLAN_NONE ? "" : m->nodes.items[placement->from];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "vm",
                                                    plan_vm_name(m->model, placement->vm), "from",
                                                    from, "to", m->nodes.items[placement->node],
                                                    "gpus", gpus_json(m, plan, placement)));
    }
    return list;
}

static json_t *waiting_json(const struct api_call *call, const struct cluster_model *m,
                            const struct plan_request *request, const struct plan *plan)
{
    json_t *list = json_array();
    VEC_EACH(&plan->waiting, waiting) {
        (void)json_array_append_new(list, json_pack("{s:s, s:o}", "vm",
                                                    plan_vm_name(m->model, waiting->vm), "reasons",
                                                    node_reasons(call, m, request, waiting->vm)));
    }
    return list;
}

/* Places 'vms' on the edited model and says what came of it. */
static void send_plan(struct api_call *call, struct cluster_model *m, const char *action,
                      const indices_t *vms)
{
    struct plan plan = {0};
    const struct plan_request request = {.vms = vms->items, .vm_len = (uint32_t)vms->len};
    if (plan_place(m->model, &request, &plan) < 0) {
        call_send(call, NULL, 0);
        return;
    }
    call_send_dated(call,
                    json_pack("{s:s, s:o, s:o, s:b}", "action", action, "placements",
                              placements_json(m, &plan), "left_out",
                              waiting_json(call, m, &request, &plan), "proven", plan.is_proven),
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

/* The node as the model knows it; PLAN_NONE: it is answered. */
static uint32_t model_node(struct api_call *call, const struct cluster_model *m, const char *name)
{
    struct node_facts facts;
    uint32_t node = cluster_model_node(m, name);
    if (node == PLAN_NONE && call_node(call, name, &facts)) {
        call_refuse(call, 409, "never-seen", "%s has never joined: nothing runs there", name);
    }
    return node;
}

void whatif_send(struct api_call *call, const char *const *nodes, size_t len, bool is_drain)
{
    CLEANUP(cluster_model_done) struct cluster_model m = {0};
    indices_t vms = {0};
    if (!cluster_model_make(call->view, &m)) {
        call_send(call, NULL, 0);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        uint32_t node = model_node(call, &m, nodes[i]);
        if (node == PLAN_NONE) {
            VEC_DONE(&vms);
            return;
        }
        plan_node_set_mode(m.model, node, is_drain ? PLAN_DRAIN : PLAN_DOWN);
        for (uint32_t vm = plan_node_first_vm(m.model, node); vm != PLAN_NONE;
             vm = plan_node_next_vm(m.model, vm)) {
            (void)add(&vms, vm);
        }
    }
    send_plan(call, &m, is_drain ? "drain" : "fail", &vms);
    VEC_DONE(&vms);
}

static void start_send(struct api_call *call, const char *const *names, size_t len)
{
    CLEANUP(cluster_model_done) struct cluster_model m = {0};
    indices_t vms = {0};
    bool is_good = cluster_model_make(call->view, &m);
    for (size_t i = 0; is_good && i < len; i++) {
        struct vm_facts facts;
        if (!call_vm(call, names[i], &facts)) {
            VEC_DONE(&vms);
            return;
        }
        if (!vm_is_placed(&facts)) {
            is_good = add(&vms, cluster_model_vm(&m, names[i]));
        }
    }
    if (is_good) {
        send_plan(call, &m, "start", &vms);
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

/* ---- parts of other answers ---- */

json_t *whatif_survival(const struct api_call *call)
{
    CLEANUP(cluster_model_done) struct cluster_model m = {0};
    struct plan_survival survival;
    const struct cluster_settings *settings = world_settings(call->world);
    if (!cluster_model_make(call->view, &m) ||
        plan_survivable_losses(m.model, MAX(settings->reserve, 1U), &survival) < 0) {
        return NULL;
    }
    json_t *weakest = json_array();
    for (uint32_t i = 0; i < survival.weakest_len; i++) {
        (void)json_array_append_new(weakest, json_string(m.nodes.items[survival.weakest[i]]));
    }
    return json_pack("{s:I, s:b, s:I, s:s*, s:o}", "losses", (json_int_t)survival.losses, "exact",
                     survival.is_exact, "left_out", (json_int_t)survival.left_out, "vm",
                     survival.vm == PLAN_NONE ? NULL : plan_vm_name(m.model, survival.vm),
                     "weakest", weakest);
}

json_t *whatif_explain(const struct api_call *call, const struct vm_facts *vm)
{
    CLEANUP(cluster_model_done) struct cluster_model m = {0};
    if (!cluster_model_make(call->view, &m)) {
        return NULL;
    }
    return node_reasons(call, &m, NULL, cluster_model_vm(&m, vm->name));
}

void handle_vm_explain(struct api_call *call)
{
    struct vm_facts vm;
    if (!call_vm(call, call->args[0], &vm)) {
        return;
    }
    json_t *json = vm_json(call, &vm, false);
    json_t *hosts = json ? whatif_explain(call, &vm) : NULL;
    if (!hosts) {
        json_decref(json);
        json = NULL;
    } else {
        (void)json_object_set_new(json, "hosts", hosts);
        (void)json_object_set_new(json, "cause",
                                  text_json(vm.placement ? vm.placement->cause : ""));
    }
    call_send_dated(call, json, 0);
}
