/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/live.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct cause because(enum cause_code code, const char *host)
{
    return cause_make(code, NULL, host, NULL);
}

/* What 'node' says of itself now; NULL: nothing. */
static const struct node_inventory *inventory_of(const struct world *world, const char *node)
{
    const struct record *record = world_find(world, RECORD_NODE_INVENTORY, node);
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    return record && alive && record->inventory->incarnation == alive->alive->incarnation
               ? record->inventory
               : NULL;
}

/* What is in the way whichever host it goes to. */
static struct cause why_not_itself(const struct world *world, const char *vm)
{
    const struct record *spec = world_find(world, RECORD_VM_SPEC, vm);
    const struct record *placement = world_find(world, RECORD_VM_PLACEMENT, vm);
    const struct record *status = world_find(world, RECORD_VM_STATUS, vm);
    if (!spec || !placement || !status || placement->placement->phase == PLACEMENT_NONE ||
        status->status->epoch != placement->placement->epoch ||
        strcmp(status->status->node, placement->placement->node) != 0 ||
        status->status->state != VM_STATE_RUNNING) {
        return because(CAUSE_LIVE_NOT_UP, NULL);
    }
    if (spec->vm_spec->need_len > 0 || placement->placement->gpus.len > 0) {
        struct cause why = because(CAUSE_LIVE_DEVICE, NULL);
        const char *pool = spec->vm_spec->need_len > 0 ? spec->vm_spec->needs[0].pool
                                                       : placement->placement->gpus.items[0].pool;
        memcpy(why.facts.pool, pool, sizeof(why.facts.pool));
        return why;
    }
    if (spec->vm_spec->unmovable[0]) {
        return cause_make(CAUSE_LIVE_DEVICE, NULL, NULL, spec->vm_spec->unmovable);
    }
    return because(placement->placement->definition != spec->vm_spec->definition
                       ? CAUSE_LIVE_CHANGED
                       : CAUSE_NONE,
                   NULL);
}

/* What is in the way at one of the two hosts. */
static struct cause why_not_host(const struct world *world, const char *node)
{
    const struct node_inventory *inventory = inventory_of(world, node);
    return because(!inventory                                ? CAUSE_LIVE_HOST_UNHEARD
                   : inventory->migration_address[0] == '\0' ? CAUSE_LIVE_NO_ADDRESS
                   : inventory->cpu_model[0] == '\0'         ? CAUSE_LIVE_NO_CPU
                                                             : CAUSE_NONE,
                   node);
}

struct cause live_why_not(const struct world *world, const char *vm, const char *to)
{
    struct cause why = why_not_itself(world, vm);
    if (why.code != CAUSE_NONE) {
        return why;
    }
    const char *from = world_find(world, RECORD_VM_PLACEMENT, vm)->placement->node;
    why = why_not_host(world, from);
    if (why.code == CAUSE_NONE && to) {
        why = why_not_host(world, to);
    }
    if (why.code != CAUSE_NONE || !to) {
        return why.code != CAUSE_NONE ? why : (struct cause){0};
    }
    const char *cpu = inventory_of(world, from)->cpu_model;
    const char *other = inventory_of(world, to)->cpu_model;
    if (strcmp(cpu, other) != 0) {
        char both[reason_size];
        (void)snprintf(both, sizeof(both), "%s here, %s there", cpu, other);
        return cause_make(CAUSE_LIVE_CPU, NULL, to, both);
    }
    return (struct cause){0};
}

bool live_can_move(const struct world *world, const char *vm, const char *to)
{
    const struct record *placement = world_find(world, RECORD_VM_PLACEMENT, vm);
    return placement && strcmp(placement->placement->node, to) != 0 &&
           live_why_not(world, vm, to).code == CAUSE_NONE;
}

bool live_shuns_stops(const struct world *world, const char *vm, enum migration way)
{
    if (way == MIGRATION_RESTART || way == MIGRATION_LIVE) {
        return way == MIGRATION_LIVE;
    }
    if (live_why_not(world, vm, NULL).code != CAUSE_NONE) {
        return false;
    }
    WORLD_EACH(world, RECORD_NODE_INVENTORY, each) {
        if (live_can_move(world, vm, (*each)->key.name)) {
            return true;
        }
    }
    return false;
}

bool live_would_stop(const struct world *world, const char *vm, const char *to)
{
    const struct record *placement = world_find(world, RECORD_VM_PLACEMENT, vm);
    bool is_there = placement && strcmp(placement->placement->node, to) == 0;
    return !is_there && live_why_not(world, vm, to).code != CAUSE_NONE;
}

enum migration live_way(const struct vm_spec *vm, enum migration ordered)
{
    enum migration way = ordered != MIGRATION_DEFAULT ? ordered : vm->migration;
    return way != MIGRATION_DEFAULT ? way : MIGRATION_LIVE_OR_RESTART;
}

enum migration live_comes_of(const struct world *world, const char *vm, const char *to,
                             enum migration way, struct cause *ret_why)
{
    assert(way != MIGRATION_DEFAULT);
    *ret_why = way == MIGRATION_RESTART ? cause_make(CAUSE_LIVE_UNWANTED, NULL, NULL, NULL)
                                        : live_why_not(world, vm, to);
    return ret_why->code == CAUSE_NONE ? MIGRATION_LIVE : MIGRATION_RESTART;
}

enum migration live_drain_order(const struct world *world, const char *node)
{
    const struct record *spec = world_find(world, RECORD_NODE_SPEC, node);
    return spec && spec->node_spec->mode == NODE_DRAIN ? spec->node_spec->migration
                                                       : MIGRATION_DEFAULT;
}
