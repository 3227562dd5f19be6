/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Room for a VM that waits, against those of lower priority. For one VM on one node at a time.
 *
 * Made: with preemption, running VMs are stopped so that it fits. Until it runs there, nothing of
 * lower priority gets what it could use of that node.
 *
 * Kept: it waits already, and would fit if enough of what runs on that node ended. VMs of lower
 * priority that are new, or wait as well, leave it what it could use there, or it would wait for
 * ever: small VMs take up each GPU as it becomes free. VMs that lost their host, or ended, start
 * again all the same. That lapses after a while, longer each time; those who wait then get what
 * there is.
 *
 * A new coordinator begins again; what has stopped by then is free for anyone who comes first by
 * priority.
 */
#pragma once

#include "core/job.h"
#include "core/placing.h"

#include "plan/priority.h"

/* False without memory. */
bool evict_init(struct core *core);
/* Whether VMs stop to make room for others; nothing of that ends but by itself */
bool evict_is_going_on(const struct core *core);
/* Drops the room that is kept for no one any more. */
void evict_step(struct core *core);
/* Stops those of 'evictions' that are for the VM for which room is made, or for the first one if
 * there was none. Whether there were any. */
bool evict_order(struct core *core, const evictions_t *evictions);
/* Nothing more can be stopped: if 'job' is the one for which room is made, and it has no place, it
 * gets none. */
void evict_look(struct core *core, const struct job *job, const struct placing *answer);
/* Which VMs come before others as room and changes are now, so that thousands of jobs are compared
 * with them at once. Begins as {0}. */
struct precedence {
    bool is_known;
    size_t change_len; /* as many changes were on their way */
    inherited_priorities_t inherited;
    const struct record *kept; /* the VM that the room is for; NULL: none */
    bool is_made;              /* VMs stop for it */
    uint32_t rewritten;        /* the highest priority of a VM that waits and whose reasons are on
                                  their way; 0: there is none, or it comes before no one */
};
/* As it is now: looked up again if changes were sent since. */
void precedence_look(const struct core *core, struct precedence *ret);
void precedence_done(struct precedence *precedence);
/* Whether 'job' is planned without regard to that room: it is no less important than the VM that
 * the room is for, or, where room is only kept, it has or had a place. */
bool evict_comes_first(const struct precedence *precedence, const struct job *job);
/* Whether 'job' gets no place now, but perhaps when a change of a more important VM that waits,
 * which is on its way, has arrived. It is planned all the same, so that the reasons of others do
 * not depend on what is on its way. */
bool evict_must_wait(const struct precedence *precedence, const struct job *job);
/* The room that the others leave alone, into 'ret'; false: there is none. Lent until the next call
 * of this file. */
bool evict_room(const struct core *core, struct kept_room *ret);
/* Whether 'job', if it finds no place, is to be told where there would be hope. */
bool evict_wants_hope(const struct core *core, const struct job *job);
/* From here on, room is kept for the first of 'jobs' that has hope on a node where the plan would
 * place a VM of lower priority. True: the plan is to be made again with that. */
bool evict_keep(struct core *core, struct job *const *jobs, const struct placing *answers,
                size_t len);
/* All have been planned. */
void evict_done(struct core *core);
