/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The node agent's work on its VMs, by level: what the placements order for this node, against what
 * exists here.
 *
 *  - Before anything of an epoch is started, its status 'starting' is written, guarded by the
 *    placement's revision. So anyone who changed the placement first is sure that it never ran.
 *  - Where a status says that an epoch was begun in an earlier incarnation of this node, or has
 *    ended, it is never started again.
 *  - A start that no one has answered within its limit is undone and reported failed, so that a
 *    start that hangs keeps its VM from nowhere else.
 *  - A start that a berthd before us began is done again only after its status is written again. So
 *    what that berthd still has under way cannot report ended what runs.
 *  - What exists here and is not ordered here is ended.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

void agent_event(struct core *core, const struct core_event *event);
void agent_step(struct core *core);
/* Of a host that joins with visitors: its first inventory is to tell of them, and what the store
 * has begun again elsewhere since is ended at once. */
void agent_receive(struct core *core);
