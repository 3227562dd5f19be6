/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/leaving.h"

#include <string.h>

bool leaving_find(struct plan_cluster *c)
{
    size_t at = 0; /* among the specs: both are sorted by name */
    WORLD_EACH(c->world, RECORD_VM_PLACEMENT, each) {
        const char *name = (*each)->key.name;
        while (at < c->world->records[RECORD_VM_SPEC].len &&
               strcmp(c->world->records[RECORD_VM_SPEC].items[at]->key.name, name) < 0) {
            at++;
        }
        bool has_spec = at < c->world->records[RECORD_VM_SPEC].len &&
                        strcmp(c->world->records[RECORD_VM_SPEC].items[at]->key.name, name) == 0;
        const struct record *record =
            has_spec ? NULL : c->options.placement(c->options.context, name);
        if (record && record->placement->phase != PLACEMENT_NONE) {
            const struct record **place = VEC_ADD(&c->leaving);
            if (!place) {
                return false;
            }
            *place = record;
        }
    }
    return true;
}

const char *leaving_holder(const struct plan_cluster *c, const char *node,
                           const struct gpu_slot *slot)
{
    VEC_EACH(&c->leaving, each) {
        VEC_EACH(&(*each)->placement->gpus, hold) {
            if (strcmp((*each)->placement->node, node) == 0 && gpu_slot_equal(&hold->slot, slot)) {
                return (*each)->key.name;
            }
        }
    }
    return NULL;
}

/* 0 means "not counted" to the planner: what is used up leaves 1. */
static void take(struct plan_node *node, uint32_t cpus, uint64_t memory_mib)
{
    if (node->cpus > 0) {
        node->cpus = node->cpus > cpus ? node->cpus - cpus : 1;
    }
    if (node->memory_mib > 0) {
        node->memory_mib = node->memory_mib > memory_mib ? node->memory_mib - memory_mib : 1;
    }
}

void leaving_take(const struct plan_cluster *c, struct plan_node *node)
{
    VEC_EACH(&c->leaving, each) {
        const struct vm_placement *p = (*each)->placement;
        if (strcmp(p->node, node->name) == 0) {
            take(node, p->cpus, p->memory_mib);
        }
    }
    const struct record *inventory = world_find(c->world, RECORD_NODE_INVENTORY, node->name);
    if (inventory) {
        VEC_EACH(&inventory->inventory->sightings, sighting) {
            const struct record *spec = world_find(c->world, RECORD_VM_SPEC, sighting->vm);
            if (spec) {
                take(node, spec->vm_spec->cpus, spec->vm_spec->memory_mib);
            }
        }
    }
}
