/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/heartbeat.h"

#include "core/memory.h"
#include "core/mutant.h"
#include "core/pending.h"
#include "core/self.h"
#include "core/arming.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct heartbeat {
    uint64_t counter;
    revision_t alive_revision; /* of our own heartbeat's key, as far as we know */
    struct pending pending;
    msec_t sent_ms;            /* when the heartbeat in flight was sent */
    msec_t next_ms;            /* when the next one is due */
    bool has_ack;              /* in this incarnation, by this process */
    bool is_timed;             /* the same, or before an administrator had it adopted */
    msec_t acked_sent_ms;      /* when the last acknowledged one was sent: 's' of docs/SAFETY.md */
    msec_t steady_ms;          /* since when one after the other has been acknowledged */
    uint64_t kept_incarnation; /* as ACTION_IDENTITY last had it kept, ... */
    char kept_cluster[cluster_id_size]; /* ... the same */
    bool is_lost_noted;
    bool is_refused;       /* the last one was: perhaps an earlier one came through after all */
    uint32_t refusals;     /* in a row */
    bool is_goodbye_sent;  /* by the one in flight */
    bool has_said_goodbye; /* by the last acknowledged one */
    bool is_descent_sent, has_said_descent; /* the same of the word that the host goes down */
};

bool heartbeat_init(struct core *core)
{
    core->heartbeat = calloc(1, sizeof(*core->heartbeat));
    return core->heartbeat != NULL;
}

/* ---- sending ---- */

/* Orderly leaving says "not armed" before the watchdog is let go. */
static bool says_armed(const struct core *core)
{
    return (arming_is_armed(core) && self_state(core) != MEMBERSHIP_LEAVING) ||
           MUTANT(ARMED_FOR_SHOW);
}

static struct record *make_alive(struct core *core)
{
    struct record *record = record_new(RECORD_NODE_ALIVE, self_name(core), NULL);
    if (!record) {
        core_out_of_memory();
    }
    struct node_alive *alive = record->alive;
    alive->incarnation = self_incarnation(core);
    memcpy(alive->boot_id, core->config.boot_id, sizeof(alive->boot_id));
    alive->counter = ++core->heartbeat->counter;
    alive->is_watchdog_armed = says_armed(core);
    alive->watchdog_ms = says_armed(core) ? arming_armed_ms(core) : 0;
    if (MUTANT(ARMED_FOR_SHOW)) {
        alive->watchdog_ms = world_settings(&core->world)->watchdog_ms;
    }
    alive->has_left = self_state(core) == MEMBERSHIP_LEAVING;
    alive->is_going_down = self_is_going_down(core);
    alive->on_shutdown = self_on_shutdown(core);
    return record;
}

void heartbeat_send(struct core *core)
{
    struct heartbeat *h = core->heartbeat;
    /* One at a time, so that an answer tells which sending it acknowledges; and only of a life
     * that was begun. */
    assert(heartbeat_is_idle(core) && self_incarnation(core) > 0);
    struct record *alive = make_alive(core);
    /* An armed watchdog without its time would be taken for no proof, but a time without an armed
     * watchdog for one. */
    assert(alive->alive->is_watchdog_armed == (alive->alive->watchdog_ms > 0) ||
           MUTANT(ARMED_FOR_SHOW));
    arming_is_told(core, alive->alive->is_watchdog_armed);
    h->is_goodbye_sent = alive->alive->has_left;
    h->is_descent_sent = alive->alive->is_going_down;

    struct txn txn = {0};
    struct record_key fence_key = self_key(core, RECORD_NODE_FENCE);
    txn_guard(&txn, &alive->key, h->alive_revision);
    if (!MUTANT(NO_FENCE_GUARD)) {
        txn_guard(&txn, &fence_key, self_fence_revision(core));
    }
    txn_put(&txn, alive);
    msec_t heartbeat_ms = world_settings(&core->world)->heartbeat_ms;
    pending_send(core, &h->pending, &txn, heartbeat_ms);
    h->sent_ms = core->now_ms;
    h->next_ms = core->now_ms + heartbeat_ms;
}

void heartbeat_begin(struct core *core, revision_t alive_revision)
{
    core->heartbeat->alive_revision = alive_revision;
    heartbeat_send(core);
}

bool heartbeat_is_due(const struct core *core)
{
    return core->now_ms >= core->heartbeat->next_ms;
}

void heartbeat_wake(struct core *core)
{
    core_wake(core, core->heartbeat->next_ms);
}

bool heartbeat_is_idle(const struct core *core)
{
    return core->heartbeat->pending.id == 0;
}

bool heartbeat_is_settled(const struct core *core)
{
    return pending_is_idle(core, &core->heartbeat->pending);
}

void heartbeat_hurry(struct core *core)
{
    core->heartbeat->next_ms = core->now_ms;
}

void heartbeat_step(struct core *core)
{
    if (heartbeat_is_due(core) && heartbeat_is_idle(core)) {
        if (MUTANT(PET_UNHEARD)) {
            arming_pet(core, MSEC_NEVER);
        }
        heartbeat_send(core);
    }
    if (!heartbeat_is_due(core)) { /* else its answer wakes us */
        heartbeat_wake(core);
    }
}

/* ---- answers ---- */

/* Between two acknowledged heartbeats, if none was lost: the next one, and the limit of its reply.
 */
static msec_t steady_gap_ms(const struct core *core)
{
    return 2 * world_settings(&core->world)->heartbeat_ms;
}

bool heartbeat_is_heard(const struct core *core)
{
    return self_is_member(core) && core->heartbeat->has_ack;
}

msec_t heartbeat_steady_ms(const struct core *core)
{
    const struct heartbeat *h = core->heartbeat;
    bool is_steady = h->has_ack && core->now_ms - h->acked_sent_ms <= steady_gap_ms(core);
    return is_steady ? h->steady_ms : MSEC_NEVER;
}

bool heartbeat_is_doubted(const struct core *core)
{
    return core->heartbeat->refusals > 1; /* once: one whose reply was lost came through */
}

bool heartbeat_has_said_goodbye(const struct core *core)
{
    return core->heartbeat->has_ack && core->heartbeat->has_said_goodbye;
}

bool heartbeat_has_said_descent(const struct core *core)
{
    return core->heartbeat->has_ack && core->heartbeat->has_said_descent;
}

void heartbeat_adopt(struct core *core, const struct record *alive)
{
    struct heartbeat *h = core->heartbeat;
    assert(self_is_this_boot(core, alive)); /* another boot's VMs are gone, and its word is over */
    h->counter = alive->alive->counter;
    h->alive_revision = alive->revision;
    if (MUTANT(SILENCE_INHERITED)) {
        h->is_timed = true;
        h->acked_sent_ms = core->now_ms - world_settings(&core->world)->self_stop_ms;
    }
}

void heartbeat_take_over(struct core *core)
{
    struct heartbeat *h = core->heartbeat;
    const struct record *alive = self_alive_record(core);
    assert(self_state(core) == MEMBERSHIP_CONTRADICTED); /* nothing of ours is on its way */
    h->counter = MAX(h->counter, alive ? alive->alive->counter : 0);
    h->alive_revision = alive ? alive->revision : 0;
    h->has_ack = false; /* what was said in the last one is not in this store; the clock runs on */
}

revision_t heartbeat_revision(const struct core *core)
{
    return core->heartbeat->alive_revision;
}

bool heartbeat_has_ack(const struct core *core)
{
    return core->heartbeat->has_ack;
}

void heartbeat_count_absence(struct core *core, msec_t asked_ms)
{
    msec_t heartbeat_ms = world_settings(&core->world)->heartbeat_ms;
    assert(!self_is_member(core) && !self_alive_record(core));
    assert(core->heartbeat->has_ack && asked_ms <= core->now_ms);
    if (core->now_ms - asked_ms <= heartbeat_ms) { /* as in acknowledged() */
        core->heartbeat->acked_sent_ms = asked_ms;
        arming_pet(core, asked_ms + heartbeat_ms);
    }
}

void heartbeat_forget(struct core *core)
{
    struct heartbeat *h = core->heartbeat;
    h->has_ack = h->is_timed = h->has_said_goodbye = false;
}

/* The store has the first heartbeat of this incarnation, so all VMs of the one before are proven
 * gone. */
static void begun(struct core *core)
{
    assert(self_state(core) == MEMBERSHIP_BEGINNING);
    self_move(core, MEMBERSHIP_MEMBER);
    core->heartbeat->has_ack = core->heartbeat->is_timed = false;
    core_act_quietly(core, ACTION_VM_REOPEN);
    if (!self_is_going_down(core)) {
        core_note(core, NOTE_NODE_JOINED, self_name(core))->count = self_incarnation(core);
    }
}

/* A berthd after us must know that this boot has joined, whatever the store says then. Told when
 * the store has it: an incarnation that is kept was never only an attempt. */
static void keep_identity(struct core *core)
{
    struct heartbeat *h = core->heartbeat;
    if (h->kept_incarnation != self_incarnation(core) ||
        strcmp(h->kept_cluster, self_cluster(core)) != 0) {
        h->kept_incarnation = self_incarnation(core);
        (void)snprintf(h->kept_cluster, sizeof(h->kept_cluster), "%s", self_cluster(core));
        struct core_action *action = core_act(core, ACTION_IDENTITY);
        action->id = 0;
        action->incarnation = h->kept_incarnation;
    }
}

/*
 * Our heartbeat of 'sent_ms' is in the store. All times count from the sending, because the others
 * cannot have seen it before: they wait at least as long as we think. So the watchdog, petted
 * within one heartbeat of the sending, fires before they take over.
 */
static void acknowledged(struct core *core, revision_t revision)
{
    struct heartbeat *h = core->heartbeat;
    msec_t heartbeat_ms = world_settings(&core->world)->heartbeat_ms;
    assert(h->sent_ms <= core->now_ms);
    h->alive_revision = revision;
    h->refusals = 0;
    h->pending = (struct pending){0};
    if (core->now_ms - h->sent_ms > heartbeat_ms) {
        return; /* too late to count: the pet must come within one limit of the sending */
    }
    if (self_state(core) == MEMBERSHIP_BEGINNING) {
        begun(core);
    }
    if (h->is_lost_noted) {
        h->is_lost_noted = false;
        (void)core_note(core, NOTE_HEARTBEAT_BACK, self_name(core));
    }
    if (!h->has_ack || h->sent_ms - h->acked_sent_ms > steady_gap_ms(core)) {
        h->steady_ms = h->sent_ms;
    }
    h->has_ack = h->is_timed = true;
    /* That our heartbeat was absent may have been counted since: heartbeat_count_absence(). */
    h->acked_sent_ms =
        MUTANT(SILENCE_FROM_ANSWER) ? core->now_ms : MAX(h->sent_ms, h->acked_sent_ms);
    h->has_said_goodbye = h->is_goodbye_sent;
    h->has_said_descent = h->is_descent_sent;
    arming_is_known(core);
    arming_pet(core, h->sent_ms + heartbeat_ms);
    keep_identity(core);
}

void heartbeat_event(struct core *core, const struct core_event *event)
{
    struct heartbeat *h = core->heartbeat;
    if (event->kind != CORE_TXN_DONE || event->id == 0 || event->id != h->pending.id) {
        return;
    }
    /* No barriers here: the next heartbeat asks the same question anyway. */
    h->pending = (struct pending){0};
    core->is_dirty = true;
    switch (event->outcome) {
    case TXN_COMMITTED:
        acknowledged(core, event->revision);
        break;
    case TXN_REFUSED: /* fenced, or an unknown one of ours was written after all: the world tells */
        pending_settle(core, &h->pending, event->revision);
        h->is_refused = true;
        h->refusals++;
        break;
    case TXN_UNKNOWN:
    case TXN_IMPOSSIBLE:
        break;
    }
}

/* ---- what the world says of it ---- */

void heartbeat_learn(struct core *core)
{
    struct heartbeat *h = core->heartbeat;
    const struct record *alive = self_alive_record(core);
    if (alive && alive->revision > h->alive_revision && self_is_this_boot(core, alive) &&
        alive->alive->incarnation == self_incarnation(core)) {
        h->alive_revision = alive->revision;
        if (h->is_refused) { /* that is why: no reason to be silent for the rest of the second */
            h->is_refused = false;
            h->next_ms = core->now_ms;
        }
    }
}

bool heartbeat_is_usurped(const struct core *core)
{
    const struct record *alive = self_alive_record(core);
    return alive && alive->revision > core->heartbeat->alive_revision && !MUTANT(NAME_KEPT) &&
           (!self_is_this_boot(core, alive) || alive->alive->incarnation != self_incarnation(core));
}

bool heartbeat_must_stop(struct core *core)
{
    struct heartbeat *h = core->heartbeat;
    const struct cluster_settings *settings = world_settings(&core->world);
    if (!h->is_timed || !arming_is_held(core) || MUTANT(NO_SELF_STOP)) {
        return false;
    }
    /* From the sending, which is before anyone can have begun to time it: anyone who takes over
     * does so later than we end our VMs, on any clocks that differ by less than the margin. */
    msec_t silent_ms = core->now_ms - h->acked_sent_ms;
    assert(silent_ms >= 0);
    if (silent_ms >= settings->self_stop_ms) {
        struct facts *facts = core_note(core, NOTE_SELF_STOP, self_name(core));
        facts->ms = silent_ms;
        facts->limit_ms = settings->self_stop_ms;
        return true;
    }
    if (silent_ms >= settings->leader_silence_ms && !h->is_lost_noted) {
        h->is_lost_noted = true;
        core_note(core, NOTE_HEARTBEAT_LOST, self_name(core))->ms = silent_ms;
    }
    core_wake(core, h->acked_sent_ms +
                        (h->is_lost_noted ? settings->self_stop_ms : settings->leader_silence_ms));
    return false;
}
