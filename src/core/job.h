/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs that need a place: what for, and what is counted against them so far. */
#pragma once

#include "core/change.h"

/* What a place is wanted for. The last four: the VM runs. */
enum purpose {
    PURPOSE_START,    /* somebody asked for it */
    PURPOSE_RECOVER,  /* it ran, and does not any more */
    PURPOSE_MOVE,     /* somebody asked for it */
    PURPOSE_DRAIN,    /* its node shall be empty */
    PURPOSE_MEND,     /* one of its GPUs failed */
    PURPOSE_FAILBACK, /* an owner that it prefers takes VMs again */
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
    const char *only_node; /* failback: there or not at all; lent by the VM's spec */
    struct cause why;
};

struct jobs {
    VEC(struct job) list;
    bool is_evicting; /* VMs are being stopped to make room for others */
};

/* Adds a job for 'view's VM, with its present tally; lent until the next one. */
struct job *jobs_add(struct jobs *jobs, const struct view *view, enum purpose purpose,
                     struct cause why);

/* What is counted against a placement's VM, and back into a draft. */
struct tally tally_of(const struct vm_placement *placement);
void tally_put(struct vm_placement *placement, const struct tally *tally);
