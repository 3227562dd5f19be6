/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/card.h"

#include "model/gpu_device.h"
#include "plan/leaving.h"

#include <stdio.h>
#include <string.h>

/* Whether nobody can tell who has the device: somebody may. */
static bool is_claim_unreadable(const struct plan_cluster *c, const struct pool_member *member)
{
    struct record_key key = {.kind = RECORD_CLAIM};
    (void)snprintf(key.name, sizeof(key.name), "%s", member->node);
    (void)gpu_slot_format(&member->slot, key.second);
    return !world_is_readable(c->world, &key);
}

bool card_is_refused(const struct plan_cluster *c, const struct pool_member *member, char *ret,
                     size_t size)
{
    char identity[gpu_identity_size];
    const struct dismount *entry = world_dismount(c->world, member->node, member->slot.address);
    struct gpu_device device;
    const char *holder = leaving_holder(c, member->node, &member->slot);
    if (holder) {
        (void)snprintf(ret, size, "is held by %s, which was removed and has not stopped yet",
                       holder);
    } else if (is_claim_unreadable(c, member)) {
        char slot[name_size];
        (void)snprintf(ret, size,
                       "has a claim that cannot be read: when no VM has it, delete the key "
                       "claims/%s/%s in the store",
                       member->node, gpu_slot_format(&member->slot, slot));
    } else if (!world_device(c->world, member->node, &member->slot, &device)) {
        (void)snprintf(ret, size, "is not there");
    } else if (device.health != GPU_HEALTHY) {
        (void)snprintf(ret, size, "is quarantined: %s", device.health_reason);
    } else if (!gpu_device_is_dismounted(&device)) {
        (void)snprintf(ret, size, "is not dismounted (driver %s)",
                       device.driver[0] ? device.driver : "none");
    } else if (!gpu_device_may_be_assigned(&device, entry && entry->is_forced)) {
        (void)snprintf(ret, size, "is not assignable: %s", gpu_verdict_name(device.verdict));
    } else if (strcmp(gpu_identity(device.card, identity), member->identity) != 0 &&
               !c->options.takes_any_card) {
        (void)snprintf(ret, size, "is another card than the pool's");
    } else {
        return false;
    }
    return true;
}
