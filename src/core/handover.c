/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/handover.h"

#include "base/sm.h"
#include "core/mutant.h"

#include <assert.h>
#include <string.h>

static const sm_moves_t moves[handover_count] = {
    [HANDOVER_NONE] = SM_TO(HANDOVER_ORDERED),
    [HANDOVER_ORDERED] = SM_TO(HANDOVER_NONE) | SM_TO(HANDOVER_WITHDRAWN),
    [HANDOVER_WITHDRAWN] = SM_TO(HANDOVER_NONE),
};

/* What has a device of its host, or nowhere to go, is not handed over. */
static bool is_whole(const struct vm_placement *p)
{
    return p->handover == HANDOVER_NONE ||
           (p->phase == PLACEMENT_STOP && p->gpus.len == 0 && p->next_gpus.len == 0 &&
            p->next_node[0] != '\0' && strcmp(p->next_node, p->node) != 0 &&
            p->epoch_last > p->epoch);
}

/* The place, the one to come and the epochs stay what they are while both may have something of
 * it; only the copy that was ordered takes over. */
static bool keeps_places(const struct vm_placement *old, const struct vm_placement *to)
{
    bool is_same = to->epoch == old->epoch && to->epoch_last == old->epoch_last &&
                   strcmp(to->node, old->node) == 0;
    bool takes_over = old->handover == HANDOVER_ORDERED && to->handover == HANDOVER_NONE;
    if (takes_over) {
        return to->phase == PLACEMENT_START && to->epoch == old->epoch_last &&
               strcmp(to->node, old->next_node) == 0;
    }
    return is_same && (to->handover == HANDOVER_NONE || strcmp(to->next_node, old->next_node) == 0);
}

bool handover_may_become(const struct vm_placement *old, const struct vm_placement *to)
{
    enum handover was = old ? old->handover : HANDOVER_NONE;
    enum handover is = to ? to->handover : HANDOVER_NONE;
    if (!to) {
        return was == HANDOVER_NONE;
    }
    return is_whole(to) && (was == is || (moves[was] & SM_TO(is)) != 0) &&
           (was == HANDOVER_NONE || keeps_places(old, to)) &&
           (!old || to->epoch_last >= old->epoch_last);
}

/* Of 'vm', which goes along with 'leader' because an enforced rule ties them together: not if that
 * one is to stay, or stayed after all. Alone it would break the rule for which it goes. */
static bool follows(const struct world *world, const char *vm, const char *leader)
{
    const struct record *own = world_find(world, RECORD_VM_PLACEMENT, vm);
    const struct record *other = world_find(world, RECORD_VM_PLACEMENT, leader);
    if (!own || !other || strcmp(own->placement->node, other->placement->node) != 0) {
        return true; /* it went already, or is gone */
    }
    const struct vm_placement *p = other->placement;
    if (p->phase == PLACEMENT_STOP) { /* a stop, unlike a hand-over, is not taken back */
        return p->handover == HANDOVER_NONE || p->cause.code == CAUSE_GROUP ||
               handover_is_wanted(world, leader, p);
    }
    /* It stays, unless that is from before and its own order to go is yet to come. */
    bool stays = p->cause.code == CAUSE_MOVE_WITHDRAWN || p->cause.code == CAUSE_LIVE_FAILED;
    return !stays ||
           (other->revision < own->revision && own->placement->handover != HANDOVER_WITHDRAWN);
}

bool handover_meets(const struct vm_placement *placement, const struct vm_spec *spec)
{
    bool is_newer = spec->move_order > placement->move_order && !MUTANT(MOVE_BEGUN_AGAIN);
    bool goes_there =
        strcmp(spec->move_to, "*") == 0 || strcmp(spec->move_to, placement->next_node) == 0;
    return placement->handover == HANDOVER_ORDERED && is_newer && goes_there &&
           spec->move_by != MIGRATION_RESTART;
}

bool handover_is_wanted(const struct world *world, const char *vm,
                        const struct vm_placement *placement)
{
    const struct record *node = world_find(world, RECORD_NODE_SPEC, placement->node);
    const struct record *spec = world_find(world, RECORD_VM_SPEC, vm);
    switch ((int)placement->cause.code) {
    case CAUSE_MOVE_ORDERED:
        return !spec || spec->vm_spec->move_order == placement->move_order ||
               handover_meets(placement, spec->vm_spec) || MUTANT(WITHDRAWAL_UNHEEDED);
    case CAUSE_DRAIN:
    case CAUSE_HOST_SHUTDOWN:
        return (node && node->node_spec->mode == NODE_DRAIN) ||
               world_is_vacated(world, placement->node) || MUTANT(WITHDRAWAL_UNHEEDED);
    case CAUSE_GROUP:
        return follows(world, vm, placement->cause.facts.who) || MUTANT(WITHDRAWAL_UNHEEDED);
    default:
        return true;
    }
}

void handover_order(struct vm_placement *placement, uint64_t copy_epoch, msec_t limit_ms,
                    bool is_live_only)
{
    SM_MOVE(&placement->handover, moves, HANDOVER_ORDERED);
    placement->epoch_last = copy_epoch;
    placement->handover_ms = limit_ms;
    placement->is_live_only = is_live_only;
    assert(is_whole(placement));
}

void handover_take_order(struct vm_placement *placement, uint64_t move_order, bool is_live_only)
{
    assert(placement->handover == HANDOVER_ORDERED && move_order > placement->move_order);
    placement->move_order = move_order;
    placement->is_live_only = is_live_only;
}

void handover_withdraw(struct vm_placement *placement)
{
    SM_MOVE(&placement->handover, moves, HANDOVER_WITHDRAWN);
}

void handover_end(struct vm_placement *placement)
{
    assert(placement->handover == HANDOVER_WITHDRAWN);
    SM_MOVE(&placement->handover, moves, HANDOVER_NONE);
}

void handover_switch(struct vm_placement *placement)
{
    assert(placement->handover == HANDOVER_ORDERED);
    SM_MOVE(&placement->handover, moves, HANDOVER_NONE);
    placement->phase = PLACEMENT_START;
    placement->epoch = placement->epoch_last;
    memcpy(placement->node, placement->next_node, sizeof(placement->node));
    placement->next_node[0] = '\0';
}
