/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/restart.h"

#include "core/hold.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/sight.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Between two restarts of a VM that keeps failing: none before the first, then doubled each time.
 */
enum { pause_ms = 5000, pause_max_ms = 60000 };

/* It failed, or lost its hosts, too often. Frees what it held, so it must be gone. */
static void give_up(struct core *core, const struct view *view, struct cause why)
{
    assert(view->gone != GONE_NOT);
    struct record *next = change_draft(view);
    change_clear_place(next->placement);
    next->placement->is_failed = true;
    next->placement->cause = why;
    (void)change_note(change_commit(core, view, next), NOTE_VM_FAILED, &why);
}

/* Its host was lost, and its priority says that no one but an administrator starts it. */
void restart_stay_off(struct core *core, const struct view *view)
{
    assert(view->gone != GONE_NOT || MUTANT(MOVE_TOO_SOON));
    struct record *next = change_draft(view);
    change_clear_place(next->placement);
    next->placement->is_failed = true;
    next->placement->cause = cause_make(CAUSE_HOST_LOST_BY_HAND, NULL, NULL, NULL);
    struct intent *intent = change_commit(core, view, next);
    (void)facts_set(change_note(intent, NOTE_VM_NOT_RESTARTED, NULL),
                    view->placement->placement->node, NULL, NULL);
}

/* ---- its host was lost ---- */

/* Its host was shut down in order: neither of them is to blame for anything. */
static bool has_gone_down(const struct core *core, const struct view *view)
{
    const struct peer *peer = peer_find(core, view->placement->placement->node);
    return peer && peer_went_down(peer, view->status->status->incarnation);
}

/*
 * Whether it can have been the VM that brought its host down. Not if another host was lost at the
 * same time: the VM ran on one of them only, and starts on another not before the first is proven
 * off, which takes longer than that. So a rack that loses its power makes none of its VMs suspect.
 * Nor if that host was the last one, too: then it is the host (standing.c).
 */
static bool is_suspect(const struct core *core, const struct view *view)
{
    const struct vm_placement *p = view->placement->placement;
    const struct peer *peer = peer_find(core, p->node);
    msec_t lost_ms = peer ? peer_lost_ms(peer, view->status->status->incarnation) : MSEC_NEVER;
    return lost_ms != MSEC_NEVER && !has_gone_down(core, view) &&
           strcmp(p->lost_node, p->node) != 0 && !peer_lost_others(core, peer, lost_ms);
}

static void host_lost(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    const struct vm_restart_policy *policy = &view->spec->vm_spec->restart;
    struct tally tally = tally_of(p);
    if (view->spec->vm_spec->priority == priority_no_auto) {
        restart_stay_off(core, view);
        return;
    }
    if (is_suspect(core, view)) {
        tally.host_losses++;
        memcpy(tally.lost_node, p->node, sizeof(tally.lost_node));
    }
    if (policy->host_losses_max > 0 && tally.host_losses >= policy->host_losses_max) {
        struct cause why = cause_make(CAUSE_HOST_LOSSES, p->node, NULL, NULL);
        why.facts.count = tally.host_losses;
        give_up(core, view, why);
        return;
    }
    struct cause why = cause_make(view->gone == GONE_FENCED   ? CAUSE_HOST_FENCED
                                  : has_gone_down(core, view) ? CAUSE_HOST_SHUTDOWN
                                                              : CAUSE_HOST_REJOINED,
                                  p->node, NULL, NULL);
    jobs_add(jobs, view, PURPOSE_RECOVER, why)->tally = tally;
}

/* ---- it failed itself ---- */

/* On its host each next time later, and so from host to host; another host's first chance is at
 * once. */
static msec_t pause_of(const struct vm_placement *p, const struct vm_restart_policy *policy)
{
    uint32_t tries = p->restarts < policy->restarts_max ? p->restarts : p->failovers;
    return tries == 0 ? 0 : MIN((msec_t)pause_ms << MIN(tries - 1, 8U), (msec_t)pause_max_ms);
}

/* Told once: it is started again, but not at once. */
static void wait_a_while(struct core *core, const struct view *view, msec_t wait_ms,
                         const struct cause *why)
{
    const struct vm_placement *p = view->placement->placement;
    if (p->cause.code == CAUSE_FAILING) {
        return;
    }
    struct record *next = change_draft(view);
    next->placement->reasons.len = 0;
    struct reason *reason = VEC_ADD(&next->placement->reasons);
    if (!reason) {
        core_out_of_memory();
    }
    *reason = (struct reason){0};
    (void)copy_text(reason->node, sizeof(reason->node), why->facts.node);
    reason->cause = *why;
    next->placement->cause = cause_make(CAUSE_FAILING, NULL, NULL, NULL);
    next->placement->cause.facts.ms = wait_ms;
    change_note(change_commit(core, view, next), NOTE_VM_RESTART_DELAYED, why)->ms = wait_ms;
}

/* How it ended there, as a reason not to run. */
static struct cause failure(const char *node, const struct cause *end)
{
    if (end->code == CAUSE_GUEST_HALTED || end->code == CAUSE_GUEST_SILENT) {
        return *end;
    }
    enum cause_code code = end->code == CAUSE_START_LATE ? CAUSE_FAILED_LATE
                           : end->code == CAUSE_WAS_GONE ? CAUSE_FAILED_GONE
                                                         : CAUSE_FAILED;
    return cause_make(code, node, NULL, end->facts.detail);
}

static void failed(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    const struct vm_restart_policy *policy = &view->spec->vm_spec->restart;
    msec_t wait_ms = pause_of(p, policy);
    msec_t due_ms = sight_state_ms(core, view->name) + wait_ms;
    struct tally tally = tally_of(p);
    struct cause why = failure(p->node, &view->status->status->cause);
    if (p->restarts < policy->restarts_max) {
        tally.restarts++;
    } else if (p->failovers < policy->failovers_max) {
        tally.restarts = 0;
        tally.failovers++;
        memcpy(tally.failed_node, p->node, sizeof(tally.failed_node));
    } else {
        give_up(core, view, why);
        return;
    }
    if (core->now_ms < due_ms) {
        change_again(core, due_ms);
        wait_a_while(core, view, wait_ms, &why);
        return;
    }
    jobs_add(jobs, view, PURPOSE_RECOVER, why)->tally = tally;
}

/* ---- */

void restart_ended(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    assert(view->gone != GONE_NOT && view->gone != GONE_NOT_BEGUN && view->wants_to_run);
    if (view->spec->vm_spec->start_order != p->start_order) {
        jobs_add(jobs, view, PURPOSE_RECOVER, cause_make(CAUSE_RESTART_ORDERED, NULL, NULL, NULL))
            ->tally = (struct tally){0};
    } else if (core_is_disarmed(core)) {
        return; /* when the cluster is armed again it is looked at again */
    } else if (view->gone == GONE_REPORTED && !has_gone_down(core, view)) {
        failed(core, view, jobs);
    } else { /* of a host that went down it says nothing about the VM that it was reported */
        host_lost(core, view, jobs);
    }
}

void restart_forgive(struct core *core, const struct view *view)
{
    const struct vm_placement *p = view->placement->placement;
    struct tally tally = tally_of(p);
    if ((tally.restarts == 0 && tally.failovers == 0 && tally.host_losses == 0) || !view->status ||
        view->status->status->epoch != p->epoch ||
        view->status->status->state != VM_STATE_RUNNING) {
        return;
    }
    msec_t due_ms = sight_state_ms(core, view->name) + view->spec->vm_spec->restart.window_ms;
    if (core->now_ms < due_ms) {
        change_again(core, due_ms);
        return;
    }
    struct record *next = change_draft(view);
    tally_put(next->placement, &(struct tally){0});
    (void)change_commit(core, view, next);
}
