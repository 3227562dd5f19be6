/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/handing.h"

#include "core/handover.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/sight.h"
#include "model/live.h"

#include <assert.h>
#include <string.h>

/* So long a hand-over takes at most unless someone sets it: what a guest changes its memory faster
 * than the network takes it never ends by itself. */
enum { limit_ms = 2 * 60 * 1000, limit_ms_each_mib = 20 };

static struct cause plain(enum cause_code code)
{
    return cause_make(code, NULL, NULL, NULL);
}

static const struct vm_incoming *copy_of(const struct core *core, const char *vm)
{
    const struct record *record = world_find(&core->world, RECORD_VM_INCOMING, vm);
    return record ? record->incoming : NULL;
}

enum migration handing_way(const struct core *core, const struct job *job)
{
    const struct vm_spec *spec = job->view.spec->vm_spec;
    const char *node = job->view.placement->placement->node;
    enum migration ordered = job_is_asked(job)               ? spec->move_by
                             : job->purpose == PURPOSE_DRAIN ? live_drain_order(&core->world, node)
                                                             : MIGRATION_DEFAULT;
    enum migration way = live_way(spec, ordered);
    /* A host that goes down leaves it no choice, nor does a device that failed. */
    bool must_go = job->purpose == PURPOSE_MEND || world_is_vacated(&core->world, node) ||
                   MUTANT(LIVE_ONLY_STOPPED);
    return way == MIGRATION_LIVE && must_go ? MIGRATION_LIVE_OR_RESTART : way;
}

bool handing_can(const struct core *core, const char *vm, const char *to)
{
    return core_is_readable(core, RECORD_VM_INCOMING, vm) && live_can_move(&core->world, vm, to);
}

bool handing_is_full(const struct core *core, const char *from, const char *to)
{
    uint32_t out = 0, in = 0;
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each) {
        const struct record *record = change_placement(core, (*each)->key.name);
        const struct vm_placement *p = record ? record->placement : (*each)->placement;
        if (p->handover != HANDOVER_NONE) {
            out += strcmp(p->node, from) == 0;
            in += strcmp(p->next_node, to) == 0;
        }
    }
    return MAX(out, in) >= world_settings(&core->world)->migrations;
}

static msec_t limit_of(const struct core *core, const struct job *job)
{
    const struct vm_spec *spec = job->view.spec->vm_spec;
    msec_t set_ms = world_settings(&core->world)->migration_limit_ms;
    return job_is_asked(job) && spec->move_limit_ms > 0 ? spec->move_limit_ms
           : set_ms > 0                                 ? set_ms
                        : limit_ms + (msec_t)spec->memory_mib * limit_ms_each_mib;
}

/* The copy's epoch was never used, not even before a placement that was deleted by hand. */
void handing_begin(const struct core *core, const struct job *job, enum migration way,
                   struct record *draft)
{
    struct vm_placement *to = draft->placement;
    const struct vm_incoming *last = copy_of(core, job->view.name);
    assert(handing_can(core, job->view.name, to->next_node));
    handover_order(to, MAX(vm_placement_next_epoch(to), last ? last->epoch + 1 : 0),
                   limit_of(core, job), way == MIGRATION_LIVE);
}

bool handing_is(const struct view *view)
{
    return view->placement && view->placement->placement->handover != HANDOVER_NONE;
}

/* What its own host says of the instance; NULL: nothing. */
static const struct vm_status *word_of(const struct view *view)
{
    const struct vm_placement *p = view->placement->placement;
    const struct vm_status *status = view->status ? view->status->status : NULL;
    return status && status->epoch == p->epoch && strcmp(status->node, p->node) == 0 ? status
                                                                                     : NULL;
}

/* It left its host for another one, perhaps by our order: its host does not know. */
static bool is_away(const struct view *view)
{
    const struct vm_status *word = word_of(view);
    return word && word->state == VM_STATE_AWAY;
}

/*
 * Whether the instance is gone from its host, and the copy has all of it as it was in the end. A
 * berthd that was restarted meanwhile does not know where its VM went; but it went where a copy has
 * arrived.
 */
static bool was_handed(const struct core *core, const struct view *view)
{
    const struct vm_placement *p = view->placement->placement;
    const struct vm_status *word = word_of(view);
    const struct vm_incoming *copy = copy_of(core, view->name);
    bool has_arrived = copy && copy->epoch == p->epoch_last && copy->state == INCOMING_ARRIVED;
    if (MUTANT(HANDED_UNPROVEN) && has_arrived) {
        return true;
    }
    if (MUTANT(HANDED_UNSAID) && has_arrived && view->gone != GONE_NOT) {
        return true;
    }
    return word && ((word->state == VM_STATE_STOPPED && word->handed_epoch == p->epoch_last) ||
                    (is_away(view) && has_arrived));
}

/* It arrives without a stop: the place is the copy's, which takes no more than the instance did. */
static void take_over(struct core *core, const struct view *view)
{
    const struct vm_placement *old = view->placement->placement;
    assert(view->gone != GONE_NOT || is_away(view) || MUTANT(HANDED_UNPROVEN));
    struct record *next = change_draft(view);
    struct vm_placement *to = next->placement;
    handover_switch(to);
    change_drop_tried(to, to->node);
    to->restarts = 0;
    to->refusals = 0;
    to->is_live_only = false;
    to->cause = cause_make(CAUSE_MOVED, old->node, NULL, NULL);
    struct intent *intent = change_commit(core, view, next);
    (void)facts_set(change_note(intent, NOTE_VM_HANDED_OVER, NULL), old->next_node, old->node,
                    NULL);
}

/* The cause stays that of the move: it still says what it is for. Why it failed is kept for what
 * may not be stopped for it. */
static void withdraw(struct core *core, const struct view *view, struct cause why)
{
    struct record *next = change_draft(view);
    handover_withdraw(next->placement);
    const struct vm_placement *p = next->placement;
    if (p->is_live_only) {
        struct reason *reason = VEC_ADD(&next->placement->reasons);
        if (!reason) {
            core_out_of_memory();
        }
        reason->cause = why;
        memcpy(reason->node, p->next_node, sizeof(reason->node));
    }
    struct intent *intent = change_commit(core, view, next);
    (void)facts_set(change_note(intent, NOTE_VM_HANDOVER_FAILED, &why), p->next_node, p->node,
                    NULL);
}

/* Why it does not go on; NONE: it does. */
static struct cause why_not(struct core *core, const struct view *view, enum gone copy)
{
    const struct vm_placement *p = view->placement->placement;
    const struct vm_status *word = word_of(view);
    msec_t due_ms = sight_placement_ms(core, view->name) + p->handover_ms;
    if (!view->wants_to_run) {
        return plain(view->spec ? CAUSE_STOP_ORDERED : CAUSE_REMOVED);
    }
    if (view->gone != GONE_NOT) {
        return word && word->cause.code != CAUSE_NONE ? word->cause : plain(CAUSE_ENDED);
    }
    if (word && word->is_stop_refused) {
        return word->cause;
    }
    if (copy != GONE_NOT && copy != GONE_NOT_BEGUN) {
        return cause_make(CAUSE_COPY_ENDED, p->next_node, NULL, NULL);
    }
    if (!is_away(view) && !peer_takes_vms(core, p->next_node)) {
        return cause_make(CAUSE_COPY_UNWANTED, p->next_node, NULL, NULL);
    }
    if (core->now_ms >= due_ms) {
        return plain(CAUSE_HANDOVER_LATE);
    }
    change_again(core, due_ms);
    return (struct cause){0};
}

/* Else it would move once more when it has come. Of a drain it does so: that may yet be withdrawn,
 * and the order then still stands. */
static void take_order(struct core *core, const struct view *view)
{
    struct record *next = change_draft(view);
    const struct vm_spec *spec = view->spec->vm_spec;
    handover_take_order(next->placement, spec->move_order,
                        live_way(spec, spec->move_by) == MIGRATION_LIVE);
    (void)change_commit(core, view, next);
}

static void decide_ordered(struct core *core, const struct view *view, enum gone copy)
{
    const struct vm_placement *p = view->placement->placement;
    if (copy == GONE_NOT && view->wants_to_run && was_handed(core, view)) {
        take_over(core, view);
        return;
    }
    struct cause why = why_not(core, view, copy);
    if (why.code != CAUSE_NONE) {
        withdraw(core, view, why);
    } else if (p->cause.code == CAUSE_MOVE_ORDERED && view->spec &&
               handover_meets(p, view->spec->vm_spec)) {
        take_order(core, view);
    }
}

/* It runs on where it is. An order to move it is not carried out yet. */
static void stay(struct vm_placement *to, const struct vm_spec *spec)
{
    to->phase = PLACEMENT_START;
    to->is_live_only = false;
    to->reasons.len = 0;
    change_drop_next(to);
    if (to->cause.code == CAUSE_MOVE_ORDERED && to->move_order == spec->move_order) {
        to->move_order--;
    }
}

/* It runs on where it is, because it may not be stopped: that is the answer to who ordered it, and
 * what orders it still is tried again later, as with a guest that would not stop. */
static void stay_live(struct vm_placement *to)
{
    to->phase = PLACEMENT_START;
    to->is_live_only = false;
    to->refusals += to->cause.code != CAUSE_MOVE_ORDERED;
    to->cause = plain(CAUSE_LIVE_FAILED);
    change_drop_next(to);
}

/* As it was before; who withdrew the order has the answer. */
static void stay_put(struct vm_placement *to, const struct vm_spec *spec)
{
    bool was_asked = to->cause.code == CAUSE_MOVE_ORDERED;
    stay(to, spec);
    to->cause = plain(CAUSE_MOVE_WITHDRAWN);
    if (was_asked && spec->move_to[0] == '\0') {
        to->move_order = spec->move_order;
    }
}

/* Only now may the room be given away that the copy had. */
static void go_on(struct core *core, const struct view *view, enum gone copy)
{
    const struct vm_status *word = word_of(view);
    bool is_over = view->gone != GONE_NOT;
    if (copy == GONE_NOT && !MUTANT(COPY_FORGOTTEN)) {
        return;
    }
    if (!is_over && view->wants_to_run && word && word->is_stop_refused) {
        return; /* its host clears that first */
    }
    struct record *next = change_draft(view);
    struct vm_placement *to = next->placement;
    handover_end(to);
    if (is_away(view)) {
        change_drop_next(to);
    } else if (!view->wants_to_run) {
        change_drop_next(to);
        to->cause = is_over ? to->cause : plain(view->spec ? CAUSE_STOP_ORDERED : CAUSE_REMOVED);
    } else if (!is_over && !handover_is_wanted(&core->world, view->name, to)) {
        stay_put(to, view->spec->vm_spec);
    } else if (!is_over && !peer_takes_vms(core, to->next_node)) {
        stay(to, view->spec->vm_spec);
    } else if (!is_over && to->is_live_only) {
        stay_live(to);
    } else { /* it stops here, and starts there */
        to->reasons.len = 0;
    }
    (void)change_commit(core, view, next);
}

void handing_decide(struct core *core, const struct view *view)
{
    const struct vm_placement *p = view->placement->placement;
    enum gone copy = proof_copy_gone(&core->world, view->name, p);
    switch (p->handover) {
    case HANDOVER_NONE:
        break;
    case HANDOVER_ORDERED:
        decide_ordered(core, view, copy);
        break;
    case HANDOVER_WITHDRAWN:
        go_on(core, view, copy);
        break;
    }
}
