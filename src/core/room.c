/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/room.h"

#include "core/change.h"
#include "core/mutant.h"

#include <string.h>

struct room {
    uint64_t cpus, memory_mib;
};

/* What 'placement' of 'vm' has on 'node', or has reserved there. */
static struct room held_by(const struct core *core, const char *vm, const struct record *placement,
                           const char *node)
{
    const struct vm_placement *p = placement ? placement->placement : NULL;
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    if (p && p->phase != PLACEMENT_NONE && strcmp(p->node, node) == 0) {
        return (struct room){p->cpus, p->memory_mib};
    }
    if (p && p->phase != PLACEMENT_NONE && strcmp(p->next_node, node) == 0 && spec) {
        return (struct room){spec->vm_spec->cpus, spec->vm_spec->memory_mib};
    }
    return (struct room){0};
}

/* What VMs but 'vm' have on 'node' that somebody brought there past Berth. */
static struct room held_by_visitors(const struct core *core, const char *vm, const char *node)
{
    struct room sum = {0};
    const struct record *inventory = world_find(&core->world, RECORD_NODE_INVENTORY, node);
    if (inventory) {
        VEC_EACH(&inventory->inventory->sightings, sighting) {
            const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, sighting->vm);
            if (spec && strcmp(sighting->vm, vm) != 0) {
                sum.cpus += spec->vm_spec->cpus;
                sum.memory_mib += spec->vm_spec->memory_mib;
            }
        }
    }
    return sum;
}

/* What all VMs but 'vm' have on 'node'. */
static struct room held_by_others(const struct core *core, const char *vm, const char *node)
{
    struct room sum = held_by_visitors(core, vm, node);
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each) {
        const char *name = (*each)->key.name;
        if (strcmp(name, vm) != 0) {
            struct room held = held_by(core, name, *each, node);
            sum.cpus += held.cpus;
            sum.memory_mib += held.memory_mib;
        }
    }
    VEC_EACH(&core->changes->intents, intent) {
        const struct record *stored = world_find(&core->world, RECORD_VM_PLACEMENT, intent->vm);
        struct room was = held_by(core, intent->vm, stored, node);
        struct room will = held_by(core, intent->vm, intent->placement, node);
        if (strcmp(intent->vm, vm) != 0) {
            sum.cpus += will.cpus - MIN(will.cpus, was.cpus);
            sum.memory_mib += will.memory_mib - MIN(will.memory_mib, was.memory_mib);
        }
    }
    return sum;
}

static bool has_room(const struct core *core, const struct record *spec, const char *node)
{
    const struct record *inventory = world_find(&core->world, RECORD_NODE_INVENTORY, node);
    if (!inventory || MUTANT(ROOM_TWICE)) {
        return inventory;
    }
    struct room held = held_by_others(core, spec->key.name, node);
    uint64_t cpus =
        (uint64_t)inventory->inventory->cpus * world_settings(&core->world)->cpu_percent / 100;
    uint64_t memory_mib = inventory->inventory->memory_mib;
    return (cpus == 0 || held.cpus + spec->vm_spec->cpus <= cpus) &&
           (memory_mib == 0 || held.memory_mib + spec->vm_spec->memory_mib <= memory_mib);
}

/* Whether nobody else claims a device of 'gpus'. */
static bool has_gpus(const struct core *core, const char *vm, const char *node,
                     const gpu_holds_t *gpus)
{
    VEC_EACH(gpus, hold) {
        struct record_key key = change_claim_key(node, &hold->slot);
        const struct record *claim = world_find_key(&core->world, &key);
        if (claim && strcmp(claim->claim->vm, vm) != 0) {
            return false;
        }
    }
    return true;
}

bool room_is_there(const struct core *core, const struct record *spec, const char *node,
                   const gpu_holds_t *gpus)
{
    return has_gpus(core, spec->key.name, node, gpus) && has_room(core, spec, node);
}
