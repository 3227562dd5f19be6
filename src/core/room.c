/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/room.h"

#include "core/change.h"
#include "core/lead.h"
#include "core/mutant.h"
#include "model/memory.h"

#include <assert.h>
#include <string.h>

struct room {
    uint64_t cpus, memory_mib;
};

/* Whose room is looked for, and where: memory of another kind than the VM's does not count. */
struct place {
    const struct core *core;
    const struct record *spec; /* of the VM */
    const char *node;
    uint32_t default_kib; /* of the node's huge pages */
    enum memory_kind kind;
};

static uint64_t memory_here(const struct place *place, uint64_t memory_mib, uint32_t page_kib)
{
    return memory_kind_of(page_kib, place->default_kib) == place->kind ? memory_mib : 0;
}

static struct room room_of(const struct place *place, const struct vm_spec *spec)
{
    return (struct room){spec->cpus, memory_here(place, spec->memory_mib, spec->huge_page_kib)};
}

/* What 'placement' of 'vm' has there, or has reserved. */
static struct room held_by(const struct place *place, const char *vm,
                           const struct record *placement)
{
    const struct core *core = place->core;
    const char *node = place->node;
    const struct vm_placement *p = placement ? placement->placement : NULL;
    if (p && p->phase != PLACEMENT_NONE && strcmp(p->node, node) == 0) {
        return (struct room){p->cpus, memory_here(place, p->memory_mib, p->huge_page_kib)};
    }
    if (p && p->handover != HANDOVER_NONE && strcmp(p->next_node, node) == 0) {
        return (struct room){p->cpus, memory_here(place, p->memory_mib, p->huge_page_kib)};
    }
    if (p && p->phase != PLACEMENT_NONE && strcmp(p->next_node, node) == 0) {
        const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
        return spec ? room_of(place, spec->vm_spec) : (struct room){0};
    }
    return (struct room){0};
}

/* What other VMs have there that someone brought there past Berth. */
static struct room held_by_visitors(const struct place *place)
{
    const struct core *core = place->core;
    const char *vm = place->spec->key.name, *node = place->node;
    struct room sum = {0};
    const struct record *inventory = world_find(&core->world, RECORD_NODE_INVENTORY, node);
    if (inventory) {
        VEC_EACH(&inventory->inventory->sightings, sighting) {
            const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, sighting->vm);
            if (spec && strcmp(sighting->vm, vm) != 0) {
                struct room held = room_of(place, spec->vm_spec);
                sum.cpus += held.cpus;
                sum.memory_mib += held.memory_mib;
            }
        }
    }
    return sum;
}

/* What all other VMs have there. */
static struct room held_by_others(const struct place *place)
{
    const struct core *core = place->core;
    const char *vm = place->spec->key.name;
    struct room sum = held_by_visitors(place);
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each) {
        const char *name = (*each)->key.name;
        if (strcmp(name, vm) != 0) {
            struct room held = held_by(place, name, *each);
            sum.cpus += held.cpus;
            sum.memory_mib += held.memory_mib;
        }
    }
    VEC_EACH(&core->changes->intents, intent) {
        struct room will = held_by(place, intent->vm, intent->placement);
        if ((will.cpus > 0 || will.memory_mib > 0) && strcmp(intent->vm, vm) != 0) {
            const struct record *stored = world_find(&core->world, RECORD_VM_PLACEMENT, intent->vm);
            struct room was = held_by(place, intent->vm, stored);
            sum.cpus += will.cpus - MIN(will.cpus, was.cpus);
            sum.memory_mib += will.memory_mib - MIN(will.memory_mib, was.memory_mib);
        }
    }
    return sum;
}

/*
 * Memory and CPUs have no claims in the store; they are safe because all is counted here: what
 * every placement has or has reserved, as the store has it and as each change on its way will have
 * it. Only the holder of the term writes placements, so no one else gives the same away in between.
 */
static bool has_room(const struct core *core, const struct record *spec, const char *node)
{
    const struct record *inventory = world_find(&core->world, RECORD_NODE_INVENTORY, node);
    if (!inventory || MUTANT(ROOM_TWICE)) {
        return inventory;
    }
    struct place place = {
        core, spec, node, inventory->inventory->huge_default_kib,
        memory_kind_of(spec->vm_spec->huge_page_kib, inventory->inventory->huge_default_kib)};
    struct room held = held_by_others(&place);
    uint64_t cpus =
        (uint64_t)inventory->inventory->cpus * world_settings(&core->world)->cpu_percent / 100;
    uint64_t memory_mib = memory_of_kind(inventory->inventory, place.kind);
    bool is_uncounted = place.kind == MEMORY_ORDINARY && memory_mib == 0;
    return (cpus == 0 || held.cpus + spec->vm_spec->cpus <= cpus) &&
           (is_uncounted || held.memory_mib + spec->vm_spec->memory_mib <= memory_mib);
}

/* Whether no one else claims a device of 'gpus'. */
static bool has_gpus(const struct core *core, const char *vm, const char *node,
                     const gpu_holds_t *gpus)
{
    VEC_EACH(gpus, hold) {
        struct record_key key = world_claim_key(node, &hold->slot);
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
    /* Else another host may be giving the same away, or placements are missing from the sum. */
    assert(lead_is_ours(core) && core->world.is_complete);
    return has_gpus(core, spec->key.name, node, gpus) && has_room(core, spec, node);
}
