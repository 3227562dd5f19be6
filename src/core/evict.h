/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preemption: running VMs are stopped so that one of higher priority has room. For one VM on one
 * node at a time; until it runs there, nothing of lower priority gets what is free on that node. A
 * new coordinator begins anew; what has stopped by then is free for whoever comes first by
 * priority.
 */
#pragma once

#include "core/job.h"
#include "core/placing.h"

/* False without memory. */
bool evict_init(struct core *core);
/* Whether VMs stop to make room for others; nothing of that ends but by itself */
bool evict_is_going_on(const struct core *core);
/* Drops the room that is kept for nobody any more. */
void evict_step(struct core *core);
/* Stops those of 'evictions' that are for the VM for which room is made, or for the first one if
 * there was none. Whether there were any. */
bool evict_order(struct core *core, const evictions_t *evictions);
/* Nothing more can be stopped: if 'job' is the one for which room is made, and it has no place, it
 * gets none. */
void evict_look(struct core *core, const struct job *job, const struct placing *answer);
/* Whether 'job' is planned before the others: room is made for it, or for what is no more
 * important. */
bool evict_comes_first(const struct core *core, const struct job *job);
/* Whether the place is wanted by the VM for which room is made, whose priority is higher. */
bool evict_must_leave_room(const struct core *core, const struct job *job,
                           const struct placing *answer);
