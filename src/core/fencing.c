/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/fencing.h"

#include "core/cold.h"
#include "core/disarm.h"
#include "core/heartbeat.h"
#include "core/lead.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/pending.h"
#include "core/standing.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    fence_limit_ms = 2000,
    power_limit_ms = 60000,
    power_limit_next_ms = 20000, /* where another agent is there to be tried */
    power_retry_ms = 5000,
    status_limit_ms = 20000,
    status_retry_ms = 10000,
};

/* Off is a proof for as long as nothing is heard after it. A heartbeat of that incarnation that
 * comes later says that the agent was wrong, or turned off another machine: so it is asked again.
 */
static bool is_power_proven(const struct peer *peer, const struct record *alive)
{
    return peer->is_power_proven && peer->power_incarnation == alive->alive->incarnation &&
           peer->power_revision == alive->revision;
}

/*
 * Declares that incarnation of the host off, and all before it: the one decision after which its
 * VMs start elsewhere. It demands the very heartbeat that the proof is about, so that a host that
 * was heard since is not declared off; the fence record that its own heartbeats demand, so that
 * none is acknowledged after it; and the settings, so that a cluster that was disarmed since keeps
 * its promise.
 */
static void write_fence(struct core *core, struct peer *peer, const struct record *alive,
                        enum proof proof, struct cause cause)
{
    assert(lead_is_ours(core) && peer->is_silent && proof != PROOF_NONE);
    /* The proof is about the heartbeat that we timed, and no other: the guard below demands it. */
    assert(alive->revision == peer->alive_revision);
    assert(proof != PROOF_POWER || is_power_proven(peer, alive));
    assert(proof != PROOF_WATCHDOG || alive->alive->is_watchdog_armed || MUTANT(TAKEOVER_UNARMED) ||
           MUTANT(TAKEOVER_EARLY));
    const struct record *old = world_find(&core->world, RECORD_NODE_FENCE, peer->name);
    struct record *fence = record_new(RECORD_NODE_FENCE, peer->name, NULL);
    if (!fence) {
        core_out_of_memory();
    }
    fence->fence->incarnation = alive->alive->incarnation;
    fence->fence->proof = proof;
    fence->fence->cause = cause;
    struct txn txn = {0};
    lead_guard(core, &txn);
    if (!MUTANT(NO_HEARTBEAT_GUARD)) {
        txn_guard(&txn, &alive->key, peer->alive_revision);
    }
    txn_guard(&txn, &fence->key, old ? old->revision : 0);
    if (!MUTANT(NO_DISARM_GUARD)) {
        struct record_key cluster = {.kind = RECORD_CLUSTER};
        txn_guard(&txn, &cluster, world_revision(&core->world, &cluster));
    }
    txn_put(&txn, fence);
    pending_send(core, &peer->fence, &txn, fence_limit_ms);
}

/* How long silence must last until an armed watchdog proves the node gone; MSEC_NEVER if it never
 * does. The heartbeat itself says what the watchdog was armed with. */
static msec_t takeover_ms(const struct core *core, const struct node_alive *alive)
{
    const struct cluster_settings *settings = world_settings(&core->world);
    if (MUTANT(TAKEOVER_EARLY)) {
        return settings->leader_silence_ms;
    }
    if ((!alive->is_watchdog_armed || alive->watchdog_ms <= 0) && !MUTANT(TAKEOVER_UNARMED)) {
        return MSEC_NEVER;
    }
    return MAX(settings->takeover_ms,
               settings->takeover_ms - settings->watchdog_ms + alive->watchdog_ms);
}

/* While the cluster was disarmed there may have been no network: nothing is counted from then. */
static msec_t silent_since_ms(const struct core *core, const struct peer *peer)
{
    msec_t ended_ms = MUTANT(SILENCE_WHILE_DISARMED) ? 0 : disarm_ended_ms(core);
    return MAX(peer->seen_ms, ended_ms);
}

/* The agent of that level; "": the administrator has taken it away. */
static const char *agent_of(const struct node_spec *spec, uint32_t level)
{
    return level < node_spec_fence_levels(spec) ? node_spec_fence_level(spec, level).agent : "";
}

static void begin_round(struct peer *peer)
{
    peer->power_level = 0;
    peer->power_why = (struct cause){0};
}

static void note_power(struct core *core, const struct peer *peer, const struct node_spec *spec)
{
    bool is_first = peer->power_level == 0;
    struct facts *facts =
        core_note(core, is_first ? NOTE_POWER_FENCING : NOTE_POWER_FENCING_NEXT, peer->name);
    (void)facts_set(facts, NULL, agent_of(spec, peer->power_level),
                    is_first ? NULL : peer->power_why.facts.detail);
    facts->ms = core->now_ms - peer->seen_ms;
    facts->count = is_first ? 0 : peer->power_level + 1;
}

/*
 * Turning off is no transaction that could fail if we are wrong. So first a majority of the store
 * is asked: who is cut off from it, or sees late, takes everybody for silent, and would turn off
 * hosts that are well. And it must have taken our own heartbeats all the while: a store that takes
 * none (its disk is full) makes everybody silent.
 */
static void power_off(struct core *core, struct peer *peer, const struct record *alive,
                      const struct record *spec)
{
    const struct cluster_settings *settings = world_settings(&core->world);
    msec_t steady_ms = heartbeat_steady_ms(core);
    if (peer->power_id != 0 || steady_ms == MSEC_NEVER) {
        return; /* our next heartbeat that is acknowledged leads here again */
    }
    if (!peer->has_beat && cold_must_wait(core)) {
        core_wake(core, cold_until_ms(core));
        return; /* it may be booting, and would stay off; its return is a proof, too */
    }
    msec_t silent_ms = MAX(silent_since_ms(core, peer), steady_ms);
    msec_t due_ms = MAX(silent_ms + settings->power_fence_ms, peer->power_retry_ms);
    if (core->now_ms < due_ms) {
        core_wake(core, due_ms);
        return;
    }
    if (!peer->has_looked || peer->look_revision != peer->alive_revision) {
        peer->has_looked = true;
        peer->look_revision = peer->alive_revision;
        pending_look(core, &peer->fence, fence_limit_ms);
        return; /* until that is idle seek_proof() does not come here */
    }
    peer->has_looked = false;
    /* A host that is turned off was silent for all that time while our own heartbeats were taken,
     * and the majority that was asked has no newer heartbeat of it. */
    assert(lead_is_ours(core) && peer->is_silent && !alive->alive->has_left);
    assert(core->now_ms - peer->seen_ms >= settings->power_fence_ms);
    uint32_t level_len = node_spec_fence_levels(spec->node_spec);
    if (peer->power_level >= level_len || peer->power_incarnation != alive->alive->incarnation) {
        begin_round(peer); /* also if levels were taken away meanwhile */
    }
    bool is_last = peer->power_level + 1 >= level_len;
    struct core_action *action = core_act(core, ACTION_FENCE_OFF);
    memcpy(action->name, peer->name, sizeof(action->name));
    action->incarnation = alive->alive->incarnation;
    action->count = peer->power_level;
    action->limit_ms = is_last ? power_limit_ms : power_limit_next_ms;
    action->spec = record_ref(world_find_key(&core->world, &spec->key));
    peer->power_id = action->id;
    peer->power_incarnation = alive->alive->incarnation;
    peer->is_power_asked = false;
    peer->is_power_proven = false;
    if (!standing_has_fence_trouble(core, peer)) {
        note_power(core, peer, spec->node_spec);
    }
}

/*
 * A berthd that was told to end is silent with good reason: its host is not turned off. But if it
 * left VMs, its agents are asked again and again whether the host is off by now.
 */
static void ask_power(struct core *core, struct peer *peer, const struct record *alive,
                      const struct record *spec)
{
    if (peer->power_id != 0 || world_vms_left(&core->world, peer->name) == 0 ||
        MUTANT(LEFT_NEVER_ASKED)) {
        return;
    }
    if (core->now_ms < peer->power_retry_ms) {
        core_wake(core, peer->power_retry_ms);
        return;
    }
    if (peer->power_level >= node_spec_fence_levels(spec->node_spec) ||
        peer->power_incarnation != alive->alive->incarnation) {
        begin_round(peer);
    }
    assert(lead_is_ours(core) && peer->is_silent && alive->alive->has_left);
    struct core_action *action = core_act(core, ACTION_FENCE_STATUS);
    memcpy(action->name, peer->name, sizeof(action->name));
    action->incarnation = alive->alive->incarnation;
    action->count = peer->power_level;
    action->limit_ms = status_limit_ms;
    action->spec = record_ref(world_find_key(&core->world, &spec->key));
    peer->power_id = action->id;
    peer->power_incarnation = alive->alive->incarnation;
    peer->is_power_asked = true;
    peer->is_power_proven = false;
}

/* A node that does not answer: looks for proof by every way that is open. */
static void seek_proof(struct core *core, struct peer *peer)
{
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, peer->name);
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, peer->name);
    assert(strcmp(peer->name, core->config.node) != 0); /* no host declares itself off */
    pending_tick(core, &peer->fence);
    if (!alive || !pending_is_idle(core, &peer->fence) ||
        world_is_proven_off(&core->world, peer->name, alive->alive->incarnation)) {
        return;
    }
    msec_t since_ms = silent_since_ms(core, peer), silent_ms = core->now_ms - since_ms;
    msec_t takeover = takeover_ms(core, alive->alive);
    /* Said of its last heartbeat: if it was heard since, what was confirmed was not so. */
    if (spec && peer->is_silent && spec->node_spec->confirmed_off == alive->alive->incarnation &&
        spec->node_spec->confirmed_counter == alive->alive->counter) {
        write_fence(core, peer, alive, PROOF_MANUAL,
                    cause_make(CAUSE_PROOF_CONFIRMED, NULL, NULL, NULL));
        return;
    }
    if (takeover != MSEC_NEVER && silent_ms >= takeover) {
        struct cause silence = cause_make(CAUSE_PROOF_SILENCE, NULL, NULL, NULL);
        silence.facts.ms = silent_ms;
        silence.facts.limit_ms = takeover;
        silence.facts.count = (uint64_t)alive->alive->watchdog_ms;
        write_fence(core, peer, alive, PROOF_WATCHDOG, silence);
        return;
    }
    if (takeover != MSEC_NEVER) {
        core_wake(core, since_ms + takeover);
    }
    if (spec && spec->node_spec->fencing == FENCING_POWER) {
        if (is_power_proven(peer, alive)) {
            struct cause proof =
                cause_make(alive->alive->has_left ? CAUSE_PROOF_ASKED : CAUSE_PROOF_AGENT, NULL,
                           agent_of(spec->node_spec, peer->power_level), NULL);
            proof.facts.count = peer->power_level > 0 ? peer->power_level + 1 : 0;
            write_fence(core, peer, alive, PROOF_POWER, proof);
            return;
        }
        if (alive->alive->has_left) {
            ask_power(core, peer, alive, spec);
        } else {
            power_off(core, peer, alive, spec);
        }
    }
}

/* It is on, or there was no answer: no news. The next agent is asked, or the first one later. */
static void asked_in_vain(struct core *core, struct peer *peer, uint32_t level_len)
{
    if (++peer->power_level >= level_len) {
        begin_round(peer);
        peer->power_retry_ms = core->now_ms + status_retry_ms;
    }
}

/* An agent that failed, or did not answer in its time, leaves it to the next one at once. When all
 * have been tried the first one's turn comes again, after a pause. */
static void power_done(struct core *core, struct peer *peer, const struct core_event *event)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, peer->name);
    uint32_t level_len = spec ? node_spec_fence_levels(spec->node_spec) : 0;
    assert(peer->power_id == event->id && !peer->is_power_proven); /* one agent at a time */
    peer->power_id = 0;
    if (peer->is_power_asked && event->result != CORE_DONE) {
        asked_in_vain(core, peer, level_len);
        return;
    }
    if (event->result == CORE_DONE || MUTANT(POWER_ON_HOPE)) {
        /* The agent's word is about the host as last heard before it: a heartbeat that comes now
         * ends its force (hear()). */
        peer->is_power_proven = true;
        peer->power_revision = peer->alive_revision;
        return;
    }
    peer->power_why =
        cause_make(CAUSE_AGENT_FAILED, NULL,
                   spec ? agent_of(spec->node_spec, peer->power_level) : NULL, event->text);
    peer->power_why.facts.count = level_len > 1 ? peer->power_level + 1 : 0;
    if (peer->power_level + 1 < level_len && !MUTANT(ONE_LEVEL)) {
        peer->power_level++;
        return;
    }
    peer->power_retry_ms = core->now_ms + power_retry_ms;
    if (standing_fence_failed(core, peer, &peer->power_why)) {
        *core_note(core, NOTE_POWER_FENCING_FAILED, peer->name) = peer->power_why.facts;
    }
    begin_round(peer);
}

/* Told when it is in the store, whatever became of the reply: before, it is only an attempt. */
static void note_fence(struct core *core, const struct record *record)
{
    if (lead_is_ours(core) && core->world.is_complete && record->fence->proof != PROOF_NONE) {
        facts_set(
            core_note_because(core, NOTE_NODE_OFF, record->key.name, &record->fence->cause, NULL),
            NULL, proof_name(record->fence->proof), NULL)
            ->count = record->fence->incarnation;
    }
}

void fencing_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind == CORE_STORE_RECORD && event->record->key.kind == RECORD_NODE_FENCE) {
        note_fence(core, event->record);
    }
    if (event->kind != CORE_TXN_DONE && event->kind != CORE_ACTION_DONE) {
        return;
    }
    VEC_EACH(&core->peers->list, peer) {
        if (event->kind == CORE_TXN_DONE) {
            (void)pending_done(core, &peer->fence, event, &outcome);
        } else if (event->kind == CORE_ACTION_DONE && event->id != 0 &&
                   event->id == peer->power_id) {
            power_done(core, peer, event);
        }
    }
}

void fencing_step(struct core *core)
{
    assert(lead_is_ours(core) && core->world.is_complete);
    if (core_is_disarmed(core)) {
        return;
    }
    VEC_EACH(&core->peers->list, peer) {
        if (peer->is_silent) {
            seek_proof(core, peer);
        }
    }
}
