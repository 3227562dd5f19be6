/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/card.h"

#include "model/gpu_device.h"
#include "plan/leaving.h"

#include <stdio.h>
#include <string.h>

/* Whether it cannot be told who has the device: someone may. */
static bool is_claim_unreadable(const struct plan_cluster *c, const struct pool_member *member)
{
    struct record_key key = world_claim_key(member->node, &member->slot);
    return !world_is_readable(c->world, &key);
}

/* The same card as when it joined, and, of a vGPU, whose type may be another after each boot, the
 * type that VMs of the pool expect. */
static bool is_what_joined(const struct plan_cluster *c, const struct pool *pool,
                           const struct pool_member *member, const struct gpu_device *device)
{
    char identity[gpu_identity_size];
    if (strcmp(gpu_identity(device->card, identity), member->identity) != 0) {
        return c->options.takes_any_card;
    }
    return !device->partition || pool->is_mixed || pool->partition_type[0] == '\0' ||
           strcmp(device->partition->type, pool->partition_type) == 0;
}

bool card_is_refused(const struct plan_cluster *c, const struct pool *pool,
                     const struct pool_member *member, struct cause *ret_why)
{
    const struct dismount *entry = world_dismount(c->world, member->node, member->slot.address);
    struct gpu_device device;
    const char *holder = leaving_holder(c, member->node, &member->slot);
    struct cause why;
    if (holder) {
        why = cause_make(CAUSE_CARD_LEAVING, NULL, holder, NULL);
    } else if (is_claim_unreadable(c, member)) {
        why = cause_make(CAUSE_CARD_CLAIM_UNREADABLE, member->node, NULL, NULL);
    } else if (!world_device(c->world, member->node, &member->slot, &device)) {
        why = cause_make(CAUSE_CARD_MISSING, NULL, NULL, NULL);
    } else if (device.health != GPU_HEALTHY) {
        why = cause_make(CAUSE_CARD_QUARANTINED, NULL, NULL, device.health_cause->facts.detail);
    } else if (!gpu_device_is_dismounted(&device)) {
        why = cause_make(CAUSE_CARD_MOUNTED, NULL, device.driver, NULL);
    } else if (!gpu_device_may_be_assigned(&device, entry && entry->is_forced)) {
        why = cause_make(CAUSE_CARD_UNASSIGNABLE, NULL, gpu_verdict_name(device.verdict), NULL);
    } else if (!is_what_joined(c, pool, member, &device)) {
        why = cause_make(CAUSE_CARD_OTHER, NULL, NULL, NULL);
    } else {
        return false;
    }
    (void)gpu_slot_format(&member->slot, why.facts.device);
    *ret_why = why;
    return true;
}
