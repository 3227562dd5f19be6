/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One change of one VM's placement, as recover.c and answer.c order it: a draft, edited, committed in
 * one transaction that moves the claims along. While it is on its way it is an intent, which planning
 * counts with.
 */
#pragma once

#include "core/internal.h"

/* One VM as it stands. */
struct view {
    const char *name;
    const struct record *spec;      /* NULL: deleted */
    const struct record *placement; /* NULL: never placed */
    const struct record *status;
    enum gone gone;                 /* of the placement's epoch; phase none: not looked at */
    bool wants_to_run;
    const char *node; /* the decision rests on this node's spec, too; NULL: it does not */
};

enum purpose { PURPOSE_START, PURPOSE_RECOVER, PURPOSE_MOVE, PURPOSE_DRAIN };

struct job {
    struct view view;
    enum purpose purpose;
    uint32_t restarts, failovers; /* of the placement to be */
    char why[reason_size];
};

struct jobs {
    VEC(struct job) list;
};

extern const char change_cause_stopped[], change_cause_cannot_leave[];

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

/* Edits of a draft. */
void change_set_cause(struct vm_placement *placement, const char *cause);
void change_drop_next(struct vm_placement *placement);
/* Nowhere: no node, no GPUs, nothing reserved. */
void change_clear_place(struct vm_placement *placement);
void change_swap_holds(gpu_holds_t *a, gpu_holds_t *b);

struct record_key change_claim_key(const char *node, const struct gpu_slot *slot);

/* answer.c: what follows from the planner's 'answer' to 'job'; may take its GPUs. */
void answer_apply(struct core *core, const struct job *job, struct placing *answer);
