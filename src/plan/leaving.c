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
static void take(struct plan_node *node, uint32_t cpus, uint64_t memory_mib, enum memory_kind kind)
{
    if (node->cpus > 0) {
        node->cpus = node->cpus > cpus ? node->cpus - cpus : 1;
    }
    if (kind != MEMORY_ORDINARY) {
        node->huge_mib[kind] -= MIN(node->huge_mib[kind], memory_mib);
    } else if (node->memory_mib > 0) {
        node->memory_mib = node->memory_mib > memory_mib ? node->memory_mib - memory_mib : 1;
    }
}

void leaving_take(const struct plan_cluster *c, struct plan_node *node)
{
    const struct record *inventory = world_find(c->world, RECORD_NODE_INVENTORY, node->name);
    uint32_t default_kib = inventory ? inventory->inventory->huge_default_kib : 0;
    VEC_EACH(&c->leaving, each) {
        const struct vm_placement *p = (*each)->placement;
        if (strcmp(p->node, node->name) == 0) {
            take(node, p->cpus, p->memory_mib, memory_kind_of(p->huge_page_kib, default_kib));
        }
    }
    for (size_t i = 0; inventory && i < inventory->inventory->sightings.len; i++) {
        const struct record *spec =
            world_find(c->world, RECORD_VM_SPEC, inventory->inventory->sightings.items[i].vm);
        if (spec) {
            take(node, spec->vm_spec->cpus, spec->vm_spec->memory_mib,
                 memory_kind_of(spec->vm_spec->huge_page_kib, default_kib));
        }
    }
}
