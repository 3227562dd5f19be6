/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out the removal of a node, which an administrator ordered in the node's spec.
 *
 *     ordered --the node left and nothing counts on it--> fence record --> swept
 *
 * Only this coordinator writes the fence record: berth-api may order, and no more. The record says
 * that the node's incarnations are over, so a berthd that lives on there ends what it has. It
 * proves no instance gone, because it is written only while no VM has a place there.
 */
#include "core/removal.h"

#include "core/change.h"
#include "core/lead.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/pending.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { removal_limit_ms = 3000 };

struct removal {
    struct pending pending;
};

bool removal_init(struct core *core)
{
    core->removal = calloc(1, sizeof(*core->removal));
    return core->removal != NULL;
}

void removal_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind == CORE_TXN_DONE) {
        (void)pending_done(core, &core->removal->pending, event, &outcome);
    }
}

/* Whether a VM has its place on 'node', one reserved there, or a claim of a GPU of it. */
static bool is_needed(const struct core *core, const char *node)
{
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each) {
        const struct record *next = change_placement(core, (*each)->key.name);
        const struct vm_placement *old = (*each)->placement;
        if (strcmp(old->node, node) == 0 || strcmp(old->next_node, node) == 0 ||
            (next && (strcmp(next->placement->node, node) == 0 ||
                      strcmp(next->placement->next_node, node) == 0))) {
            return true;
        }
    }
    VEC_EACH(&core->changes->intents, intent) { /* also a first placement, not stored yet */
        const struct vm_placement *next = intent->placement ? intent->placement->placement : NULL;
        if (next && (strcmp(next->node, node) == 0 || strcmp(next->next_node, node) == 0)) {
            return true;
        }
    }
    WORLD_EACH(&core->world, RECORD_CLAIM, claim) {
        if (strcmp((*claim)->key.name, node) == 0) {
            return true;
        }
    }
    VEC_EACH(&core->world.unreadable, key) {
        if (key->kind == RECORD_VM_PLACEMENT || strcmp(key->name, node) == 0) {
            return true; /* who knows */
        }
    }
    return false;
}

static void guard(const struct core *core, struct txn *txn, enum record_kind kind, const char *node)
{
    struct record_key key = {.kind = kind};
    (void)snprintf(key.name, sizeof(key.name), "%s", node);
    txn_guard(txn, &key, world_revision(&core->world, &key));
}

/* The heartbeat is guarded: a node that is heard after all is not removed. */
static void end_incarnations(struct core *core, const struct record *alive)
{
    struct record *fence = record_new(RECORD_NODE_FENCE, alive->key.name, NULL);
    struct txn txn = {0};
    if (!fence) {
        core_out_of_memory();
    }
    assert(alive->alive->has_left); /* silence would need another proof */
    fence->fence->incarnation = alive->alive->incarnation;
    fence->fence->proof = PROOF_MANUAL;
    fence->fence->cause = cause_make(CAUSE_PROOF_REMOVED, NULL, NULL, NULL);
    lead_guard(core, &txn);
    guard(core, &txn, RECORD_NODE_SPEC, alive->key.name);
    guard(core, &txn, RECORD_NODE_ALIVE, alive->key.name);
    guard(core, &txn, RECORD_NODE_FENCE, alive->key.name);
    guard(core, &txn, RECORD_CLUSTER, "");
    txn_put(&txn, fence);
    pending_send(core, &core->removal->pending, &txn, removal_limit_ms);
}

/* Deletes what is left of 'node'. Its fence record stays, and so does the order: a later
 * incarnation takes no notice of either. */
static void removal_forget(struct core *core, const char *node, uint64_t removed)
{
    static const enum record_kind kinds[] = {RECORD_NODE_ALIVE, RECORD_NODE_INVENTORY,
                                             RECORD_NODE_STANDING, RECORD_NODE_KEY,
                                             RECORD_NODE_USE};
    const struct record *last = world_find(&core->world, RECORD_NODE_ALIVE, node);
    struct txn txn = {0};
    assert(!last || world_is_proven_off(&core->world, node, last->alive->incarnation));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct record *record = world_find(&core->world, kinds[i], node);
        bool is_newer =
            record && kinds[i] == RECORD_NODE_INVENTORY && record->inventory->incarnation > removed;
        guard(core, &txn, kinds[i], node);
        if (record && !is_newer) {
            txn_delete(&txn, &record->key);
        }
    }
    if (txn.writes.len > 0 || txn.failed) { /* the sending finds that memory ran out */
        lead_guard(core, &txn);
        guard(core, &txn, RECORD_NODE_SPEC, node);
        guard(core, &txn, RECORD_NODE_FENCE, node);
        pending_send(core, &core->removal->pending, &txn, removal_limit_ms);
    }
    txn_done(&txn);
}

void removal_step(struct core *core)
{
    struct pending *pending = &core->removal->pending;
    pending_tick(core, pending);
    WORLD_EACH(&core->world, RECORD_NODE_SPEC, each) {
        const char *node = (*each)->key.name;
        if ((*each)->node_spec->removed == 0) {
            continue;
        }
        const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, node);
        if (!pending_is_idle(core, pending)) {
            return; /* one at a time; its outcome leads here again */
        }
        if (!world_is_removed(&core->world, node) ||
            (is_needed(core, node) && !MUTANT(REMOVED_BLINDLY)) ||
            !core_is_readable(core, RECORD_NODE_ALIVE, node) ||
            !core_is_readable(core, RECORD_NODE_FENCE, node)) {
            continue;
        }
        if (!alive || world_is_proven_off(&core->world, node, alive->alive->incarnation)) {
            removal_forget(core, node, (*each)->node_spec->removed);
        } else if (alive->alive->has_left) {
            end_incarnations(core, alive);
        }
    }
}
