/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/lead.h"

#include "core/beats.h"
#include "core/cold.h"
#include "core/heartbeat.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/pending.h"
#include "core/self.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { lead_limit_ms = 1000 };

struct lead {
    struct pending pending;
    bool is_leading;
};

bool lead_init(struct core *core)
{
    core->lead = calloc(1, sizeof(*core->lead));
    return core->lead != NULL;
}

bool lead_is_ours(const struct core *core)
{
    return core->lead->is_leading;
}

static const struct record *leader_record(const struct core *core)
{
    return world_find(&core->world, RECORD_LEADER, "");
}

void lead_guard(const struct core *core, struct txn *txn)
{
    const struct record *leader = leader_record(core);
    struct record_key key = {.kind = RECORD_LEADER};
    if (!MUTANT(NO_TERM_GUARD)) {
        txn_guard(txn, &key, leader ? leader->revision : 0);
    }
}

/* Whether the term is free for the taking; 'guards' gets what the taking must demand. To be wrong
 * here costs a term and no more: whatever a leader decides demands its own term. */
static bool may_take_lead(const struct core *core, const struct record *leader, struct txn *guards)
{
    if (!leader) {
        return true;
    }
    if (strcmp(leader->leader->node, core->config.node) == 0) {
        return true; /* an earlier incarnation of ours */
    }
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, leader->leader->node);
    if (!alive || alive->alive->incarnation > leader->leader->incarnation) {
        return true;
    }
    if (!alive->alive->has_left && peer_silence(core, leader->leader->node) <
                                       world_settings(&core->world)->leader_silence_ms) {
        return false;
    }
    /* If we only see late, the silent one's heartbeat is newer than the one we know. */
    txn_guard(guards, &alive->key, alive->revision);
    return true;
}

/* Who does not watch all heartbeats would find no host silent, and the coordinator always. */
static bool can_lead(const struct core *core)
{
    return heartbeat_is_heard(core) && (beats_are_watched(core) || MUTANT(LEADS_UNWATCHED));
}

static bool is_leader(const struct core *core)
{
    const struct record *leader = leader_record(core);
    return can_lead(core) && leader && core_is_readable(core, RECORD_LEADER, "") &&
           strcmp(leader->leader->node, core->config.node) == 0 &&
           leader->leader->incarnation == self_incarnation(core);
}

static void take_lead(struct core *core)
{
    const struct record *leader = leader_record(core);
    struct txn txn = {0};
    if (!can_lead(core) || !core_is_readable(core, RECORD_LEADER, "") ||
        !pending_is_idle(core, &core->lead->pending) || !may_take_lead(core, leader, &txn)) {
        txn_done(&txn);
        return;
    }
    struct record *mine = record_new(RECORD_LEADER, NULL, NULL);
    if (!mine) {
        core_out_of_memory();
    }
    assert(self_incarnation(core) > 0); /* who is heard has joined */
    assert(!core->lead->is_leading);    /* one term at a time: its guard would break our own */
    memcpy(mine->leader->node, core->config.node, sizeof(mine->leader->node));
    mine->leader->incarnation = self_incarnation(core);
    mine->leader->term = leader ? leader->leader->term + 1 : 1;
    cold_look(core, leader);
    lead_guard(core, &txn);
    txn_put(&txn, mine);
    pending_send(core, &core->lead->pending, &txn, lead_limit_ms);
}

void lead_step(struct core *core)
{
    struct lead *lead = core->lead;
    pending_tick(core, &lead->pending);
    bool is_leading = is_leader(core);
    if (is_leading != lead->is_leading) {
        lead->is_leading = is_leading;
        core->is_dirty = true;
        if (is_leading) {
            core_note(core, NOTE_COORDINATOR, core->config.node)->count =
                leader_record(core)->leader->term;
            peer_forget_silence(core); /* noted again, in our name */
            cold_begin(core);
        }
    }
    if (!is_leading) {
        take_lead(core);
    }
}

void lead_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind == CORE_TXN_DONE) {
        (void)pending_done(core, &core->lead->pending, event, &outcome);
    }
}
