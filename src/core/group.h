/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMs that enforced rules tie to each other. Those that must be together are a group: they move as
 * one, and are placed as one, at least for a while. Rules that what runs breaks, because they were
 * changed or someone migrated a VM, are repaired by moves.
 */
#pragma once

#include "core/job.h"
#include "core/placing.h"

/* An enforced rule between two VMs. */
struct tie {
    const char *a, *b; /* lent by the world */
    bool is_together;
};

struct groups {
    VEC(struct tie) ties;
};

typedef VEC(const char *) members_t;

/* As the specs have them now; VEC_DONE() the ties. */
void group_find(const struct core *core, struct groups *ret);

/* Adds to each job that moves a running VM the other VMs of its group on that host. */
void group_add_mates(struct core *core, const struct groups *groups, struct jobs *jobs);

/* Whether a change is on its way of a VM that an enforced rule ties to 'vm', directly or through
 * the group: what the rules say of 'vm' is known only when that has ended. */
bool group_is_changing(const struct core *core, const struct groups *groups, const char *vm);

/* Whether the group of 'view's VM may follow it to 'to', an owner that it prefers: no more
 * important one of the group prefers where they are, and no administrator moved one of them there.
 * If each could take the others along, two that prefer different owners would never come to rest.
 */
bool group_follows(const struct core *core, const struct groups *groups, const struct view *view,
                   const char *to);

/* The VM that 'vm' runs beside, or apart from, although an enforced rule forbids it, and 'vm' is
 * the one that has to go; NULL: none. */
const char *group_breaks(const struct core *core, const struct groups *groups, const char *vm,
                         bool *ret_is_together);
/* Where 'vm' has to go so that its group is together again; NULL: anywhere that its rules allow. */
const char *group_home(const struct core *core, const struct groups *groups, const char *vm);

/* Whether 'job', which has its place in 'answers', is to wait for one of its group that has none:
 * perhaps a host that takes them all is on its way. Not for long. */
bool group_must_wait(struct core *core, const struct groups *groups, const struct job *job,
                     const struct placing *answers, size_t len);

/* Whether 'job', which has its place in 'answers', would leave one of its group behind: that one
 * has no place there, now or then. */
bool group_is_torn(const struct core *core, const struct groups *groups, const struct job *job,
                   const struct placing *answers, size_t len);
