/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/answer.h"

#include "core/handing.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/room.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool same_reasons(const struct vm_placement *placement, const struct placing *answer)
{
    if (placement->reasons.len != answer->reasons.len) {
        return false;
    }
    for (size_t i = 0; i < answer->reasons.len; i++) {
        const struct reason *a = &placement->reasons.items[i], *b = &answer->reasons.items[i];
        if (strcmp(a->node, b->node) != 0 || !cause_equal(&a->cause, &b->cause)) {
            return false;
        }
    }
    return true;
}

static void take_reasons(struct vm_placement *placement, struct placing *answer)
{
    placement->reasons.len = 0;
    VEC_EACH(&answer->reasons, reason) {
        struct reason *copy = VEC_ADD(&placement->reasons);
        if (!copy) {
            core_out_of_memory();
        }
        *copy = *reason;
    }
}

/* Whether the answer can be carried out now. Else what it gives is still another's, even if that
 * one was planned again just now or has to stop for this: two that swap their devices must both let
 * go before either takes. */
static bool is_there(const struct core *core, const struct job *job, const struct placing *answer)
{
    return room_is_there(core, job->view.spec, answer->node, &answer->gpus);
}

/* Nothing of it runs, so it may begin elsewhere, or give up what it has. */
static bool runs_nowhere(const struct view *view)
{
    return !view->placement || view->placement->placement->phase == PLACEMENT_NONE ||
           view->gone != GONE_NOT || MUTANT(MOVE_TOO_SOON);
}

/* It runs nowhere and is to get what another still has: frees what it held itself. The change of
 * that one's placement leads to the next plan. */
static void let_go(struct core *core, const struct job *job)
{
    if (!job->view.placement || job->view.placement->placement->phase == PLACEMENT_NONE) {
        return;
    }
    struct record *next = change_draft(&job->view);
    change_clear_place(next->placement);
    tally_put(next->placement, &job->tally);
    next->placement->cause = job->why;
    (void)change_commit(core, &job->view, next);
}

/* A place was found for a VM that runs nowhere. */
static void start_there(struct core *core, const struct job *job, struct placing *answer)
{
    if (!is_there(core, job, answer)) {
        let_go(core, job);
        return;
    }
    const struct vm_spec *spec = job->view.spec->vm_spec;
    assert(runs_nowhere(&job->view));
    assert(answer->is_placed && answer->node[0]);
    struct record *next = change_draft(&job->view);
    struct vm_placement *to = next->placement;
    change_clear_place(to);
    if (!MUTANT(SAME_EPOCH) || to->epoch == 0) {
        to->epoch = vm_placement_next_epoch(to);
    }
    to->phase = PLACEMENT_START;
    to->cpus = spec->cpus;
    to->memory_mib = spec->memory_mib;
    to->huge_page_kib = spec->huge_page_kib;
    to->definition = spec->definition;
    memcpy(to->node, answer->node, sizeof(to->node));
    change_swap_holds(&to->gpus, &answer->gpus);
    to->is_failed = false;
    tally_put(to, &job->tally);
    change_drop_tried(to, to->node);
    to->start_order = spec->start_order;
    to->move_order = spec->move_order;
    to->cause = job->why;
    bool is_again = job->purpose == PURPOSE_RECOVER && to->epoch > 1;
    struct intent *intent = change_commit(core, &job->view, next);
    (void)facts_set(
        change_note(intent, is_again ? NOTE_VM_RESTARTING : NOTE_VM_STARTING, &job->why),
        answer->node, NULL, NULL);
}

/*
 * Whether 'placement' says so already of an answer that gives no place. Reasons also tell what was
 * given to others by the same plan. A plan that leaves out VMs whose own reasons are on their way
 * to the store finds others: if those were written, too, two VMs could write in turns for ever. The
 * next whole plan says what holds.
 */
static bool is_told(const struct core *core, const struct vm_placement *placement,
                    enum cause_code code, const struct placing *answer)
{
    return placement->cause.code == code &&
           (same_reasons(placement, answer) || change_is_partial(core));
}

/* No place for a VM that runs nowhere: it waits, and holds nothing. */
static void wait_for_place(struct core *core, const struct job *job, struct placing *answer)
{
    const struct vm_placement *old = job->view.placement ? job->view.placement->placement : NULL;
    assert(runs_nowhere(&job->view));
    if (old && old->phase == PLACEMENT_NONE && !old->is_failed &&
        is_told(core, old, CAUSE_NO_HOST, answer) &&
        old->start_order == job->view.spec->vm_spec->start_order) {
        return;
    }
    bool was_waiting = old && old->phase == PLACEMENT_NONE && old->reasons.len > 0;
    struct record *next = job_draft_waiting(job);
    struct vm_placement *to = next->placement;
    to->cause = cause_make(CAUSE_NO_HOST, NULL, NULL, NULL);
    take_reasons(to, answer);
    struct intent *intent = change_commit(core, &job->view, next);
    if (!was_waiting) {
        const struct reason *first = to->reasons.len > 0 ? &to->reasons.items[0] : NULL;
        (void)facts_set(change_note(intent, NOTE_VM_WAITING, first ? &first->cause : NULL),
                        first ? first->node : NULL, NULL, NULL);
    }
}

/* A place was found for a VM that runs: reserve it, then stop the VM here. In this order, so that
 * no one else can take the new place while the VM stops, and no VM is stopped for nothing. */
static void go_there(struct core *core, const struct job *job, struct placing *answer)
{
    const struct vm_placement *old = job->view.placement->placement;
    enum migration way = handing_way(core, job);
    bool is_live = way != MIGRATION_RESTART && handing_can(core, job->view.name, answer->node);
    assert(old->phase == PLACEMENT_START && strcmp(answer->node, old->node) != 0);
    assert(is_live || way != MIGRATION_LIVE); /* it was planned for hosts that take it live */
    if (is_live && handing_is_full(core, old->node, answer->node)) {
        return; /* the end of one of those leads here again */
    }
    struct record *next = change_draft(&job->view);
    struct vm_placement *to = next->placement;
    to->phase = PLACEMENT_STOP;
    to->is_forced = false;
    memcpy(to->next_node, answer->node, sizeof(to->next_node));
    change_swap_holds(&to->next_gpus, &answer->gpus);
    to->move_order = job->view.spec->vm_spec->move_order;
    to->reasons.len = 0;
    to->cause = job->why;
    if (is_live) {
        handing_begin(core, job, way, next);
    }
    struct intent *intent = change_commit(core, &job->view, next);
    (void)facts_set(change_note(intent, is_live ? NOTE_VM_HANDING_OVER : NOTE_VM_MOVING, &job->why),
                    to->next_node, to->node, NULL);
}

/* No place for a VM that runs: it runs on, unless the drain is forced. */
static void stay(struct core *core, const struct job *job, struct placing *answer)
{
    const struct vm_placement *old = job->view.placement->placement;
    assert(old->phase == PLACEMENT_START && !answer->is_placed);
    if (job->is_mate) {
        return; /* told of the one that it goes along with */
    }
    const struct record *node = world_find(&core->world, RECORD_NODE_SPEC, old->node);
    bool is_forced = (node && node->node_spec->force) || MUTANT(NO_RESERVATION);
    bool is_vacated = world_is_vacated(&core->world, old->node);
    if (job->purpose == PURPOSE_DRAIN && (is_forced || is_vacated)) {
        struct view view = job->view;
        view.node = old->node; /* if the order was taken back, it holds no more */
        change_stop(core, &view,
                    is_vacated ? job->why : cause_make(CAUSE_DRAIN_FORCED, NULL, NULL, NULL),
                    false);
        return;
    }
    enum cause_code code = job->purpose == PURPOSE_DRAIN    ? CAUSE_DRAIN_NO_HOST
                           : job->purpose == PURPOSE_MEND   ? CAUSE_GPU_NO_HOST
                           : job->purpose == PURPOSE_REPAIR ? job->why.code
                                                            : CAUSE_MOVE_NO_HOST;
    /* Of a rule that cannot be repaired, the rule alone: the reasons of one VM change with what was
     * tried for the other, so that two of them would write for ever. */
    bool is_known = job->purpose == PURPOSE_REPAIR
                        ? cause_equal(&old->cause, &job->why)
                        : job->purpose != PURPOSE_MOVE && is_told(core, old, code, answer);
    if (is_known || job->purpose == PURPOSE_FAILBACK) {
        return;
    }
    struct record *next = change_draft(&job->view);
    next->placement->move_order = job->view.spec->vm_spec->move_order;
    take_reasons(next->placement, answer);
    next->placement->cause =
        job->purpose == PURPOSE_REPAIR ? job->why : cause_make(code, NULL, NULL, NULL);
    struct intent *intent = change_commit(core, &job->view, next);
    (void)facts_set(change_note(intent, NOTE_VM_CANNOT_MOVE, &job->why), old->node, NULL, NULL);
}

void answer_apply(struct core *core, const struct job *job, struct placing *answer)
{
    bool is_running = job->purpose != PURPOSE_START && job->purpose != PURPOSE_RECOVER;
    if (is_running && answer->is_placed && !is_there(core, job, answer)) {
        return; /* the change of that placement leads here again */
    }
    bool is_here = is_running && answer->is_placed &&
                   strcmp(answer->node, job->view.placement->placement->node) == 0;
    if (is_here) {
        change_stop(core, &job->view, job->why, false); /* then it starts with another GPU */
    } else if (is_running && answer->is_placed) {
        go_there(core, job, answer);
    } else if (is_running) {
        stay(core, job, answer);
    } else if (answer->is_placed) {
        start_there(core, job, answer);
    } else {
        wait_for_place(core, job, answer);
    }
}
