/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One change of one VM's placement, as recover.c and answer.c order it: a draft, edited, committed
 * in one transaction that moves the claims along. While it is on its way it is an intent, which
 * planning counts with.
 */
#pragma once

#include "core/internal.h"

/* One VM as it stands. */
struct view {
    const char *name;
    const struct record *spec;      /* NULL: deleted */
    const struct record *placement; /* NULL: never placed */
    const struct record *status;
    enum gone gone; /* of the placement's epoch; phase none: not looked at */
    bool wants_to_run;
    const char *node; /* the decision rests on this node's spec, too; NULL: it does not */
};

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
};

struct job {
    struct view view;
    enum purpose purpose;
    struct tally tally;    /* of the placement to be */
    const char *only_node; /* failback: there or not at all; lent by the VM's spec */
    char why[reason_size];
};

struct jobs {
    VEC(struct job) list;
    bool is_evicting; /* VMs are being stopped to make room for others */
};

extern const char change_cause_stopped[], change_cause_cannot_leave[], change_cause_broken[],
    change_cause_refused[], change_cause_kept[];
/* Begins the cause of a stop for the sake of a VM of higher priority. */
extern const char change_cause_evicted[];

/* Whether it stopped, or is to stop, to make room. */
bool change_is_evicted(const struct vm_placement *placement);
/* Whether the VM must stay, with that told, although its node or GPU says that it should not. */
bool change_is_stuck(const struct vm_placement *placement);

/* 'vm' as it stands; 'gone' is not looked at. */
void change_look(const struct core *core, const char *vm, struct view *ret);

/* The change of 'vm' that is on its way; NULL: none. */
struct intent *change_find(const struct core *core, const char *vm);
/* Drops the intents whose outcome the world now holds. */
void change_settle(struct core *core);

/* A placement to edit and commit: the old one's copy, or a first one. The caller's. */
struct record *change_draft(const struct view *view);
/*
 * Sends the change of 'view's placement to 'next' (taken over; NULL: the VM is forgotten). The
 * returned intent's note may be filled in; it is told once the change is committed.
 */
struct intent *change_commit(struct core *core, const struct view *view, struct record *next);
void change_note(struct intent *intent, enum severity severity, const char *code,
                 const char *format, ...) PRINTF_LIKE(4, 5);
/* Orders the VM to be stopped where it is, with no next place. */
void change_stop(struct core *core, const struct view *view, const char *cause, bool is_forced);

/* Decide again at 'at_ms', though nothing may have changed. */
void change_again(struct core *core, msec_t at_ms);

/* Adds a job for 'view's VM, with its present tally; lent until the next one. */
struct job *jobs_add(struct jobs *jobs, const struct view *view, enum purpose purpose,
                     const char *why);

struct tally tally_of(const struct vm_placement *placement);
void tally_put(struct vm_placement *placement, const struct tally *tally);

/* Edits of a draft. */
void change_set_cause(struct vm_placement *placement, const char *cause);
void change_drop_next(struct vm_placement *placement);
/* Nowhere: no node, no GPUs, nothing reserved. */
void change_clear_place(struct vm_placement *placement);
void change_swap_holds(gpu_holds_t *a, gpu_holds_t *b);

struct record_key change_claim_key(const char *node, const struct gpu_slot *slot);

/* restart.c: it shall run, and its instance is gone. */
void restart_ended(struct core *core, const struct view *view, struct jobs *jobs);
/* It runs: clears its counts when it did so for long enough. */
void restart_forgive(struct core *core, const struct view *view);
/* It will not be started any more unless an administrator says so. */
void restart_fail(struct core *core, const struct view *view, const char *why);

/* better.c: whether one of the placement's GPUs failed, with a sentence into 'ret_why' */
bool better_has_failed_gpu(const struct core *core, const struct vm_placement *placement,
                           char *ret_why, size_t size);
/* The owner, preferred to where it is, that takes VMs now; lent; NULL: none, or no failback. */
const char *better_owner(const struct core *core, const struct view *view);

/* recover.c: how long a guest that would not stop so many times is left alone. */
msec_t recover_refusal_pause(const struct view *view, uint32_t refusals);
/* Whether it is too early to ask the guest, which would not stop, once more. */
bool recover_must_leave_alone(struct core *core, const struct view *view);

/* evict.c: whether VMs stop to make room for others; nothing of that ends but by itself */
bool evict_is_going_on(const struct core *core);
/* Whether 'view's VM would not make room when it was last asked. Until twice the time after which
 * it may be asked again has passed, that is remembered. */
bool evict_was_refused(struct core *core, const struct view *view);
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

/* room.c: whether 'gpus', and memory and CPUs for the VM of 'spec', are there on 'node' now: no
 * other VM has them, or has them reserved, as far as the store and what is on its way there say. */
bool room_is_there(const struct core *core, const struct record *spec, const char *node,
                   const gpu_holds_t *gpus);

/* answer.c: what follows from the planner's 'answer' to 'job'; may take its GPUs. */
void answer_apply(struct core *core, const struct job *job, struct placing *answer);
