/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The problems of the cluster and its hosts. */
#include "api/problem.h"

#include "api/node_secret.h"
#include "api/survival.h"
#include "base/parse.h"

#include <string.h>

enum {
    certificate_warn_days = 30,
    /* Someone who pauses or drains a host for work is done after that, or has forgotten it. */
    set_aside_long_ms = 60 * 60 * 1000,
};

/* The wall clock so long ago, in whole seconds: with each ms the answer would be another one. */
static uint64_t wall_of(const struct api_view *view, msec_t ago_ms)
{
    return (view->wall_ms - (uint64_t)ago_ms + 500) / 1000 * 1000;
}

/* ---- the cluster ---- */

static void find_store(struct troubles *troubles)
{
    const struct api_view *view = troubles->call->view;
    struct trouble *trouble = view->stale_since_ms == MSEC_NEVER
                                  ? NULL
                                  : trouble_add(troubles, TROUBLE_STORE_SILENT, "", NULL);
    if (trouble) {
        trouble->since_ms = wall_of(view, view->now_ms - view->stale_since_ms);
    }
}

static void find_coordinator(struct troubles *troubles)
{
    const struct api_call *call = troubles->call;
    const struct record *leader = world_find(call->world, RECORD_LEADER, "");
    struct node_facts node;
    /* 'Unknown': this API is too young to say that it is not there. */
    enum pulse pulse =
        liveness_coordinator(call->view->liveness, world_settings(call->world), call->view->now_ms);
    bool is_there = leader && pulse != PULSE_SILENT &&
                    node_facts(call->view, leader->leader->node, &node) &&
                    (node.pulse == PULSE_ALIVE || node.pulse == PULSE_UNKNOWN);
    if (!is_there && call->world->records[RECORD_NODE_INVENTORY].len > 0) {
        (void)trouble_add(troubles, TROUBLE_NO_COORDINATOR, "", NULL);
    }
}

static void find_disarmed(struct troubles *troubles)
{
    msec_t left_ms;
    bool is_disarmed = world_is_disarmed(troubles->call->world, &left_ms);
    struct trouble *trouble =
        is_disarmed ? trouble_add(troubles, TROUBLE_DISARMED, "", hint_make("cluster-arm", NULL))
                    : NULL;
    if (trouble) {
        trouble->facts.ms = left_ms;
    }
}

/* An administrator has demanded a reserve, and it is not there. */
static void find_reserve(struct troubles *troubles)
{
    struct survival survival;
    uint32_t wanted = world_settings(troubles->call->world)->reserve;
    if (wanted == 0 || !survival_find(troubles->call, &survival) ||
        survival.verdict == SURVIVAL_NO_VMS ||
        (survival.verdict == SURVIVAL_YES && survival.losses >= wanted)) {
        return;
    }
    bool is_room = survival.verdict == SURVIVAL_NO_ROOM || survival.verdict == SURVIVAL_YES;
    struct trouble *trouble = trouble_add(troubles, TROUBLE_RESERVE, "",
                                          is_room ? hint_make("plan-fail", "NODE", NULL) : NULL);
    if (trouble) {
        trouble->facts.need = wanted;
        trouble->facts.have = is_room ? survival.losses : 0;
        trouble->facts.count = survival.left_out;
        (void)facts_set(&trouble->facts, NULL, survival.vm, NULL);
    }
}

static void find_certificate(struct troubles *troubles)
{
    const struct api_view *view = troubles->call->view;
    uint64_t left_ms =
        view->certificate_until_ms > view->wall_ms ? view->certificate_until_ms - view->wall_ms : 0;
    uint64_t days = left_ms / (24 * 60 * 60 * UINT64_C(1000));
    if (view->certificate_until_ms == 0 || days >= certificate_warn_days) {
        return;
    }
    struct trouble *trouble =
        trouble_add(troubles, left_ms ? TROUBLE_CERTIFICATE : TROUBLE_CERTIFICATE_OVER, "", NULL);
    if (trouble) {
        trouble->facts.count = days;
    }
}

/* ---- hosts ---- */

static struct trouble *add_node(struct troubles *troubles, enum trouble_code code,
                                const struct node_facts *node, const char *action)
{
    struct trouble *trouble = trouble_add(troubles, code, node->name,
                                          action ? hint_make(action, node->name, NULL) : NULL);
    if (trouble) {
        trouble->cause = node->why;
    }
    return trouble;
}

/* The last that was told of a host's part in the cluster: that the store contradicts it, which it
 * writes once, and no heartbeat any more; or that it joined. */
struct part {
    const char *node;
    const struct event_record *told; /* NULL: nothing */
};
typedef VEC(struct part) parts_t;

static bool is_of_part(const char *code)
{
    return strcmp(code, "store-contradicts") == 0 || strcmp(code, "node-joined") == 0 ||
           strcmp(code, "node-rejoined") == 0;
}

/* Of all hosts in one look at the events. 'names' are sorted. False without memory. */
static bool find_parts(const struct world *world, const names_t *names, parts_t *ret)
{
    VEC_EACH(names, name) {
        struct part *part = VEC_ADD(ret);
        if (!part) {
            return false;
        }
        *part = (struct part){.node = *name};
    }
    WORLD_EACH(world, RECORD_EVENT, each) {
        const struct event_record *event = (*each)->event;
        if (is_of_part(event->code)) {
            size_t i = VEC_BISECT(ret, part, strcmp(part->node, event->subject) < 0);
            if (i < ret->len && strcmp(ret->items[i].node, event->subject) == 0) {
                ret->items[i].told = event;
            }
        }
    }
    return true;
}

/* Whether its berthd waits for an administrator there. Of this API's own host the berthd says so
 * itself, also if the store is another one and knows no such host. */
static void find_contradiction(struct troubles *troubles, const struct node_facts *node,
                               const struct part *part)
{
    const struct api_view *view = troubles->call->view;
    bool is_here = view->contradiction && view->node && strcmp(view->node, node->name) == 0;
    if (is_here || node->pulse == PULSE_ALIVE || node->state == NODE_STATE_FENCED || !part->told ||
        strcmp(part->told->code, "store-contradicts") != 0) {
        return;
    }
    struct trouble *trouble = trouble_add(troubles, TROUBLE_NODE_CONTRADICTED, node->name, NULL);
    if (trouble) {
        trouble->cause = part->told->cause;
    }
}

static void find_own_contradiction(struct troubles *troubles)
{
    const struct api_view *view = troubles->call->view;
    struct trouble *trouble =
        view->contradiction && view->node
            ? trouble_add(troubles, TROUBLE_NODE_CONTRADICTED, view->node, NULL)
            : NULL;
    if (trouble) {
        trouble->cause = cause_told(CAUSE_NONE, view->contradiction);
    }
}

/* Not heard: 'Down' once it is proven off, else what keeps its VMs from starting elsewhere. */
static void find_absent(struct troubles *troubles, const struct node_facts *node)
{
    msec_t takeover_ms = world_settings(troubles->call->world)->takeover_ms;
    uint32_t vms = world_vms_left(troubles->call->world, node->name);
    enum trouble_code code = TROUBLE_NODE_SILENT;
    const char *action = NULL;
    if (node->state == NODE_STATE_FENCED) {
        code = TROUBLE_NODE_DOWN;
    } else if (node->alive->has_left && vms == 0) {
        code = TROUBLE_NODE_STOPPED;
    } else if (node->alive->has_left) {
        code = TROUBLE_NODE_LEFT;
        action = "node-confirm-off";
    } else if (node->state == NODE_STATE_FENCING || node->silent_ms > takeover_ms) {
        code = TROUBLE_NODE_UNFENCED;
        action = "node-confirm-off";
    }
    struct trouble *trouble = add_node(troubles, code, node, action);
    if (trouble) {
        const struct api_view *view = troubles->call->view;
        trouble->facts.count = vms;
        trouble->since_ms = node->silent_ms > 0 ? wall_of(view, node->silent_ms) : 0;
    }
}

static void find_state(struct troubles *troubles, const struct node_facts *node)
{
    switch (node->state) {
    case NODE_STATE_SILENT:
    case NODE_STATE_FENCING:
    case NODE_STATE_FENCED:
        find_absent(troubles, node);
        return;
    case NODE_STATE_QUARANTINED:
        (void)add_node(troubles, TROUBLE_NODE_QUARANTINED, node, "node-resume");
        return;
    case NODE_STATE_PAUSED: /* these two: dropped again if it is not long ago */
        (void)add_node(troubles, TROUBLE_NODE_PAUSED, node, "node-resume");
        return;
    case NODE_STATE_DRAINED:
        (void)add_node(troubles, TROUBLE_NODE_DRAINED, node, "node-resume");
        return;
    case NODE_STATE_UP:
    case NODE_STATE_DRAINING:
    case NODE_STATE_GOING_DOWN:
    case NODE_STATE_SHUT_DOWN:
    case NODE_STATE_UNKNOWN:
    case NODE_STATE_NEVER_SEEN:
        return;
    }
}

/* Whether anything would prove that it is off. */
static void find_fencing(struct troubles *troubles, const struct node_facts *node)
{
    bool is_armed = !world_is_disarmed(troubles->call->world, NULL);
    if (node->pulse == PULSE_ALIVE && node->spec->fencing == FENCING_WATCHDOG && is_armed &&
        !node->alive->is_watchdog_armed && !node->alive->is_going_down) {
        (void)trouble_add(troubles, TROUBLE_NODE_UNWATCHED, node->name, NULL);
    }
    if (node->spec->fencing == FENCING_POWER && node_spec_fence_levels(node->spec) == 0) {
        json_t *hint = hint_with(hint_make("node-set", node->name, NULL), "agent", "AGENT");
        (void)trouble_add(troubles, TROUBLE_NODE_NO_AGENT, node->name,
                          hint_with(hint, "param", "ip=ADDRESS"));
    }
    const char *agent;
    enum secrets_state secrets = secrets_state(troubles->call->world, node->spec, &agent);
    if (secrets == SECRETS_LOST) {
        json_t *hint = hint_with(hint_make("node-set", node->name, NULL), "agent", agent);
        (void)trouble_add(troubles, TROUBLE_NODE_SECRETS_LOST, node->name,
                          hint_with(hint, "param", "ip=ADDRESS"));
    } else if (secrets == SECRETS_READABLE) {
        (void)trouble_add(troubles, TROUBLE_NODE_SECRETS_OPEN, node->name, NULL);
    }
}

/* What a host that is heard has found wrong with itself. Advice about the store is told once: all
 * hosts see the same store. */
static void find_checks(struct troubles *troubles, const struct node_facts *node)
{
    if (node->pulse != PULSE_ALIVE || !node->inventory ||
        node->inventory->incarnation != node->alive->incarnation) {
        return;
    }
    VEC_EACH(&node->inventory->checks, check) {
        bool is_store = strcmp(check->name, "store") == 0;
        enum trouble_code code = is_store ? TROUBLE_STORE_CHECK : TROUBLE_NODE_CHECK;
        if (check->is_ok || (check->is_advice && !is_store) ||
            (is_store && troubles->counts[TROUBLE_STORE_CHECK] > 0)) {
            continue;
        }
        struct trouble *trouble = trouble_add(troubles, code, node->name, NULL);
        if (trouble) {
            (void)copy_text(trouble->facts.label, sizeof(trouble->facts.label), check->name);
            trouble->cause = cause_told(CAUSE_NONE, check->detail);
        }
    }
}

static bool find_nodes(struct troubles *troubles)
{
    const struct world *world = troubles->call->world;
    names_t names = {0};
    parts_t parts = {0};
    bool is_done = node_names(world, &names) && find_parts(world, &names, &parts);
    for (size_t i = 0; is_done && i < names.len; i++) {
        struct node_facts node;
        if (node_facts(troubles->call->view, names.items[i], &node)) {
            find_contradiction(troubles, &node, &parts.items[i]);
            find_state(troubles, &node);
            find_fencing(troubles, &node);
            find_checks(troubles, &node);
        }
    }
    VEC_DONE(&parts);
    VEC_DONE(&names);
    return is_done;
}

/* ---- together ---- */

/* Whether it is no problem yet: a host may be set aside for a while. One whose order is in no event
 * any more was set aside long ago. */
static bool is_young(const struct troubles *troubles, const struct trouble *trouble)
{
    uint64_t wall_ms = troubles->call->view->wall_ms;
    return (trouble->code == TROUBLE_NODE_PAUSED || trouble->code == TROUBLE_NODE_DRAINED) &&
           trouble->since_ms > 0 && wall_ms < trouble->since_ms + set_aside_long_ms;
}

static void drop_young(struct troubles *troubles)
{
    size_t kept = 0;
    VEC_EACH(&troubles->list, each) {
        if (is_young(troubles, each)) {
            troubles->counts[each->code]--;
            json_decref(each->hint);
        } else {
            troubles->list.items[kept++] = *each;
        }
    }
    troubles->list.len = kept;
}

bool troubles_find(const struct api_call *call, struct troubles *ret)
{
    *ret = (struct troubles){.call = call};
    find_store(ret);
    find_coordinator(ret);
    find_disarmed(ret);
    find_reserve(ret);
    find_certificate(ret);
    find_own_contradiction(ret);
    bool is_done = find_nodes(ret);
    troubles_find_gpus(ret);
    troubles_find_vms(ret);
    troubles_date(ret);
    drop_young(ret);
    return is_done;
}
