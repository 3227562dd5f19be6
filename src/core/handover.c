/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/handover.h"

#include "base/sm.h"

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

void handover_order(struct vm_placement *placement, uint64_t copy_epoch)
{
    SM_MOVE(&placement->handover, moves, HANDOVER_ORDERED);
    placement->epoch_last = copy_epoch;
    assert(is_whole(placement));
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
