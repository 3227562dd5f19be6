/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who coordinates, who is silent, who is proven off.
 *
 * Every node times every other's heartbeat from the moment it saw it, so that a new coordinator
 * does not begin to count anew. A fence record is written by a transaction that fails if the node's
 * heartbeat is newer than the one that was timed: a coordinator that sees late declares nobody off
 * who is alive.
 */
#include "core/internal.h"
#include "core/removal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { lead_limit_ms = 1000, fence_limit_ms = 2000, power_limit_ms = 60000, power_retry_ms = 5000 };
/* etcd takes at most 128 guards and 128 writes in one transaction. */
enum { sweep_limit_ms = 5000, sweep_len_max = 32, events_slack = 200 };

void coordinator_done(struct core *core)
{
    struct coordinator *c = &core->coordinator;
    VEC_EACH(&c->intents, intent) {
        record_unref(intent->placement);
    }
    VEC_DONE(&c->peers);
    VEC_DONE(&c->intents);
    VEC_DONE(&c->sights);
}

struct peer *coordinator_peer(const struct core *core, const char *node)
{
    VEC_EACH(&core->coordinator.peers, peer) {
        if (strcmp(peer->name, node) == 0) {
            return peer;
        }
    }
    return NULL;
}

msec_t coordinator_silence(const struct core *core, const char *node)
{
    if (strcmp(node, core->config.node) == 0) {
        return 0;
    }
    const struct peer *peer = coordinator_peer(core, node);
    return peer ? core->now_ms - peer->seen_ms : MSEC_NEVER;
}

/* Alive, and not declared off in this incarnation. */
bool coordinator_is_up(const struct core *core, const char *node)
{
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, node);
    if (!alive || world_is_proven_off(&core->world, node, alive->alive->incarnation)) {
        return false;
    }
    return coordinator_silence(core, node) < world_settings(&core->world)->leader_silence_ms;
}

bool coordinator_is_settled(const struct core *core, const struct peer *peer)
{
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, peer->name);
    return !peer->is_silent || !alive ||
           world_is_proven_off(&core->world, peer->name, alive->alive->incarnation);
}

static bool is_close(msec_t a, msec_t b, msec_t span_ms)
{
    return a != MSEC_NEVER && b != MSEC_NEVER && a - b < span_ms && b - a < span_ms;
}

msec_t coordinator_lost_ms(const struct peer *peer, uint64_t incarnation)
{
    if (peer->incarnation == incarnation) {
        return peer->has_beat ? peer->seen_ms : MSEC_NEVER;
    }
    return peer->lost_incarnation == incarnation ? peer->lost_ms : MSEC_NEVER;
}

bool coordinator_lost_others(const struct core *core, const struct peer *peer, msec_t lost_ms)
{
    msec_t span_ms = world_settings(&core->world)->power_fence_ms;
    VEC_EACH(&core->coordinator.peers, other) {
        bool is_silent = other->is_silent && other->has_beat;
        if (other != peer &&
            ((is_silent && is_close(other->seen_ms, lost_ms, span_ms)) ||
             (other->lost_incarnation != 0 && is_close(other->lost_ms, lost_ms, span_ms)))) {
            return true;
        }
    }
    return false;
}

bool coordinator_takes_vms(const struct core *core, const char *node)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, node);
    return coordinator_is_up(core, node) && world_has_hypervisor(&core->world, node) &&
           world_has_space(&core->world, node, NULL) && !world_is_quarantined(&core->world, node) &&
           (!spec || spec->node_spec->mode == NODE_ACTIVE);
}

static const struct record *leader_record(const struct core *core)
{
    return world_find(&core->world, RECORD_LEADER, "");
}

void coordinator_guard(const struct core *core, struct txn *txn)
{
    const struct record *leader = leader_record(core);
    struct record_key key = {.kind = RECORD_LEADER};
    if (!MUTANT(NO_TERM_GUARD)) {
        txn_guard(txn, &key, leader ? leader->revision : 0);
    }
}

/* ---- silence ---- */

static struct peer *add_peer(struct core *core, const char *node)
{
    struct peer *peer = VEC_ADD(&core->coordinator.peers);
    if (!peer) {
        core_out_of_memory();
    }
    (void)snprintf(peer->name, sizeof(peer->name), "%s", node);
    return peer;
}

static void hear(struct core *core, const struct record *alive)
{
    struct peer *peer = coordinator_peer(core, alive->key.name);
    if (!peer) {
        peer = add_peer(core, alive->key.name);
        core->is_dirty = true;
    }
    if (alive->revision != peer->alive_revision) {
        core->is_dirty |= peer->is_silent || peer->incarnation != alive->alive->incarnation;
        peer->alive_revision = alive->revision;
        if (peer->incarnation != 0 && alive->alive->incarnation > peer->incarnation) {
            peer->lost_incarnation = peer->incarnation;
            peer->lost_ms = peer->has_beat ? peer->seen_ms : MSEC_NEVER;
        }
        peer->has_beat |= peer->incarnation != 0;
        peer->incarnation = alive->alive->incarnation;
        peer->seen_ms = core->now_ms;
    }
}

/* Notes silence and its end; asks to be woken when it begins. */
static void watch_silence(struct core *core, struct peer *peer)
{
    if (strcmp(peer->name, core->config.node) == 0) {
        return;
    }
    msec_t limit_ms = world_settings(&core->world)->leader_silence_ms;
    bool is_silent = core->now_ms - peer->seen_ms >= limit_ms;
    if (!is_silent) {
        core_wake(core, peer->seen_ms + limit_ms);
    }
    if (is_silent == peer->is_silent) {
        return;
    }
    peer->is_silent = is_silent;
    core->is_dirty = true;
    if (!core->coordinator.is_leading) {
        return; /* one voice is enough; a new coordinator notes what it finds */
    }
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, peer->name);
    if (is_silent && alive && alive->alive->has_left) {
        core_note(core, SEVERITY_WARNING, "node-left", peer->name,
                  "berthd of %s was told to end: its VMs go on, but nobody restarts them until it "
                  "is back",
                  peer->name);
    } else if (is_silent) {
        core_note(core, SEVERITY_WARNING, "node-silent", peer->name,
                  "%s has been silent for %lld ms", peer->name,
                  (long long)(core->now_ms - peer->seen_ms));
    } else {
        core_note(core, SEVERITY_INFO, "node-heard", peer->name, "%s is heard again", peer->name);
    }
}

/* ---- leadership ---- */

/* Whether the term is free for the taking; '*ret_guard' gets what the taking must demand. */
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
    if (!alive->alive->has_left && coordinator_silence(core, leader->leader->node) <
                                       world_settings(&core->world)->leader_silence_ms) {
        return false;
    }
    /* If we only see late, the silent one's heartbeat is newer than the one we know. */
    txn_guard(guards, &alive->key, alive->revision);
    return true;
}

static bool is_leader(const struct core *core)
{
    const struct record *leader = leader_record(core);
    return membership_is_member(core) && core->membership.has_ack && leader &&
           core_is_readable(core, RECORD_LEADER, "") &&
           strcmp(leader->leader->node, core->config.node) == 0 &&
           leader->leader->incarnation == core->membership.incarnation;
}

static void take_lead(struct core *core)
{
    struct coordinator *c = &core->coordinator;
    const struct record *leader = leader_record(core);
    struct txn txn = {0};
    if (!membership_is_member(core) || !core->membership.has_ack ||
        !core_is_readable(core, RECORD_LEADER, "") || !pending_is_idle(core, &c->lead) ||
        !may_take_lead(core, leader, &txn)) {
        txn_done(&txn);
        return;
    }
    struct record *mine = record_new(RECORD_LEADER, NULL, NULL);
    if (!mine) {
        core_out_of_memory();
    }
    memcpy(mine->leader->node, core->config.node, sizeof(mine->leader->node));
    mine->leader->incarnation = core->membership.incarnation;
    mine->leader->term = leader ? leader->leader->term + 1 : 1;
    coordinator_guard(core, &txn);
    txn_put(&txn, mine);
    pending_send(core, &c->lead, &txn, lead_limit_ms);
}

static void watch_lead(struct core *core)
{
    struct coordinator *c = &core->coordinator;
    pending_tick(core, &c->lead);
    bool is_leading = is_leader(core);
    if (is_leading != c->is_leading) {
        c->is_leading = is_leading;
        core->is_dirty = true;
        if (is_leading) {
            core_note(core, SEVERITY_INFO, "coordinator", core->config.node,
                      "%s coordinates, term %llu", core->config.node,
                      (unsigned long long)leader_record(core)->leader->term);
            VEC_EACH(&c->peers, peer) {
                peer->is_silent = false; /* noted anew, in our name */
            }
        }
    }
    if (!is_leading) {
        take_lead(core);
    }
}

/* ---- proof ---- */

static void write_fence(struct core *core, struct peer *peer, const struct record *alive,
                        enum proof proof, const char *detail)
{
    const struct record *old = world_find(&core->world, RECORD_NODE_FENCE, peer->name);
    struct record *fence = record_new(RECORD_NODE_FENCE, peer->name, NULL);
    if (!fence) {
        core_out_of_memory();
    }
    fence->fence->incarnation = alive->alive->incarnation;
    fence->fence->proof = proof;
    (void)snprintf(fence->fence->detail, sizeof(fence->fence->detail), "%s", detail);
    struct txn txn = {0};
    coordinator_guard(core, &txn);
    if (!MUTANT(NO_HEARTBEAT_GUARD)) {
        txn_guard(&txn, &alive->key, peer->alive_revision);
    }
    txn_guard(&txn, &fence->key, old ? old->revision : 0);
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
    msec_t steady_ms = membership_steady_ms(core);
    if (peer->power_id != 0 || steady_ms == MSEC_NEVER) {
        return; /* our next heartbeat that is acknowledged leads here again */
    }
    msec_t silent_ms = MAX(peer->seen_ms, steady_ms);
    msec_t due_ms = MAX(silent_ms + settings->power_fence_ms, peer->power_retry_ms);
    if (core->now_ms < due_ms) {
        core_wake(core, due_ms);
        return;
    }
    if (!peer->has_looked || peer->look_revision != peer->alive_revision) {
        peer->has_looked = true;
        peer->look_revision = peer->alive_revision;
        pending_look(core, &peer->fence);
        return; /* until that is idle seek_proof() does not come here */
    }
    peer->has_looked = false;
    struct core_action *action = core_act(core, ACTION_FENCE_OFF);
    memcpy(action->name, peer->name, sizeof(action->name));
    action->incarnation = alive->alive->incarnation;
    action->limit_ms = power_limit_ms;
    action->spec = record_ref(world_find_key(&core->world, &spec->key));
    peer->power_id = action->id;
    peer->power_incarnation = alive->alive->incarnation;
    peer->is_power_proven = false;
    if (!standing_has_fence_error(core, peer)) {
        core_note(core, SEVERITY_WARNING, "power-fencing", peer->name,
                  "%s silent for %lld ms: turning it off through %s", peer->name,
                  (long long)(core->now_ms - peer->seen_ms), spec->node_spec->fence_agent);
    }
}

/* A node that does not answer: looks for proof by every way that is open. */
static void seek_proof(struct core *core, struct peer *peer)
{
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, peer->name);
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, peer->name);
    pending_tick(core, &peer->fence);
    if (!alive || !pending_is_idle(core, &peer->fence) ||
        world_is_proven_off(&core->world, peer->name, alive->alive->incarnation)) {
        return;
    }
    msec_t silent_ms = core->now_ms - peer->seen_ms, takeover = takeover_ms(core, alive->alive);
    char detail[reason_size];
    /* Said of its last heartbeat: if it was heard since, what was confirmed was not so. */
    if (spec && peer->is_silent && spec->node_spec->confirmed_off == alive->alive->incarnation &&
        spec->node_spec->confirmed_counter == alive->alive->counter) {
        write_fence(core, peer, alive, PROOF_MANUAL, "an administrator confirmed it");
        return;
    }
    if (takeover != MSEC_NEVER && silent_ms >= takeover) {
        (void)snprintf(detail, sizeof(detail),
                       "silent for %lld ms (limit %lld) with its watchdog armed at %lld ms",
                       (long long)silent_ms, (long long)takeover,
                       (long long)alive->alive->watchdog_ms);
        write_fence(core, peer, alive, PROOF_WATCHDOG, detail);
        return;
    }
    if (takeover != MSEC_NEVER) {
        core_wake(core, peer->seen_ms + takeover);
    }
    /* A berthd that was told to end is silent with good reason: its host is not turned off. */
    if (spec && spec->node_spec->fencing == FENCING_POWER && !alive->alive->has_left) {
        if (peer->is_power_proven && peer->power_incarnation == alive->alive->incarnation) {
            (void)snprintf(detail, sizeof(detail), "%s turned it off and says it is off",
                           spec->node_spec->fence_agent);
            write_fence(core, peer, alive, PROOF_POWER, detail);
            return;
        }
        power_off(core, peer, alive, spec);
    }
}

static void power_done(struct core *core, struct peer *peer, const struct core_event *event)
{
    peer->power_id = 0;
    if (event->result == CORE_DONE || MUTANT(POWER_ON_HOPE)) {
        peer->is_power_proven = true;
        return;
    }
    peer->power_retry_ms = core->now_ms + power_retry_ms;
    const char *why = event->text ? event->text : "no answer";
    if (standing_fence_failed(core, peer, why)) {
        core_note(
            core, SEVERITY_ERROR, "power-fencing-failed", peer->name,
            "turning off %s failed: %s. It is tried again every few seconds, and its VMs wait; "
            "if you are sure that it is off: 'berth node confirm-off %s'",
            peer->name, why, peer->name);
    }
}

/* ---- what belongs to nobody ---- */

/* Whether a placement of 'claim's VM holds that device in that epoch. */
static bool is_claim_held(const struct core *core, const struct record *claim)
{
    const struct record *record = world_find(&core->world, RECORD_VM_PLACEMENT, claim->claim->vm);
    if (!record) {
        return false;
    }
    const struct vm_placement *p = record->placement;
    bool is_next = claim->claim->epoch == p->epoch + 1;
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

/* Claims that no placement holds (there should be none) and the oldest events. */
static void sweep(struct core *core)
{
    struct coordinator *c = &core->coordinator;
    struct txn txn = {0};
    pending_tick(core, &c->sweep);
    if (!pending_is_idle(core, &c->sweep)) {
        return;
    }
    WORLD_EACH(&core->world, RECORD_CLAIM, each) {
        const struct record *claim = *each;
        bool is_known = world_is_readable(&core->world, &claim->key);
        if (txn.writes.len < sweep_len_max && is_known && !is_claim_held(core, claim) &&
            !MUTANT(CLAIM_LEAKS)) {
            struct record_key placement = {.kind = RECORD_VM_PLACEMENT};
            memcpy(placement.name, claim->claim->vm, sizeof(placement.name));
            txn_guard(&txn, &claim->key, claim->revision);
            txn_guard(&txn, &placement, world_revision(&core->world, &placement));
            txn_delete(&txn, &claim->key);
            core_note(core, SEVERITY_WARNING, "claim-released", claim->claim->vm,
                      "the claim of %s on %s of %s belonged to no placement and was released",
                      claim->claim->vm, claim->key.second, claim->key.name);
        }
    }
    size_t event_len = core->world.records[RECORD_EVENT].len;
    if (event_len > (size_t)events_max + events_slack) {
        for (size_t i = 0; i < event_len - events_max && txn.writes.len < sweep_len_max; i++) {
            txn_delete(&txn, &core->world.records[RECORD_EVENT].items[i]->key);
        }
    }
    if (txn.writes.len > 0 || txn.failed) { /* the sending finds that memory ran out */
        coordinator_guard(core, &txn);
        pending_send(core, &c->sweep, &txn, sweep_limit_ms);
    }
    txn_done(&txn);
}

/* ---- steps ---- */

/* Told when it is in the store, whatever became of the reply: before, it is only an attempt. */
static void note_fence(struct core *core, const struct record *record)
{
    if (core->coordinator.is_leading && core->world.is_complete &&
        record->fence->proof != PROOF_NONE) {
        core_note(core, SEVERITY_WARNING, "node-off", record->key.name,
                  "%s incarnation %llu is proven off: %s", record->key.name,
                  (unsigned long long)record->fence->incarnation, record->fence->detail);
    }
}

void coordinator_event(struct core *core, const struct core_event *event)
{
    struct coordinator *c = &core->coordinator;
    enum txn_outcome outcome;
    if (event->kind == CORE_STORE_RECORD && event->record->key.kind == RECORD_NODE_ALIVE) {
        hear(core, event->record);
    }
    if (event->kind == CORE_STORE_RECORD && event->record->key.kind == RECORD_NODE_FENCE) {
        note_fence(core, event->record);
    }
    if (event->kind == CORE_STORE_RECORD && event->record->key.kind == RECORD_NODE_STANDING) {
        standing_seen(core, event->record);
    }
    if (event->kind == CORE_TXN_DONE) {
        (void)pending_done(core, &c->lead, event, &outcome);
        (void)pending_done(core, &c->sweep, event, &outcome);
        (void)pending_done(core, &c->removal, event, &outcome);
    }
    VEC_EACH(&c->peers, peer) {
        if (event->kind == CORE_TXN_DONE) {
            (void)pending_done(core, &peer->fence, event, &outcome);
            (void)pending_done(core, &peer->standing, event, &outcome);
        }
        if (event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == peer->power_id) {
            power_done(core, peer, event);
        }
    }
}

void coordinator_step(struct core *core)
{
    struct coordinator *c = &core->coordinator;
    VEC_EACH(&c->peers, peer) {
        watch_silence(core, peer);
    }
    watch_lead(core);
    if (!c->is_leading) {
        return;
    }
    VEC_EACH(&c->peers, peer) {
        if (peer->is_silent) {
            seek_proof(core, peer);
        }
    }
    standing_step(core);
    removal_step(core);
    sweep(core);
}
