/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/proof.h"

#include "core/mutant.h"

#include <assert.h>
#include <string.h>

ENUM_DEFINE(gone, GONE_LIST)

enum gone proof_instance_gone(const struct world *world, const char *vm,
                              const struct vm_placement *placement)
{
    const struct record *status = world_find(world, RECORD_VM_STATUS, vm);
    assert(placement->phase != PLACEMENT_NONE); /* else there is no instance */
    /*
     * A node writes the status 'starting' of an epoch before it starts anything, guarded by the
     * placement's revision. Without it nothing runs; and a later one fails once the placement was
     * changed.
     */
    if (!status || status->status->epoch < placement->epoch) {
        return GONE_NOT_BEGUN;
    }
    bool is_of_now = status->status->epoch == placement->epoch;
    if (is_of_now && strcmp(status->status->node, placement->node) != 0) {
        return GONE_NOT; /* adopted there: that host has not told of it yet */
    }
    /* A host says so of an epoch only when no process of it exists and none is being started. What
     * it says of another epoch is no word about this instance. */
    if (is_of_now &&
        (status->status->state == VM_STATE_STOPPED || status->status->state == VM_STATE_FAILED)) {
        return GONE_REPORTED;
    }
    /* It left that host, so the host's end does not end it. The same where others see it. */
    const char *seen_on;
    bool is_away = is_of_now && status->status->state == VM_STATE_AWAY && !MUTANT(AWAY_IS_GONE);
    if (is_away || (world_sighting(world, vm, &seen_on) && !MUTANT(SIGHTING_UNHEEDED))) {
        return GONE_NOT;
    }
    /* The proof covers that incarnation and all before it, so also one that the host, if it was
     * never off, cannot continue: its heartbeats demand that no such record has come. */
    if (world_is_proven_off(world, placement->node, status->status->incarnation)) {
        return GONE_FENCED;
    }
    /* A host begins an incarnation only when it has seen the VMs of the one before gone. */
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, placement->node);
    if (alive && status->status->incarnation < alive->alive->incarnation) {
        return GONE_HOST_ANEW;
    }
    return GONE_NOT;
}
