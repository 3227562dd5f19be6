/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/proof.h"

#include "core/mutant.h"

#include <assert.h>
#include <string.h>

ENUM_DEFINE(gone, GONE_LIST)

/* What exists on 'node' since 'incarnation' is gone with that incarnation. */
static enum gone host_is_over(const struct world *world, const char *node, uint64_t incarnation)
{
    /* The proof covers that incarnation and all before it, so also one that the host, if it was
     * never off, cannot continue: its heartbeats demand that no such record has come. */
    if (world_is_proven_off(world, node, incarnation)) {
        return GONE_FENCED;
    }
    /* A host begins an incarnation only when it has seen the VMs of the one before gone. */
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    if (alive && incarnation < alive->alive->incarnation) {
        return GONE_HOST_REJOINED;
    }
    return GONE_NOT;
}

/* Of the copy that had, or has, that epoch. */
static enum gone copy_gone(const struct world *world, const char *vm, uint64_t epoch)
{
    const struct record *record = world_find(world, RECORD_VM_INCOMING, vm);
    /* As with 'starting': it is written before the host lets anything in, guarded by the placement
     * that orders it. */
    if (!record || record->incoming->epoch < epoch) {
        return GONE_NOT_BEGUN;
    }
    if (record->incoming->state == INCOMING_GONE) {
        return GONE_REPORTED;
    }
    return host_is_over(world, record->incoming->node, record->incoming->incarnation);
}

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
        /* What came by a hand-over exists before that, and has the room; it does not run. */
        bool is_there = placement->epoch == placement->epoch_last &&
                        copy_gone(world, vm, placement->epoch) == GONE_NOT;
        return is_there ? GONE_NOT : GONE_NOT_BEGUN;
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
    return host_is_over(world, placement->node, status->status->incarnation);
}

enum gone proof_copy_gone(const struct world *world, const char *vm,
                          const struct vm_placement *placement)
{
    assert(placement->handover != HANDOVER_NONE && placement->next_node[0] != '\0');
    return copy_gone(world, vm, placement->epoch_last);
}
