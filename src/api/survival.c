/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/survival.h"

#include "api/cluster_model.h"
#include "api/handlers.h"
#include "api/show.h"
#include "api/plan_json.h"
#include "base/parse.h"

#include <assert.h>

enum {
    /* The search for one host's VMs: some ms. */
    steps_max = 400000,
    /* Of the VMs of one lost host, so many are named, ... */
    named_max = 20,
    /* ... and so many reasons are given in all, one a node and VM: POST /v1/plan tells the rest. */
    reasons_given_max = 1000,
};

ENUM_DEFINE(survival_verdict, SURVIVAL_VERDICT_LIST)

typedef VEC(uint32_t) indices_t;

void survival_memo_done(struct survival_memo *memo)
{
    json_decref(memo->hosts);
    *memo = (struct survival_memo){0};
}

/* The memo, without what it holds of another picture. NULL: there is none. */
static struct survival_memo *memo_of(const struct api_view *view)
{
    struct survival_memo *memo = view->survival_memo;
    if (memo) {
        uint64_t key = cluster_model_key(view);
        if (memo->key != key) {
            survival_memo_done(memo);
            memo->key = key;
        }
    }
    return memo;
}

static bool look(const struct api_call *call, struct survival *ret)
{
    CLEANUP(plan_cluster_done) struct plan_cluster m = {0};
    struct plan_survival found;
    if (!cluster_model_make(call->view, &m) ||
        plan_survivable_losses(m.model, MAX(world_settings(call->world)->reserve, 1U), &found) <
            0) {
        return false;
    }
    static_assert(ARRAY_LEN(ret->weakest) == ARRAY_LEN(found.weakest), "all are told");
    *ret = (struct survival){
        .losses = found.losses,
        .is_exact = found.is_exact,
        .left_out = found.left_out,
        .weakest_len = found.weakest_len,
    };
    (void)copy_text(ret->vm, name_size, found.vm == PLAN_NONE ? "" : m.vms.items[found.vm]);
    for (uint32_t i = 0; i < found.weakest_len; i++) {
        (void)copy_text(ret->weakest[i], name_size, m.nodes.items[found.weakest[i]]);
    }
    return true;
}

/* ---- what the records say without the planner ---- */

static bool has_vms(const struct world *world, const char *node)
{
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *p = (*each)->placement;
        if (p->phase != PLACEMENT_NONE && strcmp(p->node, node) == 0) {
            return true;
        }
    }
    return false;
}

static void find_unproven(const struct world *world, struct survival *ret)
{
    ret->unproven_len = 0;
    WORLD_EACH(world, RECORD_NODE_INVENTORY, each) {
        const char *node = (*each)->key.name;
        /* Whether it has VMs last: to know that takes a look at all of them. */
        if (ret->unproven_len < survival_unproven_max && !world_can_be_proven_off(world, node) &&
            has_vms(world, node)) {
            (void)copy_text(ret->unproven[ret->unproven_len++], name_size, node);
        }
    }
}

static bool wants_any_vm(const struct world *world)
{
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        if ((*each)->vm_spec->desired == VM_STARTED) {
            return true;
        }
    }
    return false;
}

/* Room alone is no survival. */
static void judge(const struct world *world, struct survival *survival)
{
    bool has_room = survival->losses > 0 || survival->left_out == 0;
    find_unproven(world, survival);
    survival->verdict = !wants_any_vm(world)                             ? SURVIVAL_NO_VMS
                        : world_is_disarmed(world, NULL)                 ? SURVIVAL_DISARMED
                        : world->records[RECORD_NODE_INVENTORY].len <= 1 ? SURVIVAL_ONE_HOST
                        : survival->unproven_len > 0                     ? SURVIVAL_NO_PROOF
                        : !has_room                                      ? SURVIVAL_NO_ROOM
                                                                         : SURVIVAL_YES;
    if (survival->verdict != SURVIVAL_YES) {
        survival->losses = 0;
    }
}

static bool find_room(const struct api_call *call, struct survival *ret)
{
    struct survival_memo *memo = memo_of(call->view);
    if (memo && memo->is_found) {
        *ret = memo->survival;
        return true;
    }
    bool is_found = look(call, ret);
    if (memo && is_found) {
        memo->is_found = true;
        memo->survival = *ret;
    }
    return is_found;
}

bool survival_find(const struct api_call *call, struct survival *ret)
{
    if (!find_room(call, ret)) {
        return false;
    }
    judge(call->world, ret);
    return true;
}

static json_t *names_json(const char names[][name_size], uint32_t len)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < len; i++) {
        (void)json_array_append_new(list, json_string(names[i]));
    }
    return list;
}

json_t *survival_json(const struct api_call *call)
{
    struct survival survival;
    if (!survival_find(call, &survival)) {
        return NULL;
    }
    return json_pack("{s:s, s:I, s:b, s:I, s:s*, s:o, s:o, s:I}", "verdict",
                     survival_verdict_name(survival.verdict), "losses", (json_int_t)survival.losses,
                     "exact", survival.is_exact, "left_out", (json_int_t)survival.left_out, "vm",
                     survival.vm[0] ? survival.vm : NULL, "weakest",
                     names_json(survival.weakest, survival.weakest_len), "unproven",
                     names_json(survival.unproven, survival.unproven_len), "wanted",
                     (json_int_t)world_settings(call->world)->reserve);
}

/* ---- host by host ---- */

/* The VMs that have their place on 'node', and that the coordinator would restart. */
static bool find_vms(const struct plan_cluster *m, uint32_t node, indices_t *ret)
{
    ret->len = 0;
    for (uint32_t vm = plan_node_first_vm(m->model, node); vm != PLAN_NONE;
         vm = plan_node_next_vm(m->model, vm)) {
        const struct record *spec = world_find(m->world, RECORD_VM_SPEC, m->vms.items[vm]);
        if (!spec || spec->vm_spec->desired != VM_STARTED ||
            spec->vm_spec->priority == priority_no_auto) {
            continue;
        }
        uint32_t *place = VEC_ADD(ret);
        if (!place) {
            return false;
        }
        *place = vm;
    }
    return true;
}

/* 'reasons_left': how many may still be given. */
static json_t *left_out_json(const struct plan_cluster *m, const struct plan_request *request,
                             const struct plan *plan, size_t *reasons_left)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->waiting.len && i < named_max; i++) {
        const struct plan_waiting *waiting = &plan->waiting.items[i];
        bool is_explained = *reasons_left >= m->nodes.len;
        *reasons_left -= is_explained ? m->nodes.len : 0;
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o}", "vm", m->vms.items[waiting->vm], "reasons",
                            is_explained ? plan_reasons_json(m, request, waiting->why, waiting->vm)
                                         : json_array()));
    }
    return list;
}

/* What becomes of the VMs of 'node' if it is lost; the model is as before afterwards. */
static json_t *host_json(struct plan_cluster *m, uint32_t node, const indices_t *vms,
                         size_t *reasons_left)
{
    struct plan plan = {0};
    const struct plan_request request = {
        .vms = vms->items,
        .vm_len = (uint32_t)vms->len,
        .may_preempt = world_settings(m->world)->preemption,
        .steps_max = steps_max,
    };
    json_t *json = NULL;
    assert(plan_node_mode(m->model, node) == PLAN_ACTIVE);
    plan_node_set_mode(m->model, node, PLAN_DOWN);
    if (plan_place(m->model, &request, &plan) == 0) {
        json = json_pack("{s:s, s:I, s:I, s:o, s:b}", "node", m->nodes.items[node], "vms",
                         (json_int_t)vms->len, "left_out_count", (json_int_t)plan.waiting.len,
                         "left_out", left_out_json(m, &request, &plan, reasons_left), "proven",
                         plan.is_proven);
        plan_undo(m->model, &plan);
    }
    plan_node_set_mode(m->model, node, PLAN_ACTIVE);
    plan_done(&plan);
    return json;
}

static json_t *look_at_hosts(const struct api_call *call)
{
    CLEANUP(plan_cluster_done) struct plan_cluster m = {0};
    indices_t vms = {0};
    size_t reasons_left = reasons_given_max;
    if (!cluster_model_make(call->view, &m)) {
        return NULL;
    }
    json_t *list = json_array();
    for (uint32_t node = 0; node < m.nodes.len; node++) {
        if (plan_node_mode(m.model, node) == PLAN_ACTIVE && find_vms(&m, node, &vms)) {
            (void)json_array_append_new(list, host_json(&m, node, &vms, &reasons_left));
        }
    }
    VEC_DONE(&vms);
    return in_order(list, "node");
}

static json_t *hosts_json(const struct api_call *call)
{
    struct survival_memo *memo = memo_of(call->view);
    if (memo && memo->hosts) {
        return json_incref(memo->hosts);
    }
    json_t *hosts = look_at_hosts(call);
    if (memo) {
        memo->hosts = json_incref(hosts);
    }
    return hosts;
}

void handle_survival_get(struct api_call *call)
{
    json_t *json = survival_json(call);
    json_t *hosts = json ? hosts_json(call) : NULL;
    if (!hosts) {
        json_decref(json);
        json = NULL;
    } else {
        (void)json_object_set_new(json, "hosts", hosts);
    }
    call_send_dated(call, json, 0);
}
