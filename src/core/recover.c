/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Longer than most: each decision about a VM stands beside those that it rules out. */
#include "core/recover.h"

#include "core/better.h"
#include "core/change.h"
#include "core/cold.h"
#include "core/elsewhere.h"
#include "core/evict.h"
#include "core/group.h"
#include "core/handing.h"
#include "core/hold.h"
#include "core/job.h"
#include "core/lead.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/planning.h"
#include "core/proof.h"
#include "core/refusal.h"
#include "core/restart.h"
#include "core/sight.h"

#include "model/gpu_device.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* While all wait for hosts that come back: between two looks whether they are there. */
enum { cold_look_ms = 1000 };

static struct cause plain(enum cause_code code)
{
    return cause_make(code, NULL, NULL, NULL);
}

/* ---- decisions without the planner ---- */

/* Whether the VM's place may be given up, or given to it again: nothing of it runs. */
static bool is_gone(const struct view *view)
{
    return view->gone != GONE_NOT || MUTANT(MOVE_TOO_SOON);
}

/* It was removed. May be done without proof where it runs elsewhere, outside Berth: that instance
 * has no claim and no place, and no order could reach it. */
static void forget_vm(struct core *core, const struct view *view)
{
    assert(!view->spec);
    if (view->placement || view->status) {
        (void)change_note(change_commit(core, view, NULL), NOTE_VM_REMOVED, NULL);
    }
}

/* It runs nowhere, and must not: free what it held. */
static void rest(struct core *core, const struct view *view)
{
    const struct vm_placement *old = view->placement->placement;
    assert(is_gone(view) && !view->wants_to_run);
    if (!view->spec) {
        forget_vm(core, view);
        return;
    }
    struct record *next = change_draft(view);
    char node[name_size];
    memcpy(node, old->node, sizeof(node));
    change_clear_place(next->placement);
    next->placement->start_order = view->spec->vm_spec->start_order;
    next->placement->move_order = view->spec->vm_spec->move_order;
    next->placement->cause = plain(CAUSE_STOPPED);
    struct intent *intent = change_commit(core, view, next);
    if (old->phase != PLACEMENT_NONE) {
        (void)facts_set(change_note(intent, NOTE_VM_STOPPED, NULL), node, NULL, NULL);
    }
}

/* It has stopped for another: frees what it held, and waits until the other had its chance. */
static void make_room(struct core *core, const struct view *view)
{
    assert(is_gone(view)); /* else the other would get what this one still has */
    struct record *next = change_draft(view);
    change_clear_place(next->placement);
    (void)change_commit(core, view, next);
}

/* Whether what was reserved on another node can still be had there. */
static bool is_next_usable(const struct core *core, const struct vm_placement *placement)
{
    if (placement->next_node[0] == '\0' || !peer_takes_vms(core, placement->next_node)) {
        return false;
    }
    VEC_EACH(&placement->next_gpus, hold) {
        struct gpu_device device;
        struct record_key claim = world_claim_key(placement->next_node, &hold->slot);
        if (!world_is_readable(&core->world, &claim) ||
            !world_device(&core->world, placement->next_node, &hold->slot, &device) ||
            device.health != GPU_HEALTHY) {
            return false;
        }
    }
    return true;
}

/* The move's first half is done: start at the reserved place. It has stopped where it was, and its
 * GPUs there have been claimed since before it was told to. */
static void arrive(struct core *core, const struct view *view)
{
    const struct vm_placement *old = view->placement->placement;
    assert(is_gone(view) && old->phase == PLACEMENT_STOP && old->next_node[0]);
    struct record *next = change_draft(view);
    struct vm_placement *to = next->placement;
    to->epoch = vm_placement_next_epoch(old);
    to->phase = PLACEMENT_START;
    memcpy(to->node, old->next_node, sizeof(to->node));
    change_drop_tried(to, to->node);
    change_swap_holds(&to->gpus, &to->next_gpus);
    change_drop_next(to);
    to->is_forced = false;
    to->restarts = 0;
    to->refusals = 0;
    to->cpus = view->spec->vm_spec->cpus;
    to->memory_mib = view->spec->vm_spec->memory_mib;
    to->huge_page_kib = view->spec->vm_spec->huge_page_kib;
    to->definition = view->spec->vm_spec->definition;
    to->reasons.len = 0;
    to->cause = cause_make(CAUSE_MOVED, old->node, NULL, NULL);
    struct intent *intent = change_commit(core, view, next);
    (void)facts_set(change_note(intent, NOTE_VM_ARRIVING, NULL), old->next_node, old->node, NULL);
}

/* Its guest refused to stop. The epoch stays, because the instance does. */
static void resume_running(struct core *core, const struct view *view)
{
    assert(view->gone == GONE_NOT && view->status->status->is_stop_refused);
    struct record *next = change_draft(view);
    struct vm_placement *to = next->placement;
    to->phase = PLACEMENT_START;
    to->refusals++;
    change_drop_next(to);
    to->cause =
        plain(to->cause.code == CAUSE_EVICTED ? CAUSE_EVICTION_REFUSED : CAUSE_STOP_REFUSED);
    if (!view->wants_to_run) {
        to->cause = cause_make(CAUSE_SHUTDOWN_REFUSED, NULL, view->name, NULL);
        to->cause.facts.count = to->refusals;
        to->cause.facts.ms = refusal_pause(view, to->refusals);
    }
    struct intent *intent = change_commit(core, view, next);
    if (view->wants_to_run || to->refusals == 1) {
        enum note_code code = view->wants_to_run ? NOTE_VM_STOP_REFUSED : NOTE_VM_SHUTDOWN_REFUSED;
        (void)facts_set(change_note(intent, code, &view->status->status->cause), to->node, NULL,
                        NULL);
    }
}

/* It runs, as it must: what was refused earlier no longer matters. */
static void forget_refusals(struct core *core, const struct view *view)
{
    assert(view->gone == GONE_NOT && view->wants_to_run);
    struct record *next = change_draft(view);
    next->placement->refusals = 0;
    next->placement->reasons.len = 0;
    if (next->placement->cause.code == CAUSE_LIVE_FAILED) {
        next->placement->cause = plain(CAUSE_NONE);
    } else {
        next->placement->cause = plain(CAUSE_STOP_REFUSED);
    }
    (void)change_commit(core, view, next);
}

/* ---- decisions that need a place ---- */

static bool node_has_mode(const struct core *core, const char *node, enum node_mode mode)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, node);
    return (spec ? spec->node_spec->mode : NODE_ACTIVE) == mode;
}

/* Whether what its placement tells is still news; then it is looked at again when it is not. */
static bool is_fresh(struct core *core, const struct view *view)
{
    const msec_t fresh_ms = 60000;
    msec_t due_ms = sight_placement_ms(core, view->name) + fresh_ms;
    if (core->now_ms >= due_ms) {
        return false;
    }
    change_again(core, due_ms);
    return true;
}

/* Its host is being shut down in order. A guest that would not stop is asked again in time; what
 * is left at the limit its host ends. */
static void vacate(struct core *core, const struct view *view, struct jobs *jobs)
{
    const char *node = view->placement->placement->node;
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, node);
    assert(alive && view->gone == GONE_NOT); /* its heartbeat says that it goes down */
    if (refusal_must_leave_alone(core, view)) {
        return;
    }
    if (alive->alive->on_shutdown == ON_SHUTDOWN_STOP) {
        struct view guarded = *view;
        guarded.node = node; /* if the order was taken back, it holds no more */
        change_stop(core, &guarded, plain(CAUSE_HOST_SHUTDOWN), false);
    } else {
        (void)jobs_add(jobs, view, PURPOSE_DRAIN, plain(CAUSE_HOST_SHUTDOWN));
    }
}

/* An enforced rule forbids it to run where it does. */
static void repair(struct core *core, const struct view *view, struct jobs *jobs, const char *who,
                   bool is_together)
{
    enum cause_code code = is_together ? CAUSE_RULE_TOGETHER : CAUSE_RULE_APART;
    if (!refusal_must_leave_alone(core, view)) {
        struct cause why = cause_make(code, NULL, who, NULL);
        struct job *job = jobs_add(jobs, view, PURPOSE_REPAIR, why);
        job->only_node = is_together ? group_home(core, jobs->groups, view->name) : NULL;
    }
}

/* What no administrator ordered: it is left undone while the cluster is disarmed. */
static void decide_unasked(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    const char *owner, *who;
    bool is_together;
    struct cause why;
    if (p->cause.code == CAUSE_LIVE_FAILED && refusal_must_leave_alone(core, view)) {
        return;
    }
    if (better_has_failed_gpu(core, p, &why)) {
        if (!refusal_must_leave_alone(core, view)) {
            (void)jobs_add(jobs, view, PURPOSE_MEND, why);
        }
        return;
    }
    /* Else two of a group would take turns: each breaks no rule while the other's change is on its
     * way, so what was told of it would be taken back and told again. */
    if (group_is_changing(core, jobs->groups, view->name)) {
        return;
    }
    if ((who = group_breaks(core, jobs->groups, view->name, &is_together)) != NULL &&
        !MUTANT(RULE_UNREPAIRED)) {
        repair(core, view, jobs, who, is_together);
    } else if (p->refusals > 0 && !refusal_of_room(core, view)) {
        forget_refusals(core, view);
    } else if ((p->cause.code == CAUSE_MOVE_NO_HOST || p->cause.code == CAUSE_LIVE_FAILED) &&
               is_fresh(core, view)) {
        return; /* anyone who asked for it may still want to read the answer */
    } else if (cause_is_stuck(&p->cause)) {
        struct record *next = change_draft(view);
        next->placement->reasons.len = 0;
        next->placement->cause = plain(CAUSE_NONE);
        (void)change_commit(core, view, next);
    } else if ((owner = better_owner(core, view)) != NULL &&
               group_follows(core, jobs->groups, view, owner)) {
        why = cause_make(CAUSE_FAILBACK, owner, NULL, NULL);
        jobs_add(jobs, view, PURPOSE_FAILBACK, why)->only_node = owner;
    } else {
        restart_forgive(core, view);
    }
}

/* The move that was asked for was withdrawn before it began, or after it was done. */
static void stay_where_it_is(struct core *core, const struct view *view)
{
    struct record *next = change_draft(view);
    next->placement->move_order = view->spec->vm_spec->move_order;
    next->placement->reasons.len = 0;
    next->placement->cause = plain(CAUSE_MOVE_WITHDRAWN);
    (void)change_commit(core, view, next);
}

static void decide_running(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    if (view->status->status->is_stop_refused) {
        return; /* its node clears that first */
    }
    if (world_is_vacated(&core->world, p->node) && !MUTANT(DOWN_UNHEEDED)) {
        vacate(core, view, jobs);
    } else if (view->spec->vm_spec->move_order > p->move_order &&
               view->spec->vm_spec->move_to[0] == '\0') {
        stay_where_it_is(core, view);
    } else if (view->spec->vm_spec->move_order > p->move_order) {
        (void)jobs_add(jobs, view, PURPOSE_MOVE, plain(CAUSE_MOVE_ORDERED));
    } else if (node_has_mode(core, p->node, NODE_DRAIN)) {
        if (!refusal_must_leave_alone(core, view)) {
            (void)jobs_add(jobs, view, PURPOSE_DRAIN, plain(CAUSE_DRAIN));
        }
    } else if (!core_is_disarmed(core)) {
        decide_unasked(core, view, jobs);
    }
}

/* No one waits for its guest: it was removed, or an administrator wants it off now. */
static bool is_turned_off(const struct view *view)
{
    return !view->wants_to_run && (!view->spec || view->spec->vm_spec->is_stop_forced);
}

static void decide_start(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    if (hold_is_unmanaged(view)) {
        return;
    }
    if (view->gone == GONE_NOT_BEGUN) {
        if (!view->wants_to_run) {
            rest(core, view);
        } else if (!peer_takes_vms(core, p->node)) {
            (void)jobs_add(jobs, view, PURPOSE_RECOVER, plain(CAUSE_NODE_CANNOT_START));
        }
        return;
    }
    if (view->gone != GONE_NOT) {
        if (view->wants_to_run) {
            restart_ended(core, view, jobs);
        } else {
            rest(core, view);
        }
        return;
    }
    assert(view->status); /* without one it would be GONE_NOT_BEGUN */
    if (view->wants_to_run && view->status->status->epoch < p->epoch) {
        return; /* it has come by a hand-over, and its new host is about to have it run */
    }
    assert(view->gone == GONE_NOT);
    bool is_forced = is_turned_off(view);
    if (!view->wants_to_run && !is_forced && view->status->status->is_stop_refused) {
        return; /* its node clears that first */
    }
    if (!view->wants_to_run && !is_forced && !refusal_of_room(core, view) &&
        refusal_must_leave_alone(core, view)) {
        return;
    }
    if (!view->wants_to_run) {
        change_stop(core, view, plain(view->spec ? CAUSE_STOP_ORDERED : CAUSE_REMOVED), is_forced);
        return;
    }
    decide_running(core, view, jobs);
}

/* Nothing is taken from it and nothing begins for it before it is proven gone, however long it
 * takes: what cannot be proven waits for an administrator. */
static void decide_stop(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    if (is_gone(view)) {
        if (!view->wants_to_run) {
            rest(core, view);
        } else if (is_next_usable(core, p)) {
            arrive(core, view);
        } else if (p->cause.code == CAUSE_EVICTED) {
            make_room(core, view);
        } else if (p->cause.code == CAUSE_HOST_SHUTDOWN &&
                   view->spec->vm_spec->priority == priority_no_auto) {
            restart_stay_off(core, view);
        } else {
            (void)jobs_add(jobs, view, PURPOSE_RECOVER,
                           plain(p->cause.code == CAUSE_HOST_SHUTDOWN ? CAUSE_HOST_SHUTDOWN
                                                                      : CAUSE_MOVE_BROKEN_OFF));
        }
        return;
    }
    /* It is not gone, so it has begun, and its place stays its own. */
    assert(view->gone == GONE_NOT && view->status);
    if (is_turned_off(view) && !p->is_forced) {
        change_stop(core, view, plain(view->spec ? CAUSE_OFF_ORDERED : CAUSE_REMOVED), true);
    } else if (view->status->status->is_stop_refused && !p->is_forced) {
        resume_running(core, view);
    }
}

/* Its place was given up so that another could have the devices: the cause is still the first. */
static bool has_let_go(const struct vm_placement *placement)
{
    return placement && placement->epoch > 0 && placement->reasons.len == 0 &&
           !placement->is_failed && placement->cause.code != CAUSE_STOPPED;
}

static void decide_none(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement ? view->placement->placement : NULL;
    if (!view->spec) {
        forget_vm(core, view);
        return;
    }
    if (hold_is_unmanaged(view) || (p && jobs->is_evicting && p->cause.code == CAUSE_EVICTED)) {
        return;
    }
    bool is_new_order = !p || view->spec->vm_spec->start_order != p->start_order;
    bool has_run = p && p->epoch > 0 && !is_new_order;
    if (has_run && p->cause.code != CAUSE_START_AFTER && view->wants_to_run &&
        core_is_disarmed(core)) {
        return; /* it would start again by itself */
    }
    if (view->wants_to_run && (!p || !p->is_failed || is_new_order)) {
        struct job *job = jobs_add(jobs, view, has_run ? PURPOSE_RECOVER : PURPOSE_START,
                                   has_let_go(p) ? p->cause : plain(CAUSE_START_ORDERED));
        if (is_new_order) {
            job->tally = (struct tally){0};
        }
    } else if (!view->wants_to_run && p && (p->reasons.len > 0 || p->is_failed)) {
        struct record *next = change_draft(view);
        change_clear_place(next->placement);
        next->placement->is_failed = false;
        next->placement->cause = plain(CAUSE_STOPPED);
        (void)change_commit(core, view, next);
    }
}

/* One VM. What cannot be read, and what is on its way, is not decided on: either could say that
 * the VM runs. */
static void decide(struct core *core, const char *vm, struct jobs *jobs)
{
    assert(lead_is_ours(core) && core->world.is_complete);
    if (change_is_full(core) || change_find(core, vm) ||
        !core_is_readable(core, RECORD_VM_SPEC, vm) ||
        !core_is_readable(core, RECORD_VM_PLACEMENT, vm) ||
        !core_is_readable(core, RECORD_VM_STATUS, vm) ||
        !core_is_readable(core, RECORD_VM_INCOMING, vm)) {
        return;
    }
    struct view view;
    change_look(core, vm, &view);
    if (handing_is(&view)) {
        view.gone = proof_instance_gone(&core->world, vm, view.placement->placement);
        handing_decide(core, &view);
        return;
    }
    if (elsewhere_is(core, &view)) {
        if (view.spec) {
            elsewhere_decide(core, &view);
        } else {
            forget_vm(core, &view);
        }
        return;
    }
    enum placement_phase phase = view.placement ? view.placement->placement->phase : PLACEMENT_NONE;
    if (phase != PLACEMENT_NONE) {
        view.gone = proof_instance_gone(&core->world, vm, view.placement->placement);
        if (MUTANT(ON_BELIEF) && view.gone == GONE_NOT &&
            !peer_is_up(core, view.placement->placement->node)) {
            view.gone = GONE_FENCED;
        }
    }
    if (change_is_full_of_patient(core) && !change_is_urgent(&view)) {
        return;
    }
    switch (phase) {
    case PLACEMENT_NONE:
        decide_none(core, &view, jobs);
        break;
    case PLACEMENT_START:
        decide_start(core, &view, jobs);
        break;
    case PLACEMENT_STOP:
        decide_stop(core, &view, jobs);
        break;
    }
}

void recover_event(struct core *core, const struct core_event *event)
{
    sight_event(core, event);
    change_event(core, event);
}

void recover_step(struct core *core)
{
    change_settle(core);
    if (!lead_is_ours(core)) {
        return;
    }
    if (!core->is_dirty && !change_is_due(core)) {
        change_wake(core);
        return;
    }
    if (change_is_full(core) || change_must_rest(core)) {
        return;
    }
    core->is_dirty = false;
    change_begin(core);
    evict_step(core);
    struct groups groups;
    group_find(core, &groups);
    struct jobs jobs = {.groups = &groups, .is_evicting = evict_is_going_on(core)};
    WORLD_EACH(&core->world, RECORD_VM_SPEC, each) {
        decide(core, (*each)->key.name, &jobs);
    }
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each) {
        if (!world_find(&core->world, RECORD_VM_SPEC, (*each)->key.name)) {
            decide(core, (*each)->key.name, &jobs);
        }
    }
    if (cold_must_wait(core)) {
        change_again(core, MIN(cold_until_ms(core), core->now_ms + cold_look_ms));
    } else if (!change_is_full(core)) { /* else some of the jobs are missing */
        group_add_mates(core, &groups, &jobs);
        planning_do(core, &jobs);
    }
    change_wake(core);
    VEC_DONE(&jobs.list);
    VEC_DONE(&groups.ties);
}
