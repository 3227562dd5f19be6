/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The coordinator's work on each VM, by level: what is wanted (spec), what is ordered (placement),
 * what is (status, and what is proven) -> the next placement, or a wait with its reasons.
 *
 *      none --placed--> start --stop wanted, move, drain--> stop --gone--> next place, or none
 *        ^                |
 *        `- nowhere to go-+-- gone (failed, host off) --placed--> start, next epoch
 *
 * One transaction a change. It demands that we still lead, that spec, placement and status are the
 * ones that were decided upon, and that nobody else holds the GPUs; it moves the claims along. So a
 * GPU is never held twice and no claim outlives its placement.
 */
#include "core/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { commit_limit_ms = 3000 };

static const char cause_stopped[] = "stopped";
static const char cause_cannot_leave[] = "the node is being drained, but no other node takes it";

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

/* ---- intents ---- */

static struct intent *find_intent(const struct core *core, const char *vm)
{
    VEC_EACH(&core->coordinator.intents, intent) {
        if (strcmp(intent->vm, vm) == 0) {
            return intent;
        }
    }
    return NULL;
}

const struct record *recover_placement(const struct core *core, const char *vm)
{
    const struct intent *intent = find_intent(core, vm);
    return intent ? intent->placement : world_find(&core->world, RECORD_VM_PLACEMENT, vm);
}

/* Drops the intents whose outcome the world now holds. */
static void settle(struct core *core)
{
    struct coordinator *c = &core->coordinator;
    for (size_t i = c->intents.len; i-- > 0;) {
        struct intent *intent = &c->intents.items[i];
        pending_tick(core, &intent->pending);
        if (pending_is_idle(core, &intent->pending)) {
            record_unref(intent->placement);
            VEC_REMOVE(&c->intents, i);
            core->is_dirty = true;
        }
    }
}

void recover_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind != CORE_TXN_DONE) {
        return;
    }
    VEC_EACH(&core->coordinator.intents, intent) {
        if (pending_done(core, &intent->pending, event, &outcome) && outcome == TXN_COMMITTED &&
            intent->note.code) {
            core_note(core, intent->note.severity, intent->note.code, intent->note.subject, "%s",
                      intent->note.text);
        }
    }
}

/* ---- one change ---- */

static bool holds(const gpu_holds_t *list, const struct gpu_slot *slot)
{
    VEC_EACH(list, hold) {
        if (gpu_slot_equal(&hold->slot, slot)) {
            return true;
        }
    }
    return false;
}

static struct record_key claim_key(const char *node, const struct gpu_slot *slot)
{
    struct record_key key = {.kind = RECORD_CLAIM};
    (void)snprintf(key.name, sizeof(key.name), "%s", node);
    (void)gpu_slot_format(slot, key.second);
    return key;
}

/* Puts a claim for each of 'list': new, or ours with another epoch. */
static void claim(struct core *core, struct txn *txn, const char *vm, uint64_t epoch,
                  const char *node, const gpu_holds_t *list)
{
    VEC_EACH(list, hold) {
        struct record_key key = claim_key(node, &hold->slot);
        const struct record *old = world_find_key(&core->world, &key);
        bool is_ours = old && strcmp(old->claim->vm, vm) == 0;
        if (is_ours && old->claim->epoch == epoch) {
            txn_guard(txn, &key, old->revision);
            continue;
        }
        struct record *record = record_new(RECORD_CLAIM, key.name, key.second);
        if (!record) {
            core_out_of_memory();
        }
        (void)snprintf(record->claim->vm, sizeof(record->claim->vm), "%s", vm);
        record->claim->epoch = epoch;
        if (!MUTANT(NO_CLAIM_GUARD)) {
            txn_guard(txn, &key, is_ours ? old->revision : 0);
        }
        txn_put(txn, record);
    }
}

/* Deletes the claims of 'list' on 'node' that 'to' does not hold there. */
static void unclaim(struct core *core, struct txn *txn, const char *vm, const char *node,
                    const gpu_holds_t *list, const struct vm_placement *to)
{
    VEC_EACH(list, hold) {
        struct record_key key = claim_key(node, &hold->slot);
        const struct record *old = world_find_key(&core->world, &key);
        bool is_kept = to && ((strcmp(to->node, node) == 0 && holds(&to->gpus, &hold->slot)) ||
                              (strcmp(to->next_node, node) == 0 && holds(&to->next_gpus, &hold->slot)));
        if (old && strcmp(old->claim->vm, vm) == 0 && !is_kept && !MUTANT(CLAIM_LEAKS)) {
            txn_guard(txn, &key, old->revision);
            txn_delete(txn, &key);
        }
    }
}

static void guard_subject(struct core *core, struct txn *txn, enum record_kind kind,
                          const char *name)
{
    struct record_key key = {.kind = kind};
    (void)snprintf(key.name, sizeof(key.name), "%s", name);
    txn_guard(txn, &key, world_revision(&core->world, &key));
}

/*
 * Sends the change of 'view's placement to 'next' (taken over; NULL: the VM is forgotten). The
 * returned intent's note may be filled in; it is told once the change is committed.
 */
static struct intent *commit(struct core *core, const struct view *view, struct record *next)
{
    const struct vm_placement *old = view->placement ? view->placement->placement : NULL;
    const struct vm_placement *to = next ? next->placement : NULL;
    struct txn txn = {0};
    coordinator_guard(core, &txn);
    guard_subject(core, &txn, RECORD_VM_SPEC, view->name);
    if (!MUTANT(NO_PLACEMENT_GUARD)) {
        guard_subject(core, &txn, RECORD_VM_PLACEMENT, view->name);
    }
    if (!MUTANT(NO_STATUS_GUARD)) {
        guard_subject(core, &txn, RECORD_VM_STATUS, view->name);
    }
    if (view->node) {
        guard_subject(core, &txn, RECORD_NODE_SPEC, view->node);
    }
    if (old) {
        unclaim(core, &txn, view->name, old->node, &old->gpus, to);
        unclaim(core, &txn, view->name, old->next_node, &old->next_gpus, to);
    }
    if (to) {
        claim(core, &txn, view->name, to->epoch, to->node, &to->gpus);
        claim(core, &txn, view->name, to->epoch + 1, to->next_node, &to->next_gpus);
        txn_put(&txn, record_ref(next));
    } else {
        struct record_key key = {.kind = RECORD_VM_PLACEMENT};
        (void)snprintf(key.name, sizeof(key.name), "%s", view->name);
        txn_delete(&txn, &key);
        key.kind = RECORD_VM_STATUS;
        txn_delete(&txn, &key);
    }
    struct intent *intent = VEC_ADD(&core->coordinator.intents);
    if (!intent) {
        core_out_of_memory();
    }
    (void)snprintf(intent->vm, sizeof(intent->vm), "%s", view->name);
    intent->placement = next;
    pending_send(core, &intent->pending, &txn, commit_limit_ms);
    return intent;
}

static void PRINTF_LIKE(4, 5) note_later(struct intent *intent, enum severity severity,
                                         const char *code, const char *format, ...)
{
    va_list args;
    intent->note.severity = severity;
    intent->note.code = code;
    (void)snprintf(intent->note.subject, sizeof(intent->note.subject), "%s", intent->vm);
    va_start(args, format);
    (void)vsnprintf(intent->note.text, sizeof(intent->note.text), format, args);
    va_end(args);
}

/* A placement to change and commit: the old one's copy, or a first one. */
static struct record *draft(const struct view *view)
{
    struct record *next = view->placement ? record_copy(view->placement)
                                          : record_new(RECORD_VM_PLACEMENT, view->name, NULL);
    if (!next) {
        core_out_of_memory();
    }
    next->revision = 0;
    return next;
}

static void set_cause(struct vm_placement *placement, const char *cause)
{
    (void)snprintf(placement->cause, sizeof(placement->cause), "%s", cause);
}

static void drop_next(struct vm_placement *placement)
{
    placement->next_node[0] = '\0';
    placement->next_gpus.len = 0;
}

/* Nowhere: no node, no GPUs, nothing reserved. */
static void clear_place(struct vm_placement *placement)
{
    placement->phase = PLACEMENT_NONE;
    placement->node[0] = '\0';
    placement->gpus.len = 0;
    placement->is_forced = false;
    placement->reasons.len = 0;
    drop_next(placement);
}

static void swap_holds(gpu_holds_t *a, gpu_holds_t *b)
{
    gpu_holds_t keep = *a;
    *a = *b;
    *b = keep;
}

/* ---- decisions without the planner ---- */

static void forget(struct core *core, const struct view *view)
{
    if (view->placement || view->status) {
        note_later(commit(core, view, NULL), SEVERITY_INFO, "vm-removed", "%s is removed",
                   view->name);
    }
}

static void stop(struct core *core, const struct view *view, const char *cause, bool is_forced)
{
    struct record *next = draft(view);
    next->placement->phase = PLACEMENT_STOP;
    next->placement->is_forced = is_forced;
    next->placement->reasons.len = 0;
    drop_next(next->placement);
    set_cause(next->placement, cause);
    note_later(commit(core, view, next), SEVERITY_INFO, "vm-stopping", "stopping %s on %s: %s",
               view->name, view->placement->placement->node, cause);
}

/* It runs nowhere and shall not: free what it held. */
static void rest(struct core *core, const struct view *view)
{
    const struct vm_placement *old = view->placement->placement;
    if (!view->spec) {
        forget(core, view);
        return;
    }
    struct record *next = draft(view);
    char node[name_size];
    memcpy(node, old->node, sizeof(node));
    clear_place(next->placement);
    next->placement->start_order = view->spec->vm_spec->start_order;
    next->placement->move_order = view->spec->vm_spec->move_order;
    set_cause(next->placement, cause_stopped);
    struct intent *intent = commit(core, view, next);
    if (old->phase != PLACEMENT_NONE) {
        note_later(intent, SEVERITY_INFO, "vm-stopped", "%s is stopped; its GPUs on %s are free",
                   view->name, node);
    }
}

static void fail(struct core *core, const struct view *view, const char *why)
{
    struct record *next = draft(view);
    clear_place(next->placement);
    next->placement->is_failed = true;
    set_cause(next->placement, why);
    note_later(commit(core, view, next), SEVERITY_ERROR, "vm-failed",
               "%s failed and its restart policy is used up: %s. 'berth vm start %s' tries again",
               view->name, why, view->name);
}

/* Whether what was reserved on another node can still be had there. */
static bool is_next_usable(const struct core *core, const struct vm_placement *placement)
{
    if (placement->next_node[0] == '\0' || !coordinator_takes_vms(core, placement->next_node)) {
        return false;
    }
    VEC_EACH(&placement->next_gpus, hold) {
        const struct gpu *gpu =
            world_gpu(&core->world, placement->next_node, hold->slot.address);
        if (!gpu || gpu->health != GPU_HEALTHY) {
            return false;
        }
    }
    return true;
}

/* The move's first half is done: start at the reserved place. */
static void arrive(struct core *core, const struct view *view)
{
    const struct vm_placement *old = view->placement->placement;
    struct record *next = draft(view);
    struct vm_placement *to = next->placement;
    to->epoch = old->epoch + 1;
    to->phase = PLACEMENT_START;
    memcpy(to->node, old->next_node, sizeof(to->node));
    swap_holds(&to->gpus, &to->next_gpus);
    drop_next(to);
    to->is_forced = false;
    to->restarts = 0;
    to->reasons.len = 0;
    (void)snprintf(to->cause, sizeof(to->cause), "moved from %s", old->node);
    note_later(commit(core, view, next), SEVERITY_INFO, "vm-placed",
               "%s stopped on %s: starting on %s", view->name, old->node, old->next_node);
}

static void resume_running(struct core *core, const struct view *view)
{
    struct record *next = draft(view);
    next->placement->phase = PLACEMENT_START;
    drop_next(next->placement);
    set_cause(next->placement, "it did not stop within its time limit and runs on");
    note_later(commit(core, view, next), SEVERITY_WARNING, "vm-stop-refused",
               "%s on %s did not stop within its time limit and runs on: %s", view->name,
               view->placement->placement->node, view->status->status->reason);
}

/* ---- decisions that need a place ---- */

static struct job *add_job(struct jobs *jobs, const struct view *view, enum purpose purpose,
                           const char *why)
{
    struct job *job = VEC_ADD(&jobs->list);
    if (!job) {
        core_out_of_memory();
    }
    job->view = *view;
    job->purpose = purpose;
    if (view->placement) {
        job->restarts = view->placement->placement->restarts;
        job->failovers = view->placement->placement->failovers;
    }
    (void)snprintf(job->why, sizeof(job->why), "%s", why);
    return job;
}

/* It ended unasked: here again, elsewhere, or not any more. */
static void lost(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    const struct vm_restart_policy *policy = &view->spec->vm_spec->restart;
    char why[reason_size];
    if (view->gone != GONE_REPORTED) {
        (void)snprintf(why, sizeof(why), "%s: %s", p->node, gone_name(view->gone));
        (void)add_job(jobs, view, PURPOSE_RECOVER, why);
        return;
    }
    (void)snprintf(why, sizeof(why), "on %s: %s", p->node, view->status->status->reason);
    if (p->restarts < policy->restarts_max) {
        add_job(jobs, view, PURPOSE_RECOVER, why)->restarts = p->restarts + 1;
    } else if (p->failovers < policy->failovers_max) {
        struct job *job = add_job(jobs, view, PURPOSE_RECOVER, why);
        job->restarts = 0;
        job->failovers = p->failovers + 1;
    } else {
        fail(core, view, why);
    }
}

static bool node_has_mode(const struct core *core, const char *node, enum node_mode mode)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, node);
    return (spec ? spec->node_spec->mode : NODE_ACTIVE) == mode;
}

/* A VM that ran for its policy's window has its counts cleared. */
static void forgive(struct core *core, const struct view *view)
{
    struct coordinator *c = &core->coordinator;
    const struct vm_placement *p = view->placement->placement;
    if ((p->restarts == 0 && p->failovers == 0) || !view->status ||
        view->status->status->state != VM_STATE_RUNNING) {
        return;
    }
    struct run_time *time = NULL;
    VEC_EACH(&c->run_times, each) {
        if (strcmp(each->vm, view->name) == 0) {
            time = each;
        }
    }
    if (!time) {
        time = VEC_ADD(&c->run_times);
        if (!time) {
            core_out_of_memory();
        }
        (void)snprintf(time->vm, sizeof(time->vm), "%s", view->name);
    }
    if (time->epoch != p->epoch) {
        time->epoch = p->epoch;
        time->since_ms = core->now_ms;
    }
    msec_t due_ms = time->since_ms + view->spec->vm_spec->restart.window_ms;
    if (core->now_ms < due_ms) {
        c->again_ms = c->again_ms ? MIN(c->again_ms, due_ms) : due_ms;
        return;
    }
    struct record *next = draft(view);
    next->placement->restarts = next->placement->failovers = 0;
    (void)commit(core, view, next);
}

static void decide_running(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    if (view->status->status->is_stop_refused) {
        return; /* its node clears that first */
    }
    if (view->spec->vm_spec->move_order > p->move_order) {
        (void)add_job(jobs, view, PURPOSE_MOVE, "an administrator asked for it");
    } else if (node_has_mode(core, p->node, NODE_DRAIN)) {
        (void)add_job(jobs, view, PURPOSE_DRAIN, "its node is being drained");
    } else if (strcmp(p->cause, cause_cannot_leave) == 0) {
        struct record *next = draft(view);
        next->placement->reasons.len = 0;
        set_cause(next->placement, "");
        (void)commit(core, view, next);
    } else {
        forgive(core, view);
    }
}

static void decide_start(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    if (view->gone == GONE_NOT_BEGUN) {
        if (!view->wants_to_run) {
            rest(core, view);
        } else if (!coordinator_takes_vms(core, p->node)) {
            (void)add_job(jobs, view, PURPOSE_RECOVER, "its node cannot start it");
        }
        return;
    }
    if (view->gone != GONE_NOT) {
        if (view->wants_to_run) {
            lost(core, view, jobs);
        } else {
            rest(core, view);
        }
        return;
    }
    if (!view->wants_to_run) {
        stop(core, view, view->spec ? "an administrator stopped it" : "it was removed",
             view->spec && view->spec->vm_spec->is_stop_forced);
        return;
    }
    decide_running(core, view, jobs);
}

static void decide_stop(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement->placement;
    if (view->gone != GONE_NOT || MUTANT(MOVE_TOO_SOON)) {
        if (!view->wants_to_run) {
            rest(core, view);
        } else if (is_next_usable(core, p)) {
            arrive(core, view);
        } else {
            (void)add_job(jobs, view, PURPOSE_RECOVER, "it was stopped to be moved");
        }
        return;
    }
    bool is_forced_now = !view->wants_to_run && view->spec && view->spec->vm_spec->is_stop_forced;
    if (is_forced_now && !p->is_forced) {
        stop(core, view, "an administrator turned it off", true);
    } else if (view->status->status->is_stop_refused && !p->is_forced) {
        resume_running(core, view);
    }
}

/* Its place was given up so that another could have the devices: the cause is still the first. */
static bool has_let_go(const struct vm_placement *placement)
{
    return placement && placement->epoch > 0 && placement->reasons.len == 0 &&
           !placement->is_failed && strcmp(placement->cause, cause_stopped) != 0;
}

static void decide_none(struct core *core, const struct view *view, struct jobs *jobs)
{
    const struct vm_placement *p = view->placement ? view->placement->placement : NULL;
    if (!view->spec) {
        forget(core, view);
        return;
    }
    bool is_new_order = !p || view->spec->vm_spec->start_order != p->start_order;
    if (view->wants_to_run && (!p || !p->is_failed || is_new_order)) {
        struct job *job = add_job(jobs, view, p && p->epoch > 0 && !is_new_order ? PURPOSE_RECOVER
                                                                                 : PURPOSE_START,
                                  has_let_go(p) ? p->cause : "it shall run");
        if (is_new_order) {
            job->restarts = job->failovers = 0;
        }
    } else if (!view->wants_to_run && p && (p->reasons.len > 0 || p->is_failed)) {
        struct record *next = draft(view);
        clear_place(next->placement);
        next->placement->is_failed = false;
        set_cause(next->placement, cause_stopped);
        (void)commit(core, view, next);
    }
}

static void decide(struct core *core, const char *vm, struct jobs *jobs)
{
    if (find_intent(core, vm)) {
        return;
    }
    struct view view = {
        .name = vm,
        .spec = world_find(&core->world, RECORD_VM_SPEC, vm),
        .placement = world_find(&core->world, RECORD_VM_PLACEMENT, vm),
        .status = world_find(&core->world, RECORD_VM_STATUS, vm),
    };
    view.wants_to_run = view.spec && view.spec->vm_spec->desired == VM_STARTED;
    enum placement_phase phase =
        view.placement ? view.placement->placement->phase : PLACEMENT_NONE;
    if (phase != PLACEMENT_NONE) {
        view.gone = proof_instance_gone(&core->world, vm, view.placement->placement);
        if (MUTANT(ON_BELIEF) && view.gone == GONE_NOT &&
            !coordinator_is_up(core, view.placement->placement->node)) {
            view.gone = GONE_FENCED;
        }
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

/* ---- the planner's answers ---- */

static bool same_reasons(const struct vm_placement *placement, const struct placing *answer)
{
    if (placement->reasons.len != answer->reasons.len) {
        return false;
    }
    for (size_t i = 0; i < answer->reasons.len; i++) {
        const struct reason *a = &placement->reasons.items[i], *b = &answer->reasons.items[i];
        if (strcmp(a->node, b->node) != 0 || strcmp(a->text, b->text) != 0) {
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

/* Whether another VM still claims one of the devices that 'answer' gives. It does if that VM, too,
 * was planned anew just now: two that swap their devices must both let go before either takes. */
static bool is_still_claimed(const struct core *core, const struct job *job,
                             const struct placing *answer)
{
    VEC_EACH(&answer->gpus, hold) {
        struct record_key key = claim_key(answer->node, &hold->slot);
        const struct record *claim = world_find_key(&core->world, &key);
        if (claim && strcmp(claim->claim->vm, job->view.name) != 0) {
            return true;
        }
    }
    return false;
}

/* It runs nowhere and shall have what another still claims: frees what it held itself. The change of
 * the claims leads to the next plan. */
static void let_go(struct core *core, const struct job *job)
{
    if (!job->view.placement || job->view.placement->placement->phase == PLACEMENT_NONE) {
        return;
    }
    struct record *next = draft(&job->view);
    clear_place(next->placement);
    next->placement->restarts = job->restarts;
    next->placement->failovers = job->failovers;
    set_cause(next->placement, job->why);
    (void)commit(core, &job->view, next);
}

/* A place was found for a VM that runs nowhere. */
static void start_there(struct core *core, const struct job *job, struct placing *answer)
{
    if (is_still_claimed(core, job, answer)) {
        let_go(core, job);
        return;
    }
    const struct vm_spec *spec = job->view.spec->vm_spec;
    struct record *next = draft(&job->view);
    struct vm_placement *to = next->placement;
    clear_place(to);
    to->epoch += MUTANT(SAME_EPOCH) && to->epoch > 0 ? 0 : 1;
    to->phase = PLACEMENT_START;
    memcpy(to->node, answer->node, sizeof(to->node));
    swap_holds(&to->gpus, &answer->gpus);
    to->is_failed = false;
    to->restarts = job->restarts;
    to->failovers = job->failovers;
    to->start_order = spec->start_order;
    to->move_order = spec->move_order;
    set_cause(to, job->why);
    bool is_again = job->purpose == PURPOSE_RECOVER && to->epoch > 1;
    note_later(commit(core, &job->view, next), SEVERITY_INFO, "vm-placed", "%s %s on %s: %s",
               is_again ? "restarting" : "starting", job->view.name, answer->node, job->why);
}

/* No place for a VM that runs nowhere: it waits, and holds nothing. */
static void wait_for_place(struct core *core, const struct job *job, struct placing *answer)
{
    const struct vm_placement *old =
        job->view.placement ? job->view.placement->placement : NULL;
    if (old && old->phase == PLACEMENT_NONE && !old->is_failed && same_reasons(old, answer) &&
        old->start_order == job->view.spec->vm_spec->start_order) {
        return;
    }
    struct record *next = draft(&job->view);
    struct vm_placement *to = next->placement;
    bool was_waiting = old && old->phase == PLACEMENT_NONE && old->reasons.len > 0;
    clear_place(to);
    to->is_failed = false;
    to->restarts = job->restarts;
    to->failovers = job->failovers;
    to->start_order = job->view.spec->vm_spec->start_order;
    set_cause(to, "no host takes it now");
    take_reasons(to, answer);
    struct intent *intent = commit(core, &job->view, next);
    if (!was_waiting) {
        note_later(intent, SEVERITY_WARNING, "vm-waiting",
                   "%s waits for a host that takes it; first reason: %s%s%s", job->view.name,
                   to->reasons.len ? to->reasons.items[0].node : "there is no node",
                   to->reasons.len ? ": " : "", to->reasons.len ? to->reasons.items[0].text : "");
    }
}

/* A place was found for a VM that runs: reserve it, then stop the VM here. */
static void go_there(struct core *core, const struct job *job, struct placing *answer)
{
    struct record *next = draft(&job->view);
    struct vm_placement *to = next->placement;
    to->phase = PLACEMENT_STOP;
    to->is_forced = false;
    memcpy(to->next_node, answer->node, sizeof(to->next_node));
    swap_holds(&to->next_gpus, &answer->gpus);
    to->move_order = job->view.spec->vm_spec->move_order;
    to->reasons.len = 0;
    set_cause(to, job->why);
    note_later(commit(core, &job->view, next), SEVERITY_INFO, "vm-moving",
               "moving %s from %s to %s, place reserved: %s", job->view.name, to->node,
               to->next_node, job->why);
}

/* No place for a VM that runs: it runs on, unless the drain is forced. */
static void stay(struct core *core, const struct job *job, struct placing *answer)
{
    const struct vm_placement *old = job->view.placement->placement;
    const struct record *node = world_find(&core->world, RECORD_NODE_SPEC, old->node);
    bool is_forced = (node && node->node_spec->force) || MUTANT(NO_RESERVATION);
    if (job->purpose == PURPOSE_DRAIN && is_forced) {
        struct view view = job->view;
        view.node = old->node; /* if the force was taken back, it holds no more */
        stop(core, &view, "its node is drained by force and no other node takes it", false);
        return;
    }
    bool is_told = job->purpose == PURPOSE_DRAIN && same_reasons(old, answer) &&
                   strcmp(old->cause, cause_cannot_leave) == 0;
    if (is_told) {
        return;
    }
    struct record *next = draft(&job->view);
    next->placement->move_order = job->view.spec->vm_spec->move_order;
    take_reasons(next->placement, answer);
    set_cause(next->placement, job->purpose == PURPOSE_DRAIN
                                   ? cause_cannot_leave
                                   : "it was asked to move, but no node takes it");
    note_later(commit(core, &job->view, next), SEVERITY_WARNING, "vm-cannot-move",
               "%s stays on %s: no other node takes it", job->view.name, old->node);
}

static void apply(struct core *core, const struct job *job, struct placing *answer)
{
    bool is_running = job->purpose == PURPOSE_MOVE || job->purpose == PURPOSE_DRAIN;
    if (is_running && answer->is_placed && is_still_claimed(core, job, answer)) {
        return; /* the change of that claim leads here again */
    }
    if (is_running && answer->is_placed) {
        go_there(core, job, answer);
    } else if (is_running) {
        stay(core, job, answer);
    } else if (answer->is_placed) {
        start_there(core, job, answer);
    } else {
        wait_for_place(core, job, answer);
    }
}

static void ask(const struct job *job, struct placing *request)
{
    const struct vm_placement *old =
        job->view.placement ? job->view.placement->placement : NULL;
    request->spec = job->view.spec;
    request->is_moving = job->purpose == PURPOSE_MOVE || job->purpose == PURPOSE_DRAIN;
    if (job->purpose == PURPOSE_MOVE) {
        const char *to = job->view.spec->vm_spec->move_to;
        request->only_node = strcmp(to, "*") == 0 || to[0] == '\0' ? NULL : to;
    }
    if (job->purpose == PURPOSE_RECOVER && old && old->node[0] != '\0') {
        bool is_failover = job->failovers > old->failovers;
        request->avoid_node = is_failover ? old->node : NULL;
        request->prefer_node = is_failover ? NULL : old->node;
    }
}

/* Plans the jobs whose VM must run again first; starts that somebody asked for come after. */
static void plan_jobs(struct core *core, struct jobs *jobs, bool is_asked)
{
    VEC(struct placing) requests = {0};
    VEC(struct job *) asked = {0};
    VEC_EACH(&jobs->list, job) {
        if ((job->purpose == PURPOSE_START || job->purpose == PURPOSE_MOVE) != is_asked) {
            continue;
        }
        struct placing *request = VEC_ADD(&requests);
        struct job **slot = VEC_ADD(&asked);
        if (!request || !slot) {
            core_out_of_memory();
        }
        *slot = job;
        ask(job, request);
    }
    if (requests.len > 0) {
        placing_plan(core, requests.items, requests.len, is_asked);
    }
    for (size_t i = 0; i < requests.len; i++) {
        apply(core, asked.items[i], &requests.items[i]);
        placing_done(&requests.items[i]);
    }
    VEC_DONE(&requests);
    VEC_DONE(&asked);
}

void recover_step(struct core *core)
{
    struct coordinator *c = &core->coordinator;
    settle(core);
    if (!c->is_leading) {
        return;
    }
    bool is_due = c->again_ms != 0 && core->now_ms >= c->again_ms;
    if (!core->is_dirty && !is_due) {
        core_wake(core, c->again_ms ? c->again_ms : MSEC_NEVER);
        return;
    }
    core->is_dirty = false;
    c->again_ms = 0;
    struct jobs jobs = {0};
    WORLD_EACH(&core->world, RECORD_VM_SPEC, each)
    {
        decide(core, (*each)->key.name, &jobs);
    }
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each)
    {
        if (!world_find(&core->world, RECORD_VM_SPEC, (*each)->key.name)) {
            decide(core, (*each)->key.name, &jobs);
        }
    }
    plan_jobs(core, &jobs, false);
    plan_jobs(core, &jobs, true);
    core_wake(core, c->again_ms ? c->again_ms : MSEC_NEVER);
    VEC_DONE(&jobs.list);
}
