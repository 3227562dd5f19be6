/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/sweep.h"

#include "core/change.h"
#include "core/lead.h"
#include "core/mutant.h"
#include "core/pending.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* etcd takes at most 128 guards and 128 writes in one transaction. */
enum { sweep_limit_ms = 5000, sweep_len_max = 32, events_slack = 200 };
/* To look at one takes some microseconds: most of the time is left for other things. */
enum { claims_each_ms = 100 };

/* Each claim costs two guards and one write; each event one write; the term one guard. */
static_assert(2 * sweep_len_max + 1 <= 128, "a sweep fits into one transaction");

struct sweep {
    struct pending pending;
    bool is_due;      /* claims or placements may have changed since all claims were looked at */
    msec_t rested_ms; /* not again before */
};

bool sweep_init(struct core *core)
{
    core->sweep = calloc(1, sizeof(*core->sweep));
    return core->sweep != NULL;
}

void sweep_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind == CORE_TXN_DONE) {
        (void)pending_done(core, &core->sweep->pending, event, &outcome);
    }
}

/* Whether a placement of 'claim's VM holds that device in that epoch. While it moves it holds two
 * places: that of the next epoch is claimed before the VM is told to stop. */
static bool is_claim_held(const struct core *core, const struct record *claim)
{
    const struct record *record = world_find(&core->world, RECORD_VM_PLACEMENT, claim->claim->vm);
    if (!record) {
        return false;
    }
    const struct vm_placement *p = record->placement;
    bool is_next = claim->claim->epoch == vm_placement_next_epoch(p);
    const gpu_holds_t *holds = is_next ? &p->next_gpus : &p->gpus;
    if (!is_next && claim->claim->epoch != p->epoch) {
        return false;
    }
    if (strcmp(is_next ? p->next_node : p->node, claim->key.name) != 0) {
        return false;
    }
    VEC_EACH(holds, hold) {
        char slot[name_size];
        if (strcmp(gpu_slot_format(&hold->slot, slot), claim->key.second) == 0) {
            return true;
        }
    }
    return false;
}

/* Looks at all claims, of which there are as many as GPUs: only after a change, and with pauses
 * that grow with their number. Those of a VM with a change on its way are moved by that. */
static void find_claims(struct core *core, struct txn *txn)
{
    struct sweep *sweep = core->sweep;
    if (!sweep->is_due) {
        return;
    }
    if (core->now_ms < sweep->rested_ms) {
        core_wake(core, sweep->rested_ms);
        return;
    }
    sweep->rested_ms =
        core->now_ms + (msec_t)(core->world.records[RECORD_CLAIM].len / claims_each_ms);
    WORLD_EACH(&core->world, RECORD_CLAIM, each) {
        const struct record *claim = *each;
        bool is_known = world_is_readable(&core->world, &claim->key);
        if (txn->writes.len < sweep_len_max && is_known && !is_claim_held(core, claim) &&
            !change_find(core, claim->claim->vm) && !MUTANT(CLAIM_LEAKS)) {
            struct record_key placement = {.kind = RECORD_VM_PLACEMENT};
            memcpy(placement.name, claim->claim->vm, sizeof(placement.name));
            txn_guard(txn, &claim->key, claim->revision);
            txn_guard(txn, &placement, world_revision(&core->world, &placement));
            txn_delete(txn, &claim->key);
            (void)facts_set(core_note(core, NOTE_CLAIM_RELEASED, claim->claim->vm), claim->key.name,
                            claim->key.second, NULL);
        }
    }
    sweep->is_due = txn->writes.len > 0 || txn->failed; /* it may be refused, or there are more */
}

/*
 * Claims that no placement holds (there should be none) and the oldest events. A claim may go
 * although nothing is proven: a VM uses only what its placement holds, and the transaction demands
 * that neither the claim nor the placement has changed. What cannot be read stays.
 */
void sweep_step(struct core *core)
{
    struct txn txn = {0};
    assert(lead_is_ours(core) && core->world.is_complete);
    core->sweep->is_due |= core->is_dirty;
    pending_tick(core, &core->sweep->pending);
    if (!pending_is_idle(core, &core->sweep->pending)) {
        return;
    }
    find_claims(core, &txn);
    size_t event_len = core->world.records[RECORD_EVENT].len;
    if (event_len > (size_t)events_max + events_slack) {
        for (size_t i = 0; i < event_len - events_max && txn.writes.len < sweep_len_max; i++) {
            txn_delete(&txn, &core->world.records[RECORD_EVENT].items[i]->key);
        }
    }
    if (txn.writes.len > 0 || txn.failed) { /* the sending finds that memory ran out */
        lead_guard(core, &txn);
        pending_send(core, &core->sweep->pending, &txn, sweep_limit_ms);
    }
    txn_done(&txn);
}
