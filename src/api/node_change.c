/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What administrators want of a node. */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/node_secret.h"
#include "api/patch.h"
#include "api/requests.h"
#include "api/show.h"
#include "api/spec.h"
#include "api/whatif.h"
#include "model/fence_rule.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct record *node_spec_draft(const struct api_call *call, const char *node)
{
    const struct record *stored = world_find(call->world, RECORD_NODE_SPEC, node);
    struct record *draft = stored ? record_copy(stored) : record_new(RECORD_NODE_SPEC, node, NULL);
    if (draft) {
        draft->node_spec->released.len = 0; /* an order, done by the write that gave it */
    }
    return draft;
}

/* An active node is resumed, too: the write itself ends a quarantine (core/standing.c). */
static void set_mode(struct api_call *call, const struct node_facts *node, enum node_mode mode,
                     const struct drain_request *how, enum note_code code)
{
    if (!call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node->name))) {
        return;
    }
    if (mode != NODE_ACTIVE && node->spec->mode == mode && node->spec->force == how->is_forced &&
        node->spec->migration == how->migration) {
        call_unchanged(call, node->name, "%s is %s already", node->name, node_mode_name(mode));
        return;
    }
    struct record *next = node_spec_draft(call, node->name);
    if (next) {
        next->node_spec->mode = mode;
        next->node_spec->force = how->is_forced;
        next->node_spec->migration = how->migration;
        if (mode == NODE_ACTIVE) {
            next->node_spec->power = NODE_POWER_NONE; /* a shutdown that was ordered is canceled */
        }
    }
    call_put(call, next);
    const struct note note = call_note(code, node->name);
    call_commit(call, &note);
}

void handle_node_pause(struct api_call *call)
{
    struct node_facts node;
    if (request_is_empty(call) && call_node(call, call->args[0], &node)) {
        set_mode(call, &node, NODE_PAUSED, &(struct drain_request){0}, NOTE_NODE_PAUSED);
    }
}

void handle_node_resume(struct api_call *call)
{
    struct node_facts node;
    if (request_is_empty(call) && call_node(call, call->args[0], &node)) {
        set_mode(call, &node, NODE_ACTIVE, &(struct drain_request){0}, NOTE_NODE_RESUMED);
    }
}

void handle_node_drain(struct api_call *call)
{
    struct node_facts node;
    struct drain_request asked = {0};
    if (!request_read(call, &request_drain, &asked) || !call_node(call, call->args[0], &node)) {
        return;
    }
    if (asked.is_dry_run) {
        const char *name = node.name;
        const struct plan_question question = {
            .ask = PLAN_ASK_DRAIN, .names = &name, .len = 1, .migration = asked.migration};
        whatif_send(call, &question);
        return;
    }
    set_mode(call, &node, NODE_DRAIN, &asked,
             asked.is_forced ? NOTE_NODE_FORCED_DRAIN_ASKED : NOTE_NODE_DRAIN_ASKED);
}

/* ---- it is off, says a person ---- */

static bool may_be_off(struct api_call *call, const struct node_facts *node, uint64_t incarnation)
{
    if (node->pulse == PULSE_UNKNOWN) {
        call_refuse(call, 409, "listening",
                    "still listening whether %s is alive: try again in a few seconds", node->name);
        return false;
    }
    if (!node->alive) {
        call_refuse(call, 409, "never-seen", "%s has never joined: there is nothing to confirm",
                    node->name);
        return false;
    }
    if (node->pulse == PULSE_ALIVE) {
        call_refuse(call, 409, "alive",
                    "%s is alive: its heartbeat has just been seen. Turn the host off first; a VM "
                    "that runs twice destroys its disk",
                    node->name);
        return false;
    }
    if (incarnation != 0 && incarnation != node->alive->incarnation) {
        call_tell(call, "field", "incarnation", NULL);
        call_tell_number(call, "incarnation", node->alive->incarnation);
        call_refuse(call, 412, "changed",
                    "%s has restarted meanwhile (incarnation %llu, not %llu): look again",
                    node->name, (unsigned long long)node->alive->incarnation,
                    (unsigned long long)incarnation);
        return false;
    }
    return true;
}

void handle_node_confirm_off(struct api_call *call)
{
    struct node_facts node;
    struct confirm_off_request asked = {0};
    if (!request_read(call, &request_confirm_off, &asked) ||
        !call_node(call, call->args[0], &node) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node.name)) ||
        !may_be_off(call, &node, asked.incarnation)) {
        return;
    }
    if (node.spec->confirmed_off == node.alive->incarnation &&
        node.spec->confirmed_counter == node.alive->counter) {
        call_unchanged(call, node.name, "%s was confirmed to be off already", node.name);
        return;
    }
    /* The coordinator takes this for a proof: of the one life that was seen, and is silent now. */
    assert(node.pulse != PULSE_ALIVE && node.pulse != PULSE_UNKNOWN);
    struct record *next = node_spec_draft(call, node.name);
    if (next) {
        next->node_spec->confirmed_off = node.alive->incarnation;
        next->node_spec->confirmed_counter = node.alive->counter;
    }
    call_put(call, next);
    struct note note = call_note(NOTE_NODE_CONFIRMED_OFF, node.name);
    note.facts.count = node.alive->incarnation;
    call_commit(call, &note);
}

/* ---- fencing, labels ---- */

/* Asked again by berthd before it runs the agent: fence/request.c. */
static bool is_device_sound(struct api_call *call, const char *field, const char *agent,
                            const struct fence_parameter *parameters, size_t len)
{
    struct error err;
    if (agent[0] && fence_agent_check(agent, &err) < 0) {
        call_tell(call, "field", field, NULL);
        call_refuse(call, 400, "bad-fencing", "%s: %s", field, err.text);
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (fence_parameter_check(&parameters[i], &err) < 0) {
            call_tell(call, "field", field, NULL);
            call_refuse(call, 400, "bad-fencing", "%s: %s", field, err.text);
            return false;
        }
    }
    return true;
}

static bool is_fencing_whole(struct api_call *call, const struct node_spec *spec)
{
    if (spec->fencing == FENCING_POWER && !spec->fence_agent[0]) {
        call_tell(call, "field", "fence_agent", NULL);
        call_refuse(call, 400, "bad-fencing",
                    "fencing by power needs the name of a fence agent, such as fence_ipmilan");
        return false;
    }
    if (!is_device_sound(call, "fence_agent", spec->fence_agent, spec->fence_parameters.items,
                         spec->fence_parameters.len)) {
        return false;
    }
    const char *before = spec->fence_agent;
    for (size_t i = 0; i < ARRAY_LEN(spec->fence_more); i++) {
        const struct fence_device *device = &spec->fence_more[i];
        const char *agent = device->agent;
        char field[24];
        (void)snprintf(field, sizeof(field), "fence_level_%zu", i + 2);
        if (agent[0] && !before[0]) {
            call_refuse(call, 400, "bad-fencing",
                        "fence_level_%zu: level %zu has no fence agent yet, and comes first", i + 2,
                        i + 1);
            return false;
        }
        if (!is_device_sound(call, field, agent, device->parameters.items,
                             device->parameters.len)) {
            return false;
        }
        before = agent;
    }
    return true;
}

void handle_node_patch(struct api_call *call)
{
    struct node_facts node;
    CLEANUP(buf_done) struct buf what = {0};
    if (!call_node(call, call->args[0], &node)) {
        return;
    }
    CLEANUP(record_unrefp)
    struct record *next = patch_read(call, world_find(call->world, RECORD_NODE_SPEC, node.name),
                                     node_spec_draft(call, node.name), &what);
    if (!next || !is_fencing_whole(call, next->node_spec) ||
        !secrets_accept(call, node.spec, next->node_spec)) {
        return;
    }
    call_put(call, TAKE(next));
    struct note note = call_note(NOTE_NODE_SET, node.name);
    (void)facts_set(&note.facts, NULL, NULL, buf_str(&what));
    call_commit(call, &note);
}
