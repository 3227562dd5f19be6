/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An administrator has a host shut down or rebooted. The order is in the node's spec and names the
 * incarnation; berthd on that host carries it out (core/shutdown.c), so no one has to wait for it.
 */
#include "api/cluster_model.h"
#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"
#include "api/show.h"
#include "api/spec.h"

#include "plan/question.h"

static bool is_heard(struct api_call *call, const struct node_facts *node)
{
    if (node->alive && node->pulse == PULSE_ALIVE && !node->alive->has_left) {
        return true;
    }
    call_refuse(call, 409, "not-up", "%s is %s: only berthd on that host can shut it down",
                node->name, node_state_name(node->state));
    return false;
}

static bool is_away(const struct node_facts *node)
{
    switch (node->state) {
    case NODE_STATE_UP:
    case NODE_STATE_PAUSED:
    case NODE_STATE_QUARANTINED:
    case NODE_STATE_DRAINING:
    case NODE_STATE_DRAINED:
    case NODE_STATE_NEVER_SEEN:
        return false;
    case NODE_STATE_GOING_DOWN:
    case NODE_STATE_SHUT_DOWN:
    case NODE_STATE_SILENT:
    case NODE_STATE_FENCING:
    case NODE_STATE_FENCED:
    case NODE_STATE_UNKNOWN:
        return true;
    }
    return true;
}

/* One host at a time: the others are what the cluster survives on. */
static bool are_others_up(struct api_call *call, const struct node_facts *node)
{
    names_t names = {0};
    json_t *reasons = json_array();
    (void)node_names(call->world, &names);
    VEC_EACH(&names, name) {
        struct node_facts other;
        if (strcmp(*name, node->name) != 0 && node_facts(call->view, *name, &other) &&
            is_away(&other)) {
            reason_add(reasons, *name, "it is %s", node_state_name(other.state));
        }
    }
    VEC_DONE(&names);
    if (json_array_size(reasons) == 0) {
        json_decref(reasons);
        return true;
    }
    call_refuse_because(call, 409, "others-away", reasons,
                        "without %s the cluster would lack more than one host", node->name);
    return false;
}

/* The VMs of 'node' that have no other place, as reasons. NULL without memory. */
static json_t *without_place(const struct api_call *call, const struct node_facts *node)
{
    CLEANUP(plan_outcome_done) struct plan_outcome outcome = {0};
    const struct plan_cluster_options options = cluster_model_options(call->view);
    const struct plan_question question = {.ask = PLAN_ASK_DRAIN, .names = &node->name, .len = 1};
    if (plan_question_unknown(call->world, &question)) {
        return json_array(); /* it has told nothing of itself, so nothing runs there */
    }
    if (plan_question_answer(call->world, &options, &question, &outcome) < 0) {
        return NULL;
    }
    json_t *reasons = json_array();
    VEC_EACH(&outcome.plan.waiting, waiting) {
        const char *vm = outcome.cluster.vms.items[waiting->vm];
        const struct record *placement = world_find(call->world, RECORD_VM_PLACEMENT, vm);
        if (placement && placement->placement->phase != PLACEMENT_NONE &&
            strcmp(placement->placement->node, node->name) == 0) {
            reason_add(reasons, vm, "no other host can take it");
        }
    }
    return reasons;
}

static bool have_vms_places(struct api_call *call, const struct node_facts *node)
{
    json_t *reasons = without_place(call, node);
    if (reasons && json_array_size(reasons) == 0) {
        json_decref(reasons);
        return true;
    }
    call_refuse_because(call, 409, "no-place", reasons,
                        "VMs of %s have no other place: they would be stopped until it is back",
                        node->name);
    return false;
}

static void power_order(struct api_call *call, enum node_power power)
{
    struct node_facts node;
    struct force_request asked = {0};
    bool is_reboot = power == NODE_POWER_REBOOT;
    if (!request_read(call, &request_force, &asked) || !call_node(call, call->args[0], &node) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node.name)) ||
        !is_heard(call, &node)) {
        return;
    }
    if (node.spec->power == power && node.spec->power_incarnation == node.alive->incarnation) {
        call_unchanged(call, node.name, "%s is being %s already", node.name,
                       is_reboot ? "rebooted" : "shut down");
        return;
    }
    if (node.alive->is_going_down) {
        call_refuse(call, 409, "going-down", "%s is being shut down already", node.name);
        return;
    }
    if (!asked.is_forced && (!are_others_up(call, &node) || !have_vms_places(call, &node))) {
        return;
    }
    struct record *next = node_spec_draft(call, node.name);
    if (next) {
        next->node_spec->power = power;
        next->node_spec->power_incarnation = node.alive->incarnation;
    }
    call_put(call, next);
    const struct note note =
        call_note(is_reboot ? NOTE_NODE_REBOOT_ASKED : NOTE_NODE_SHUTDOWN_ASKED, node.name);
    call_commit(call, &note);
}

void handle_node_shutdown(struct api_call *call)
{
    power_order(call, NODE_POWER_SHUTDOWN);
}

void handle_node_reboot(struct api_call *call)
{
    power_order(call, NODE_POWER_REBOOT);
}
