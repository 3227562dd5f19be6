/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One change of one VM's placement, as recover.c and its tools order it: a draft, edited, committed
 * in one transaction that moves the claims along. While it is on its way it is an intent, which
 * planning counts with.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"
#include "core/pending.h"
#include "core/proof.h"

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

/* A placement on its way to the store: planning counts with it already. */
struct intent {
    char vm[name_size];
    struct pending pending;
    struct record *placement; /* NULL: will be deleted */
    struct note note;         /* told when it is committed; NOTE_NONE: nothing */
    bool is_urgent;           /* as change_is_urgent() said */
};

/* All that are on their way. */
struct changes {
    VEC(struct intent) intents; /* by VM name */
    size_t patient_len;         /* of these are not urgent */
    msec_t rested_ms;           /* no decision before: after the last one was time for others */
    msec_t again_ms;            /* decide again then although nothing changed; 0: no need */
    bool is_partial; /* some were on their way when this decision began, so it leaves them out */
};

/* False without memory. */
bool change_init(struct core *core);
void change_done(struct core *core);
void change_event(struct core *core, const struct core_event *event);

/* 'vm' as it stands; 'gone' is not looked at. */
void change_look(const struct core *core, const char *vm, struct view *ret);

/* The change of 'vm' that is on its way; NULL: none. */
struct intent *change_find(const struct core *core, const char *vm);
/* The placement that counts: the one on its way, else the store's; NULL: none. */
const struct record *change_placement(const struct core *core, const char *vm);
/* Drops the intents whose outcome the world now holds. */
void change_settle(struct core *core);

/* A placement to edit and commit: the old one's copy, or a first one. The caller's. */
struct record *change_draft(const struct view *view);
/*
 * Sends the change of 'view's placement to 'next' (taken over; NULL: the VM is forgotten). The
 * returned intent's note may be filled in; it is told once the change is committed.
 */
struct intent *change_commit(struct core *core, const struct view *view, struct record *next);
/* That, with that cause (NULL: none); the facts are to be filled in. */
struct facts *change_note(struct intent *intent, enum note_code code, const struct cause *cause);
/* Orders the VM to be stopped where it is, with no next place. */
void change_stop(struct core *core, const struct view *view, struct cause cause, bool is_forced);

/* Decide again at 'at_ms', though nothing may have changed. */
void change_again(struct core *core, msec_t at_ms);
/* Whether that time has come. */
bool change_is_due(const struct core *core);
/* Whether so many are on their way that nothing more is decided until some have arrived: that leads
 * to the next decision. */
bool change_is_full(const struct core *core);
/* Whether the VM is to run and nothing of it does: what is decided on it shortens an outage. */
bool change_is_urgent(const struct view *view);
/* Whether so many that are not urgent are on their way that the rest is left to those that are. */
bool change_is_full_of_patient(const struct core *core);
/* Whether the last decision was just now, as measured by what one costs; then asks to be called
 * when the next one may be. */
bool change_must_rest(struct core *core);
/* The decision took so many steps of the planner's search (plan.h). */
void change_searched(struct core *core, uint64_t steps);
/* All is being decided now, but for what is on its way: forgets that time. */
void change_begin(struct core *core);
/* Whether anything was. It is decided on again when that has arrived. */
bool change_is_partial(const struct core *core);
/* Asks to be called at that time. */
void change_wake(struct core *core);

/* Edits of a draft. */
void change_drop_next(struct vm_placement *placement);
/* Nowhere: no node, no GPUs, nothing reserved. */
void change_clear_place(struct vm_placement *placement);
/* 'node' is not, or not any more, one of those that it left because it failed there. */
void change_drop_tried(struct vm_placement *placement, const char *node);
void change_swap_holds(gpu_holds_t *a, gpu_holds_t *b);
