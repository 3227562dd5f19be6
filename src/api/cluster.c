/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of the whole cluster. */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/patch.h"
#include "api/requests.h"
#include "api/show.h"
#include "model/name.h"
#include "wire/record.h"

void handle_cluster_get(struct api_call *call)
{
    struct error err;
    const struct record *stored = world_find(call->world, RECORD_CLUSTER, "");
    CLEANUP(record_unrefp) struct record *fallback = record_new(RECORD_CLUSTER, NULL, NULL);
    json_t *json = fallback ? wire_record_to_json(stored ? stored : fallback, &err) : NULL;
    if (json) {
        (void)json_object_del(json, "schema");
    }
    call_send_dated(call, json, stored ? stored->revision : 0);
}

/* The first of the times that 'to' has shorter than 'from'; NULL: none. */
static const char *shortened(const struct cluster_settings *from, const struct cluster_settings *to)
{
    const struct {
        const char *name;
        msec_t from_ms, to_ms;
    } times[] = {
        {"heartbeat_ms", from->heartbeat_ms, to->heartbeat_ms},
        {"leader_silence_ms", from->leader_silence_ms, to->leader_silence_ms},
        {"power_fence_ms", from->power_fence_ms, to->power_fence_ms},
        {"self_stop_ms", from->self_stop_ms, to->self_stop_ms},
        {"self_stop_span_ms", from->self_stop_span_ms, to->self_stop_span_ms},
        {"watchdog_ms", from->watchdog_ms, to->watchdog_ms},
        {"takeover_ms", from->takeover_ms, to->takeover_ms},
    };
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (times[i].to_ms < times[i].from_ms) {
            return times[i].name;
        }
    }
    return NULL;
}

/* Whether it may run VMs, and knows the times of now at best. */
static bool is_out_of_reach(const struct api_call *call, const char *name)
{
    struct node_facts node;
    if (!node_facts(call->view, name, &node) || node.pulse == PULSE_ALIVE) {
        return false;
    }
    return node.alive ? !node.alive->has_left &&
                            !world_is_proven_off(call->world, name, node.alive->incarnation)
                      : node.state == NODE_STATE_UNKNOWN;
}

/* A host that is not heard may run on, and its VMs with it, for as long as the times that it knows
 * say; with shorter ones the others would not wait for that. Whether it is answered. */
static bool refuses_shorter_times(struct api_call *call, const struct cluster_settings *to)
{
    const char *name = shortened(world_settings(call->world), to), *node = NULL;
    names_t names = {0};
    if (name && node_names(call->world, &names)) {
        VEC_EACH(&names, each) {
            node = !node && is_out_of_reach(call, *each) ? *each : node;
        }
    }
    VEC_DONE(&names);
    if (node) {
        call_tell(call, "field", name, "node", node, NULL);
        call_refuse(call, 409, "node-not-up",
                    "%s cannot be made shorter while %s is not heard: it may run its VMs for as "
                    "long as the present times say. Try again when it is up, or proven off",
                    name, node);
    }
    return node;
}

void handle_cluster_patch(struct api_call *call)
{
    const struct record *stored = world_find(call->world, RECORD_CLUSTER, "");
    CLEANUP(buf_done) struct buf what = {0};
    struct error err;
    CLEANUP(record_unrefp)
    struct record *next = patch_read(
        call, stored, stored ? record_copy(stored) : record_new(RECORD_CLUSTER, NULL, NULL), &what);
    if (!next) {
        return;
    }
    if (name_check("cluster", next->cluster->name, &err) < 0 ||
        cluster_settings_check(next->cluster, &err) < 0) {
        call_refuse(call, 400, "bad-settings", "%s", err.text);
        return;
    }
    if (refuses_shorter_times(call, next->cluster)) {
        return;
    }
    call_put(call, TAKE(next));
    struct note note = call_note(NOTE_CLUSTER_SET, "cluster");
    (void)facts_set(&note.facts, NULL, NULL, buf_str(&what));
    call_commit(call, &note);
}

/* ---- disarm, arm ---- */

/* A draft of the settings; NULL: it is answered, or memory ran out, as call_put() finds. */
static struct record *settings_draft(struct api_call *call, bool *ret_is_answered)
{
    const struct record *stored = world_find(call->world, RECORD_CLUSTER, "");
    *ret_is_answered = !call_matches(call, stored);
    if (*ret_is_answered) {
        return NULL;
    }
    return stored ? record_copy(stored) : record_new(RECORD_CLUSTER, NULL, NULL);
}

void handle_cluster_disarm(struct api_call *call)
{
    struct disarm_request asked = {0};
    msec_t left_ms;
    bool is_answered;
    if (!request_read(call, &request_disarm, &asked)) {
        return;
    }
    if (world_is_disarmed(call->world, &left_ms) && left_ms == 0 && asked.for_ms == 0) {
        call_unchanged(call, "cluster", "the cluster is disarmed already");
        return;
    }
    struct record *next = settings_draft(call, &is_answered);
    if (is_answered) {
        return;
    }
    if (next) {
        next->cluster->is_disarmed = true;
        next->cluster->disarm_order++;
        next->cluster->disarm_ms = asked.for_ms;
    }
    call_put(call, next);
    struct note note =
        call_note(asked.for_ms > 0 ? NOTE_DISARM_FOR_ASKED : NOTE_DISARM_ASKED, "cluster");
    note.facts.ms = asked.for_ms;
    call_commit(call, &note);
}

void handle_cluster_arm(struct api_call *call)
{
    CLEANUP(buf_done) struct buf silent = {0};
    names_t names = {0};
    bool is_answered;
    if (!request_is_empty(call)) {
        return;
    }
    if (!world_is_disarmed(call->world, NULL)) {
        call_unchanged(call, "cluster", "the cluster is armed already");
        return;
    }
    struct record *next = settings_draft(call, &is_answered);
    if (is_answered) {
        return;
    }
    if (next) {
        next->cluster->is_disarmed = false;
        next->cluster->disarm_ms = 0;
    }
    call_put(call, next);
    (void)node_names(call->world, &names);
    VEC_EACH(&names, name) {
        if (is_out_of_reach(call, *name)) {
            buf_printf(&silent, "%s%s", silent.size ? ", " : "", *name);
        }
    }
    VEC_DONE(&names);
    struct note note =
        call_note(silent.size > 0 ? NOTE_ARM_UNHEARD_ASKED : NOTE_ARM_ASKED, "cluster");
    (void)facts_set(&note.facts, NULL, NULL, buf_str(&silent));
    call_commit(call, &note);
}
