/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs that need a place: what for, and what is counted against them so far. */
#pragma once

#include "core/change.h"

/* What a place is wanted for. From the third on: the VM runs. */
enum purpose {
    PURPOSE_START,    /* someone asked for it */
    PURPOSE_RECOVER,  /* it ran, and does not any more */
    PURPOSE_MOVE,     /* someone asked for it */
    PURPOSE_DRAIN,    /* its node is to be empty */
    PURPOSE_MEND,     /* one of its GPUs failed */
    PURPOSE_FAILBACK, /* an owner that it prefers takes VMs again */
    PURPOSE_REPAIR,   /* an enforced rule forbids it to run where it does */
};

/* What is counted against a VM, of its placement. */
struct tally {
    uint32_t restarts, failovers, host_losses;
    char lost_node[name_size];
    char failed_node[name_size]; /* it failed there just now and goes elsewhere; "": it did not */
};

struct job {
    struct view view;
    enum purpose purpose;
    struct tally tally;    /* of the placement to be */
    const char *only_node; /* there or not at all; lent by the world; NULL: anywhere */
    bool is_mate;          /* it goes along with another one of its group */
    bool is_held;          /* planned, but not placed now: evict_must_wait() */
    struct cause why;
};

struct groups;

struct jobs {
    VEC(struct job) list;
    const struct groups *groups; /* which VMs enforced rules tie to each other */
    bool is_evicting;            /* VMs are being stopped to make room for others */
};

/* Adds a job for 'view's VM, with its present tally; lent until the next one. */
struct job *jobs_add(struct jobs *jobs, const struct view *view, enum purpose purpose,
                     struct cause why);

/* Whether an administrator asked that this very VM moves; its mates only go along. */
bool job_is_asked(const struct job *job);
/* Where a running VM is to go: there or not at all; NULL: anywhere else. */
const char *job_target(const struct job *job);

/* A draft in which the job's VM has no place and waits, by the order that stands. The caller gives
 * the cause and commits it. */
struct record *job_draft_waiting(const struct job *job);

/* What is counted against a placement's VM, and back into a draft. */
struct tally tally_of(const struct vm_placement *placement);
void tally_put(struct vm_placement *placement, const struct tally *tally);
