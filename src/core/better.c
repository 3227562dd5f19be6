/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/better.h"

#include "core/peer.h"

#include "model/gpu_device.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The inventory of an earlier boot says nothing of a card. */
static bool is_current(const struct core *core, const char *node)
{
    const struct record *inventory = world_find(&core->world, RECORD_NODE_INVENTORY, node);
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, node);
    return inventory && alive && inventory->inventory->incarnation == alive->alive->incarnation;
}

bool better_has_failed_gpu(const struct core *core, const struct vm_placement *placement,
                           struct cause *ret_why)
{
    assert(placement->phase == PLACEMENT_START); /* what stops gives its GPUs back anyway */
    if (!is_current(core, placement->node)) {
        return false;
    }
    VEC_EACH(&placement->gpus, hold) {
        char slot[name_size];
        struct gpu_device device;
        bool is_there = world_device(&core->world, placement->node, &hold->slot, &device);
        if (!is_there || device.health != GPU_HEALTHY) {
            *ret_why = cause_make(is_there ? CAUSE_GPU_FAILED : CAUSE_GPU_GONE, NULL,
                                  gpu_slot_format(&hold->slot, slot),
                                  is_there ? device.health_cause->facts.detail : NULL);
            return true;
        }
    }
    return false;
}

size_t better_rank(const struct vm_spec *spec, const char *node)
{
    size_t rank = 0;
    while (rank < spec->preferred_owners.len &&
           strcmp(spec->preferred_owners.items[rank].name, node) != 0) {
        rank++;
    }
    return rank;
}

bool better_is_told(const struct vm_spec *spec, const char *node)
{
    return spec->move_order > 0 && strcmp(spec->move_to, node) == 0;
}

const char *better_owner(const struct core *core, const struct view *view)
{
    const struct vm_spec *spec = view->spec->vm_spec;
    const char *node = view->placement->placement->node;
    /* Where it failed, or would not leave, is no better place. */
    const struct vm_placement *placement = view->placement->placement;
    if (placement->failovers > 0 || placement->cause.code == CAUSE_STOP_REFUSED) {
        return NULL;
    }
    if (world_settings(&core->world)->failback != FAILBACK_IMMEDIATE ||
        better_is_told(spec, node)) {
        return NULL;
    }
    size_t rank = better_rank(spec, node);
    for (size_t i = 0; i < rank && i < spec->preferred_owners.len; i++) {
        if (peer_takes_vms(core, spec->preferred_owners.items[i].name)) {
            return spec->preferred_owners.items[i].name;
        }
    }
    return NULL;
}
