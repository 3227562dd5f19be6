/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/live.h"

#include <string.h>

/* What 'node' says of itself now; NULL: nothing. */
static const struct node_inventory *inventory_of(const struct world *world, const char *node)
{
    const struct record *record = world_find(world, RECORD_NODE_INVENTORY, node);
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    return record && alive && record->inventory->incarnation == alive->alive->incarnation
               ? record->inventory
               : NULL;
}

static bool runs_as_defined(const struct world *world, const char *vm)
{
    const struct record *spec = world_find(world, RECORD_VM_SPEC, vm);
    const struct record *placement = world_find(world, RECORD_VM_PLACEMENT, vm);
    const struct record *status = world_find(world, RECORD_VM_STATUS, vm);
    return spec && placement && status && spec->vm_spec->need_len == 0 &&
           placement->placement->gpus.len == 0 &&
           placement->placement->definition == spec->vm_spec->definition &&
           status->status->epoch == placement->placement->epoch &&
           strcmp(status->status->node, placement->placement->node) == 0 &&
           status->status->state == VM_STATE_RUNNING;
}

bool live_can_move(const struct world *world, const char *vm, const char *to)
{
    if (!runs_as_defined(world, vm)) {
        return false;
    }
    const char *node = world_find(world, RECORD_VM_PLACEMENT, vm)->placement->node;
    const struct node_inventory *from = inventory_of(world, node);
    const struct node_inventory *there = inventory_of(world, to);
    return from && there && strcmp(node, to) != 0 && from->migration_address[0] != '\0' &&
           there->migration_address[0] != '\0' && from->cpu_model[0] != '\0' &&
           strcmp(from->cpu_model, there->cpu_model) == 0;
}
