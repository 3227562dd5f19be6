/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/change.h"

#include "core/handover.h"
#include "core/lead.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/sight.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    commit_limit_ms = 3000,
    /* On their way at a time: what a slow etcd, which does 200 a second, answers within that. */
    changes_max = 512,
    patient_max = changes_max / 2,
    /* A decision looks at each VM, which takes some 5 us, and may search long for places, 8 us for
     * 1,000 steps. The pause counts from its beginning: half of it at least is left for others. */
    vms_each_ms = 100,
    steps_each_ms = 60000,
};

bool change_init(struct core *core)
{
    core->changes = calloc(1, sizeof(*core->changes));
    return core->changes != NULL;
}

void change_done(struct core *core)
{
    if (core->changes) {
        VEC_EACH(&core->changes->intents, intent) {
            record_unref(intent->placement);
        }
        VEC_DONE(&core->changes->intents);
    }
    free(core->changes);
}

void change_look(const struct core *core, const char *vm, struct view *ret)
{
    *ret = (struct view){
        .name = vm,
        .spec = world_find(&core->world, RECORD_VM_SPEC, vm),
        .placement = world_find(&core->world, RECORD_VM_PLACEMENT, vm),
        .status = world_find(&core->world, RECORD_VM_STATUS, vm),
    };
    ret->wants_to_run = ret->spec && ret->spec->vm_spec->desired == VM_STARTED;
}

void change_again(struct core *core, msec_t at_ms)
{
    struct changes *c = core->changes;
    c->again_ms = c->again_ms ? MIN(c->again_ms, at_ms) : at_ms;
}

bool change_is_due(const struct core *core)
{
    return core->changes->again_ms != 0 && core->now_ms >= core->changes->again_ms;
}

bool change_is_full(const struct core *core)
{
    return core->changes->intents.len >= changes_max;
}

bool change_is_urgent(const struct view *view)
{
    bool has_place = view->placement && view->placement->placement->phase != PLACEMENT_NONE;
    return view->wants_to_run && (!has_place || view->gone != GONE_NOT);
}

bool change_is_full_of_patient(const struct core *core)
{
    return core->changes->patient_len >= patient_max;
}

bool change_must_rest(struct core *core)
{
    bool must_rest = core->now_ms < core->changes->rested_ms;
    if (must_rest) {
        core_wake(core, core->changes->rested_ms);
    }
    return must_rest;
}

void change_searched(struct core *core, uint64_t steps)
{
    core->changes->rested_ms += (msec_t)(steps / steps_each_ms);
}

void change_begin(struct core *core)
{
    core->changes->again_ms = 0;
    core->changes->rested_ms =
        core->now_ms + (msec_t)(core->world.records[RECORD_VM_SPEC].len / vms_each_ms);
    core->changes->is_partial = core->changes->intents.len > 0;
}

bool change_is_partial(const struct core *core)
{
    return core->changes->is_partial;
}

void change_wake(struct core *core)
{
    core_wake(core, core->changes->again_ms ? core->changes->again_ms : MSEC_NEVER);
}

/* ---- intents ---- */

/* Where that of 'vm' stands, or would. */
static size_t place_of(const struct changes *c, const char *vm)
{
    return VEC_BISECT(&c->intents, each, strcmp(each->vm, vm) < 0);
}

struct intent *change_find(const struct core *core, const char *vm)
{
    const struct changes *c = core->changes;
    size_t place = place_of(c, vm);
    bool is_there = place < c->intents.len && strcmp(c->intents.items[place].vm, vm) == 0;
    return is_there ? &c->intents.items[place] : NULL;
}

const struct record *change_placement(const struct core *core, const char *vm)
{
    const struct intent *intent = change_find(core, vm);
    return intent ? intent->placement : world_find(&core->world, RECORD_VM_PLACEMENT, vm);
}

/* Drops the intents whose outcome the world now holds. */
void change_settle(struct core *core)
{
    struct changes *c = core->changes;
    for (size_t i = c->intents.len; i-- > 0;) {
        struct intent *intent = &c->intents.items[i];
        pending_tick(core, &intent->pending);
        if (pending_is_idle(core, &intent->pending)) {
            record_unref(intent->placement);
            c->patient_len -= intent->is_urgent ? 0 : 1;
            VEC_REMOVE(&c->intents, i);
            core->is_dirty = true;
        }
    }
}

void change_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind != CORE_TXN_DONE) {
        return;
    }
    VEC_EACH(&core->changes->intents, intent) {
        if (!pending_done(core, &intent->pending, event, &outcome)) {
            continue;
        }
        *sight_refusals(core, intent->vm) = intent->pending.refusals;
        if (outcome == TXN_COMMITTED && intent->note.code != NOTE_NONE) {
            struct note *note = VEC_ADD(&core->notes);
            if (!note) {
                core_out_of_memory();
            }
            *note = intent->note;
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

/* Puts a claim for each of 'list': new, or ours with another epoch. One that cannot be read is left
 * as it is: the planner gives its device to no one, and who has it keeps it. */
static void claim(struct core *core, struct txn *txn, const char *vm, uint64_t epoch,
                  const char *node, const gpu_holds_t *list)
{
    VEC_EACH(list, hold) {
        struct record_key key = world_claim_key(node, &hold->slot);
        const struct record *old = world_find_key(&core->world, &key);
        bool is_ours = old && strcmp(old->claim->vm, vm) == 0;
        if (!world_is_readable(&core->world, &key)) {
            continue;
        }
        if (is_ours && old->claim->epoch == epoch) {
            txn_guard(txn, &key, old->revision);
            continue;
        }
        /* That of another VM is not overwritten: the guard demands that there is none. */
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

/* Deletes the claims of 'list' on 'node' that 'to' does not hold there, and that can be read. It
 * may, because the same transaction writes the placement that gives them up, and that is written
 * only when the instance is proven gone, or never had them. */
static void unclaim(struct core *core, struct txn *txn, const char *vm, const char *node,
                    const gpu_holds_t *list, const struct vm_placement *to)
{
    VEC_EACH(list, hold) {
        struct record_key key = world_claim_key(node, &hold->slot);
        const struct record *old = world_find_key(&core->world, &key);
        bool is_kept =
            to && ((strcmp(to->node, node) == 0 && holds(&to->gpus, &hold->slot)) ||
                   (strcmp(to->next_node, node) == 0 && holds(&to->next_gpus, &hold->slot)));
        if (old && world_is_readable(&core->world, &key) && strcmp(old->claim->vm, vm) == 0 &&
            !is_kept && !MUTANT(CLAIM_LEAKS)) {
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

/* One epoch runs at most once and on one host, so a VM that begins elsewhere, or again, needs a new
 * one. Only a VM that is adopted where it runs keeps its epoch: it is the same instance. */
static bool keeps_epochs(const struct vm_placement *old, const struct vm_placement *to)
{
    bool begins = to->phase == PLACEMENT_START &&
                  (old->phase == PLACEMENT_NONE || strcmp(old->node, to->node) != 0);
    return to->epoch > old->epoch ||
           (to->epoch == old->epoch && (!begins || to->cause.code == CAUSE_ADOPTED));
}

/*
 * The only way in which a placement changes. It needs no lock: whatever the decision rests on is
 * demanded by the transaction (the term, spec, placement and status, and the claims), so of two
 * that believe that they coordinate at most one succeeds, and a decision on what has changed
 * since fails.
 */
struct intent *change_commit(struct core *core, const struct view *view, struct record *next)
{
    const struct vm_placement *old = view->placement ? view->placement->placement : NULL;
    const struct vm_placement *to = next ? next->placement : NULL;
    struct txn txn = {0};
    assert(lead_is_ours(core));
    assert(!change_find(core, view->name)); /* what is on its way decides what comes next */
    assert(!old || !to || keeps_epochs(old, to) || MUTANT(SAME_EPOCH));
    assert(handover_may_become(old, to));
    lead_guard(core, &txn);
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
    bool has_copy = old && old->epoch_last > 0 &&
                    (old->handover != HANDOVER_NONE || old->epoch_last == old->epoch);
    if (has_copy && !MUTANT(NO_COPY_GUARD)) {
        guard_subject(core, &txn, RECORD_VM_INCOMING, view->name);
    }
    if (to) {
        claim(core, &txn, view->name, to->epoch, to->node, &to->gpus);
        claim(core, &txn, view->name, vm_placement_next_epoch(to), to->next_node, &to->next_gpus);
        txn_put(&txn, record_ref(next));
    } else {
        struct record_key key = {.kind = RECORD_VM_PLACEMENT};
        (void)snprintf(key.name, sizeof(key.name), "%s", view->name);
        txn_delete(&txn, &key);
        key.kind = RECORD_VM_STATUS;
        txn_delete(&txn, &key);
        key.kind = RECORD_VM_INCOMING;
        txn_delete(&txn, &key);
    }
    struct intent *intent =
        VEC_INSERT(&core->changes->intents, place_of(core->changes, view->name));
    if (!intent) {
        core_out_of_memory();
    }
    (void)snprintf(intent->vm, sizeof(intent->vm), "%s", view->name);
    intent->placement = next;
    intent->is_urgent = change_is_urgent(view);
    core->changes->patient_len += intent->is_urgent ? 0 : 1;
    intent->pending.refusals = *sight_refusals(core, view->name);
    pending_send(core, &intent->pending, &txn, commit_limit_ms);
    return intent;
}

struct facts *change_note(struct intent *intent, enum note_code code, const struct cause *cause)
{
    intent->note = (struct note){.code = code};
    memcpy(intent->note.subject, intent->vm, sizeof(intent->note.subject));
    if (cause) {
        intent->note.cause = *cause;
    }
    return &intent->note.facts;
}

/* A placement to change and commit: the old one's copy, or a first one. */
struct record *change_draft(const struct view *view)
{
    struct record *next = view->placement ? record_copy(view->placement)
                                          : record_new(RECORD_VM_PLACEMENT, view->name, NULL);
    if (!next) {
        core_out_of_memory();
    }
    next->revision = 0;
    return next;
}

void change_drop_next(struct vm_placement *placement)
{
    assert(placement->handover == HANDOVER_NONE); /* else a copy may still have that room */
    placement->next_node[0] = '\0';
    placement->next_gpus.len = 0;
}

/* Nowhere: no node, no GPUs, nothing reserved. */
void change_clear_place(struct vm_placement *placement)
{
    placement->phase = PLACEMENT_NONE;
    placement->node[0] = '\0';
    placement->gpus.len = 0;
    placement->is_forced = false;
    placement->refusals = 0;
    placement->cpus = 0;
    placement->memory_mib = 0;
    placement->huge_page_kib = 0;
    placement->reasons.len = 0;
    change_drop_next(placement);
}

void change_drop_tried(struct vm_placement *placement, const char *node)
{
    for (size_t i = placement->tried.len; i-- > 0;) {
        if (strcmp(placement->tried.items[i].name, node) == 0) {
            VEC_REMOVE(&placement->tried, i);
        }
    }
}

void change_swap_holds(gpu_holds_t *a, gpu_holds_t *b)
{
    gpu_holds_t keep = *a;
    *a = *b;
    *b = keep;
}

/* Needs no proof: it keeps the place, its GPUs and its memory until the VM is proven gone. */
void change_stop(struct core *core, const struct view *view, struct cause cause, bool is_forced)
{
    assert(view->placement && view->placement->placement->phase != PLACEMENT_NONE);
    struct record *next = change_draft(view);
    next->placement->phase = PLACEMENT_STOP;
    next->placement->is_forced = is_forced;
    next->placement->reasons.len = 0;
    change_drop_next(next->placement);
    next->placement->cause = cause;
    bool is_asked_again = !is_forced && next->placement->refusals > 0;
    struct intent *intent = change_commit(core, view, next);
    if (!is_asked_again) {
        (void)facts_set(change_note(intent, NOTE_VM_STOPPING, &cause),
                        view->placement->placement->node, NULL, NULL);
    }
}
