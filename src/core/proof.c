/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/proof.h"

ENUM_DEFINE(gone, GONE_LIST)

enum gone proof_instance_gone(const struct world *world, const char *vm,
                              const struct vm_placement *placement)
{
    const struct record *status = world_find(world, RECORD_VM_STATUS, vm);
    /*
     * A node writes the status 'starting' of an epoch before it starts anything, guarded by the
     * placement's revision. Without it nothing runs; and a later one fails once the placement was
     * changed.
     */
    if (!status || status->status->epoch < placement->epoch) {
        return GONE_NOT_BEGUN;
    }
    if (status->status->epoch == placement->epoch &&
        (status->status->state == VM_STATE_STOPPED || status->status->state == VM_STATE_FAILED)) {
        return GONE_REPORTED;
    }
    if (world_is_proven_off(world, placement->node, status->status->incarnation)) {
        return GONE_FENCED;
    }
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, placement->node);
    if (alive && status->status->incarnation < alive->alive->incarnation) {
        return GONE_HOST_ANEW;
    }
    return GONE_NOT;
}
