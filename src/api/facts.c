/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes, and their names. */
#include "api/facts.h"

#include "base/natural.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(node_state, NODE_STATE_LIST)

static const struct node_spec node_spec_default = {.fencing = FENCING_WATCHDOG};

static int compare_name(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

void node_vm_counts(const struct world *world, const char *const *names, size_t len, uint32_t *ret)
{
    memset(ret, 0, len * sizeof(*ret));
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *placement = (*each)->placement;
        const char *const *name =
            placement->phase == PLACEMENT_NONE
                ? NULL
                : bsearch(placement->node, names, len, sizeof(*names), compare_name);
        if (name) {
            ret[name - names]++;
        }
    }
}

/* It said farewell. */
static void left_state(const struct world *world, struct node_facts *node, long long seconds)
{
    uint32_t vms = world_vms_left(world, node->name);
    if (vms > 0) {
        (void)snprintf(node->detail, sizeof(node->detail),
                       "it left %lld s ago with %u VM%s that nothing watches now", seconds, vms,
                       vms == 1 ? "" : "s");
    } else if (node->alive->is_going_down) {
        node->state = NODE_STATE_SHUT_DOWN;
        (void)snprintf(node->detail, sizeof(node->detail), "shut down %lld s ago", seconds);
    } else {
        (void)snprintf(node->detail, sizeof(node->detail),
                       "its berthd was stopped %lld s ago; no VM runs there", seconds);
    }
}

static void silent_state(const struct world *world, struct node_facts *node)
{
    long long seconds = (long long)node->silent_ms / 1000;
    const struct node_standing *standing = node->standing;
    bool is_tried = standing && standing->fence_error[0] != '\0' &&
                    standing->fence_incarnation >= node->alive->incarnation;
    node->state = is_tried ? NODE_STATE_FENCING : NODE_STATE_SILENT;
    if (!is_tried && node->alive->has_left) {
        left_state(world, node, seconds);
        return;
    }
    (void)snprintf(node->detail, sizeof(node->detail), "no heartbeat for %lld s%s%s", seconds,
                   is_tried ? "; turning it off failed: " : "",
                   is_tried ? standing->fence_error : "");
}

static void active_state(const struct world *world, struct node_facts *node)
{
    node->state = NODE_STATE_UP;
    if (world_is_quarantined(world, node->name)) {
        long long minutes = (long long)(node->standing->quarantine_ms + 59999) / 60000;
        node->state = NODE_STATE_QUARANTINED;
        (void)snprintf(node->detail, sizeof(node->detail),
                       "takes no new VMs for another %lld min: it restarted three times within an "
                       "hour",
                       minutes);
    }
}

static void draining_state(const struct world *world, struct node_facts *node)
{
    uint32_t count;
    node_vm_counts(world, &node->name, 1, &count);
    node->state = count > 0 ? NODE_STATE_DRAINING : NODE_STATE_DRAINED;
    if (count > 0) {
        (void)snprintf(node->detail, sizeof(node->detail), "%u VM%s still there", count,
                       count == 1 ? " is" : "s are");
    }
}

/* It is heard, and says that its host is being shut down. */
static void going_down_state(const struct world *world, struct node_facts *node)
{
    uint32_t count;
    node_vm_counts(world, &node->name, 1, &count);
    node->state = NODE_STATE_GOING_DOWN;
    (void)snprintf(node->detail, sizeof(node->detail), "%u VM%s still there", count,
                   count == 1 ? " is" : "s are");
}

static void living_state(const struct world *world, struct node_facts *node)
{
    if (node->alive->is_going_down) {
        going_down_state(world, node);
        return;
    }
    switch (node->spec->mode) {
    case NODE_ACTIVE:
        active_state(world, node);
        return;
    case NODE_PAUSED:
        node->state = NODE_STATE_PAUSED;
        (void)snprintf(node->detail, sizeof(node->detail), "takes no new VMs");
        return;
    case NODE_DRAIN:
        draining_state(world, node);
        return;
    }
}

static void derive_state(const struct world *world, struct node_facts *node)
{
    if (node->pulse == PULSE_NONE || !node->alive) {
        node->state = NODE_STATE_NEVER_SEEN;
        (void)snprintf(node->detail, sizeof(node->detail), "berthd has not joined from there yet");
    } else if (world_is_proven_off(world, node->name, node->alive->incarnation)) {
        node->state = NODE_STATE_FENCED;
        (void)snprintf(node->detail, sizeof(node->detail), "proven off (%s)%s%s",
                       proof_name(node->fence->proof), node->fence->detail[0] ? ": " : "",
                       node->fence->detail);
    } else if (node->pulse == PULSE_SILENT) {
        silent_state(world, node);
    } else if (node->pulse == PULSE_UNKNOWN) {
        node->state = NODE_STATE_UNKNOWN;
        (void)snprintf(node->detail, sizeof(node->detail), "listening for its heartbeat");
    } else {
        living_state(world, node);
    }
}

bool node_facts(const struct api_view *view, const char *name, struct node_facts *ret)
{
    const struct record *spec = world_find(view->world, RECORD_NODE_SPEC, name);
    const struct record *inventory = world_find(view->world, RECORD_NODE_INVENTORY, name);
    const struct record *alive = world_find(view->world, RECORD_NODE_ALIVE, name);
    const struct record *fence = world_find(view->world, RECORD_NODE_FENCE, name);
    const struct record *standing = world_find(view->world, RECORD_NODE_STANDING, name);
    const struct record *any = spec ? spec : inventory ? inventory : alive;
    if (!any || world_is_removed(view->world, name)) {
        return false;
    }
    *ret = (struct node_facts){
        .name = any->key.name,
        .spec = spec ? spec->node_spec : &node_spec_default,
        .inventory = inventory ? inventory->inventory : NULL,
        .alive = alive ? alive->alive : NULL,
        .fence = fence ? fence->fence : NULL,
        .standing = standing ? standing->standing : NULL,
        .revision = spec ? spec->revision : 0,
    };
    ret->pulse = liveness_pulse(view->liveness, name, world_settings(view->world)->heartbeat_ms,
                                view->now_ms, &ret->silent_ms);
    derive_state(view->world, ret);
    return true;
}

/* Adds what is new of 'kind'; both lists are sorted. */
static bool merge_names(const struct world *world, enum record_kind kind, names_t *names)
{
    size_t at = 0;
    WORLD_EACH(world, kind, each) {
        const char *name = (*each)->key.name;
        while (at < names->len && strcmp(names->items[at], name) < 0) {
            at++;
        }
        if ((at < names->len && strcmp(names->items[at], name) == 0) ||
            world_is_removed(world, name)) {
            continue;
        }
        const char **place = VEC_INSERT(names, at);
        if (!place) {
            return false;
        }
        *place = name;
    }
    return true;
}

static int compare_records(const void *a, const void *b)
{
    const struct record *const *x = a, *const *y = b;
    return natural_compare((*x)->key.name, (*y)->key.name);
}

bool records_in_order(const struct world *world, enum record_kind kind, records_t *ret)
{
    if (!VEC_RESERVE(ret, world->records[kind].len)) {
        return false;
    }
    WORLD_EACH(world, kind, each) {
        ret->items[ret->len++] = *each;
    }
    if (ret->len > 0) {
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_records);
    }
    return true;
}

bool node_names(const struct world *world, names_t *ret)
{
    return merge_names(world, RECORD_NODE_SPEC, ret) &&
           merge_names(world, RECORD_NODE_INVENTORY, ret) &&
           merge_names(world, RECORD_NODE_ALIVE, ret);
}
