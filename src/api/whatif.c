/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/whatif.h"

#include "api/because.h"
#include "api/cluster_model.h"
#include "api/handlers.h"
#include "api/plan_json.h"
#include "api/requests.h"
#include "api/show.h"
#include "model/live.h"
#include "model/name.h"
#include "wire/out.h"

#include <string.h>

/* Answers a question whose names are all known. */
static void send_outcome(struct api_call *call, const struct plan_question *question)
{
    CLEANUP(plan_outcome_done) struct plan_outcome outcome = {0};
    const struct plan_cluster_options options = cluster_model_options(call->view);
    bool is_done = plan_question_answer(call->world, &options, question, &outcome) == 0;
    call_send_dated(call, is_done ? plan_outcome_json(&outcome) : NULL, 0);
}

void whatif_send(struct api_call *call, const struct plan_question *question)
{
    const char *unknown = plan_question_unknown(call->world, question);
    struct node_facts facts;
    if (!unknown) {
        send_outcome(call, question);
    } else if (call_node(call, unknown, &facts)) {
        call_tell(call, "node", unknown, NULL);
        call_refuse(call, 409, "never-seen", "%s has never joined: nothing runs there", unknown);
    }
}

static void start_send(struct api_call *call, const char *const *names, size_t len)
{
    const struct plan_question question = {.ask = PLAN_ASK_START, .names = names, .len = len};
    const char *unknown = plan_question_unknown(call->world, &question);
    if (unknown) {
        refuse_unknown_vm(call, unknown);
    } else {
        send_outcome(call, &question);
    }
}

json_t *whatif_start_waits(const struct api_call *call, const char *vm)
{
    enum { reasons_told_max = 8 };
    CLEANUP(plan_outcome_done) struct plan_outcome outcome = {0};
    const struct plan_cluster_options options = cluster_model_options(call->view);
    const struct plan_question question = {.ask = PLAN_ASK_START, .names = &vm, .len = 1};
    if (plan_question_answer(call->world, &options, &question, &outcome) < 0) {
        return NULL;
    }
    json_t *plan = plan_outcome_json(&outcome), *told = NULL, *reason;
    size_t i;
    const json_t *reasons =
        json_object_get(json_array_get(json_object_get(plan, "left_out"), 0), "reasons");
    json_array_foreach((json_t *)(uintptr_t)reasons, i, reason) {
        told = told ? told : json_array();
        if (i < reasons_told_max) {
            (void)json_object_del(reason, "fits");
            (void)json_array_append(told, reason);
        }
    }
    json_decref(plan);
    return told;
}

/* ---- POST /v1/plan ---- */

static void answer_plan(struct api_call *call, const struct plan_ask_request *asked)
{
    const char *names[nodes_max];
    size_t len = 0;
    if ((asked->fail.len > 0) + (asked->drain.len > 0) + (asked->start.len > 0) != 1) {
        call_refuse(call, 400, "bad-request",
                    "give one of \"fail\", \"drain\" (nodes) and \"start\" (VMs)");
        return;
    }
    VEC_EACH(&asked->fail, fail) {
        names[len++] = fail->name;
    }
    VEC_EACH(&asked->drain, drain) {
        names[len++] = drain->name;
    }
    VEC_EACH(&asked->start, start) {
        names[len++] = start->name;
    }
    if (asked->start.len > 0) {
        start_send(call, names, len);
    } else {
        const struct plan_question question = {
            .ask = asked->drain.len > 0 ? PLAN_ASK_DRAIN : PLAN_ASK_FAIL,
            .names = names,
            .len = len,
            .migration = asked->migration,
        };
        whatif_send(call, &question);
    }
}

void handle_plan(struct api_call *call)
{
    struct plan_ask_request asked = {0};
    if (request_read(call, &request_plan, &asked)) {
        answer_plan(call, &asked);
    }
    shape_done(&request_plan, &asked);
}

/* ---- why not there ---- */

/* To each host: how a VM that runs would go there. */
static void put_ways(const struct api_call *call, const struct vm_facts *vm, json_t *reasons)
{
    size_t i;
    json_t *reason;
    json_array_foreach(reasons, i, reason) {
        const char *node = json_string_value(json_object_get(reason, "subject"));
        if (node && vm->state == VM_VIEW_RUNNING && strcmp(node, vm->node) != 0) {
            struct cause why;
            enum migration way = live_comes_of(call->world, vm->name, node,
                                               live_way(vm->spec, MIGRATION_DEFAULT), &why);
            plan_put_way(reason, way, &why);
        }
    }
}

json_t *whatif_explain(const struct api_call *call, const struct vm_facts *vm)
{
    CLEANUP(plan_cluster_done) struct plan_cluster m = {0};
    if (!cluster_model_make(call->view, &m)) {
        return NULL;
    }
    json_t *reasons =
        plan_reasons_json(&m, NULL, PLAN_WAIT_ROOM, plan_cluster_find_vm(&m, vm->name));
    put_ways(call, vm, reasons);
    return reasons;
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
    const struct cause none = {0}, *cause = vm.placement ? &vm.placement->cause : &none;
    because_write(&out, "cause", cause);
    out_tree(&out, "hosts", whatif_explain(call, &vm));
    call_send_members(call, &out, 0);
}
