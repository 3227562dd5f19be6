/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes, and their names. */
#include "api/facts.h"

#include "base/natural.h"

#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(node_state, NODE_STATE_LIST)

static const struct node_spec node_spec_default = {.fencing = FENCING_WATCHDOG};

static int compare_name(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

/* Where the VM of 'placement' has its place, among 'names'; NULL: nowhere there. */
static const char *const *find_place(const struct record *placement, const char *const *names,
                                     size_t len)
{
    return placement->placement->phase == PLACEMENT_NONE
               ? NULL
               : bsearch(placement->placement->node, names, len, sizeof(*names), compare_name);
}

void node_vm_counts(const struct world *world, const char *const *names, size_t len, uint32_t *ret)
{
    memset(ret, 0, len * sizeof(*ret));
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        const char *const *name = find_place(*each, names, len);
        if (name) {
            ret[name - names]++;
        }
    }
}

void node_loads(const struct world *world, const char *const *names, size_t len,
                struct node_load *ret)
{
    memset(ret, 0, len * sizeof(*ret));
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        const char *const *name = find_place(*each, names, len);
        const struct record *spec =
            name ? world_find(world, RECORD_VM_SPEC, (*each)->key.name) : NULL;
        if (name) {
            struct node_load *load = &ret[name - names];
            load->vms++;
            load->cpus += spec ? spec->vm_spec->cpus : 0;
            load->memory_mib += spec ? spec->vm_spec->memory_mib : 0;
        }
    }
}

static void set(struct node_facts *node, enum node_state state, enum cause_code code)
{
    node->state = state;
    node->why = cause_make(code, NULL, NULL, NULL);
}

/* It said farewell. */
static void left_state(const struct world *world, struct node_facts *node)
{
    uint32_t vms = world_vms_left(world, node->name);
    if (vms > 0) {
        set(node, NODE_STATE_SILENT, CAUSE_NODE_LEFT);
        node->why.facts.count = vms;
    } else if (node->alive->is_going_down) {
        set(node, NODE_STATE_SHUT_DOWN, CAUSE_NODE_SHUT_DOWN);
    } else {
        set(node, NODE_STATE_SILENT, CAUSE_NODE_LEFT_EMPTY);
    }
}

/* In whole seconds: with each its sentence is another one, and what was derived from it. */
static void silent_state(const struct world *world, struct node_facts *node)
{
    const struct node_standing *standing = node->standing;
    bool is_tried = standing && standing->fence_cause.code != CAUSE_NONE &&
                    standing->fence_incarnation >= node->alive->incarnation;
    if (is_tried) {
        set(node, NODE_STATE_FENCING, CAUSE_NODE_FENCING_FAILED);
        node->why.facts = standing->fence_cause.facts;
    } else if (node->alive->has_left) {
        left_state(world, node);
    } else {
        set(node, NODE_STATE_SILENT, CAUSE_NODE_SILENT);
    }
    node->why.facts.ms = node->silent_ms / 1000 * 1000;
}

static void active_state(const struct world *world, struct node_facts *node)
{
    set(node, NODE_STATE_UP, CAUSE_NONE);
    if (world_is_quarantined(world, node->name)) {
        set(node, NODE_STATE_QUARANTINED, CAUSE_NODE_QUARANTINED);
        node->why.facts.ms = node->standing->quarantine_ms;
    }
}

static void draining_state(const struct world *world, struct node_facts *node)
{
    uint32_t count;
    node_vm_counts(world, &node->name, 1, &count);
    set(node, NODE_STATE_DRAINED, CAUSE_NONE);
    if (count > 0) {
        set(node, NODE_STATE_DRAINING, CAUSE_NODE_DRAINS);
        node->why.facts.count = count;
    }
}

/* It is heard, and says that its host is being shut down. */
static void going_down_state(const struct world *world, struct node_facts *node)
{
    uint32_t count;
    node_vm_counts(world, &node->name, 1, &count);
    set(node, NODE_STATE_GOING_DOWN, CAUSE_NODE_GOES_DOWN);
    node->why.facts.count = count;
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
        set(node, NODE_STATE_PAUSED, CAUSE_NODE_PAUSED);
        return;
    case NODE_DRAIN:
        draining_state(world, node);
        return;
    }
}

enum cause_code node_unknown_cause(const struct api_view *view)
{
    enum pulse coordinator =
        liveness_coordinator(view->liveness, world_settings(view->world), view->now_ms);
    return coordinator == PULSE_SILENT ? CAUSE_NODE_UNTOLD : CAUSE_NODE_LISTENING;
}

static void derive_state(const struct api_view *view, struct node_facts *node)
{
    const struct world *world = view->world;
    /* It was a member, whose heartbeats no coordinator tells of now. */
    bool is_untold = node->pulse == PULSE_UNKNOWN && !node->alive && node->inventory;
    if (node->pulse == PULSE_NONE || (!node->alive && !is_untold)) {
        set(node, NODE_STATE_NEVER_SEEN, CAUSE_NODE_NOT_JOINED);
    } else if (node->alive && world_is_proven_off(world, node->name, node->alive->incarnation)) {
        node->state = NODE_STATE_FENCED;
        node->why = node->fence->cause;
    } else if (node->pulse == PULSE_SILENT) {
        silent_state(world, node);
    } else if (node->pulse == PULSE_UNKNOWN) {
        set(node, NODE_STATE_UNKNOWN, node_unknown_cause(view));
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
    ret->pulse = liveness_pulse(view->liveness, name, world_settings(view->world), view->now_ms,
                                &ret->silent_ms);
    derive_state(view, ret);
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
