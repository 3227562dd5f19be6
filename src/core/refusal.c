/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a node takes no VMs, or a card cannot be handed out: what the planner, which knows counts only,
 * cannot say. */
#include "core/internal.h"

#include <stdio.h>
#include <string.h>

void refusal_of_node(const struct core *core, const char *node, char *ret, size_t size)
{
    if (!coordinator_is_up(core, node)) {
        (void)snprintf(ret, size, "it does not answer, or is proven off");
    } else if (flapping_is_quarantined(core, node)) {
        (void)snprintf(ret, size,
                       "quarantined: it began anew three times within an hour ('berth node resume "
                       "%s' ends that)",
                       node);
    } else {
        (void)snprintf(ret, size, "its hypervisor (libvirt) does not answer");
    }
}

bool refusal_of_card(const struct core *core, const struct pool_member *member, char *ret,
                     size_t size)
{
    char identity[gpu_identity_size];
    const struct dismount *entry =
        world_dismount(&core->world, member->node, member->slot.address);
    const struct gpu *gpu = world_gpu(&core->world, member->node, member->slot.address);
    if (!gpu) {
        (void)snprintf(ret, size, "is not there");
    } else if (gpu->health != GPU_HEALTHY) {
        (void)snprintf(ret, size, "is quarantined: %s", gpu->health_reason);
    } else if (!gpu_is_dismounted(gpu)) {
        (void)snprintf(ret, size, "is not dismounted (driver %s)",
                       gpu->driver[0] ? gpu->driver : "none");
    } else if (!gpu_may_be_assigned(gpu, entry && entry->is_forced)) {
        (void)snprintf(ret, size, "is not assignable: %s", gpu_verdict_name(gpu->verdict));
    } else if (strcmp(gpu_identity(gpu, identity), member->identity) != 0 &&
               !MUTANT(CARD_UNCHECKED)) {
        (void)snprintf(ret, size, "is another card than the pool's");
    } else {
        return false;
    }
    return true;
}

void refusal_of_cards(const struct core *core, const char *pool, const char *node, char *ret,
                      size_t size)
{
    const struct record *record = world_find(&core->world, RECORD_POOL, pool);
    if (!record) {
        return;
    }
    VEC_EACH(&record->pool->members, member) {
        char why[reason_size], slot[name_size];
        if (strcmp(member->node, node) == 0 &&
            refusal_of_card(core, member, why, sizeof(why))) {
            (void)snprintf(ret, size, "too few GPUs in %s can be used: %s %s", pool,
                           gpu_slot_format(&member->slot, slot), why);
            return;
        }
    }
}
