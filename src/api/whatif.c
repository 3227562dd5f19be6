/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/whatif.h"

#include "api/body.h"
#include "api/cluster_model.h"
#include "api/handlers.h"
#include "api/plan_json.h"
#include "api/show.h"
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

void whatif_send(struct api_call *call, const char *const *nodes, size_t len, bool is_drain)
{
    const struct plan_question question = {
        .ask = is_drain ? PLAN_ASK_DRAIN : PLAN_ASK_FAIL, .names = nodes, .len = len};
    const char *unknown = plan_question_unknown(call->world, &question);
    struct node_facts facts;
    if (!unknown) {
        send_outcome(call, &question);
    } else if (call_node(call, unknown, &facts)) {
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
    if (!cluster_model_make(call->view, &m)) {
        return NULL;
    }
    return plan_reasons_json(&m, NULL, PLAN_WAIT_ROOM, plan_cluster_find_vm(&m, vm->name));
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
