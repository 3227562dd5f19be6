/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * This node's heartbeat, its incarnation, its watchdog and its self-fencing. The times and why they
 * suffice are in docs/SAFETY.md; the states are drawn in internal.h.
 *
 * The rules kept here:
 *  - a heartbeat is a transaction that demands that no fence record came and that nobody else wrote
 *    our heartbeat;
 *  - while instances may exist the watchdog is petted upon an acknowledged heartbeat and never
 *    otherwise; opened (which pets it) not before the first one either;
 *  - others are told "armed" only while the watchdog is ticking;
 *  - a new incarnation begins only when no instance of an earlier one exists.
 */
#include "core/internal.h"

#include <assert.h>
#include <string.h>

ENUM_DEFINE(membership_state, MEMBERSHIP_LIST)

enum { kill_retry_ms = 200, arm_retry_ms = 10000, leave_tries_max = 3 };

/* Allowed successors of each state. */
static const unsigned successors[membership_state_count] = {
    [MEMBERSHIP_JOINING] =
        1u << MEMBERSHIP_MEMBER | 1u << MEMBERSHIP_CLEARING | 1u << MEMBERSHIP_LEFT,
    [MEMBERSHIP_CLEARING] = 1u << MEMBERSHIP_BEGINNING | 1u << MEMBERSHIP_LEFT,
    [MEMBERSHIP_BEGINNING] = 1u << MEMBERSHIP_MEMBER | 1u << MEMBERSHIP_LEFT,
    [MEMBERSHIP_MEMBER] = 1u << MEMBERSHIP_CLEARING | 1u << MEMBERSHIP_LEAVING,
    [MEMBERSHIP_LEAVING] = 1u << MEMBERSHIP_LEFT | 1u << MEMBERSHIP_CLEARING,
    [MEMBERSHIP_LEFT] = 0,
};

static void move(struct core *core, enum membership_state to)
{
    struct membership *m = &core->membership;
    assert(successors[m->state] & 1u << to);
    m->state = to;
    core->is_dirty = true;
}

bool membership_is_member(const struct core *core)
{
    return core->membership.state == MEMBERSHIP_MEMBER;
}

static const char *self(const struct core *core)
{
    return core->config.node;
}

static struct record_key key_of(const struct core *core, enum record_kind kind)
{
    struct record_key key = {.kind = kind};
    memcpy(key.name, core->config.node, sizeof(key.name));
    return key;
}

static const struct record *stored_alive(const struct core *core)
{
    return world_find(&core->world, RECORD_NODE_ALIVE, self(core));
}

static const struct record *stored_fence(const struct core *core)
{
    return world_find(&core->world, RECORD_NODE_FENCE, self(core));
}

/* Up to which incarnation of this node others were told that it is off. */
static uint64_t fenced_incarnation(const struct core *core)
{
    const struct record *fence = stored_fence(core);
    return fence && fence->fence->proof != PROOF_NONE ? fence->fence->incarnation : 0;
}

static enum fencing fencing_method(const struct core *core)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, self(core));
    return spec ? spec->node_spec->fencing : FENCING_WATCHDOG;
}

/* ---- heartbeats ---- */

/* Orderly leaving says "not armed" before the watchdog is let go. */
static bool says_armed(const struct membership *m)
{
    return (m->is_ticking && m->state != MEMBERSHIP_LEAVING) || MUTANT(ARMED_FOR_SHOW);
}

static void send_heartbeat(struct core *core, uint64_t incarnation, revision_t alive_revision,
                           revision_t fence_revision)
{
    struct membership *m = &core->membership;
    struct record *alive = record_new(RECORD_NODE_ALIVE, self(core), NULL);
    if (!alive) {
        core_out_of_memory();
    }
    alive->alive->incarnation = incarnation;
    memcpy(alive->alive->boot_id, core->config.boot_id, sizeof(alive->alive->boot_id));
    alive->alive->counter = ++m->counter;
    alive->alive->is_watchdog_armed = says_armed(m);
    alive->alive->watchdog_ms = says_armed(m) ? m->watchdog_ms : 0;
    if (MUTANT(ARMED_FOR_SHOW)) {
        alive->alive->watchdog_ms = world_settings(&core->world)->watchdog_ms;
    }

    alive->alive->has_left = m->state == MEMBERSHIP_LEAVING;
    m->sent_armed = alive->alive->is_watchdog_armed;
    m->sent_left = alive->alive->has_left;
    m->said_armed |= m->sent_armed; /* it may be read, answered or not, until an unarmed one is */

    struct txn txn = {0};
    struct record_key alive_key = key_of(core, RECORD_NODE_ALIVE);
    struct record_key fence_key = key_of(core, RECORD_NODE_FENCE);
    txn_guard(&txn, &alive_key, alive_revision);
    if (!MUTANT(NO_FENCE_GUARD)) {
        txn_guard(&txn, &fence_key, fence_revision);
    }
    txn_put(&txn, alive);
    msec_t heartbeat_ms = world_settings(&core->world)->heartbeat_ms;
    pending_send(core, &m->heartbeat, &txn, heartbeat_ms);
    m->sent_ms = core->now_ms;
    m->next_ms = core->now_ms + heartbeat_ms;
}

/* A pet that comes after 'deadline_ms', because we were frozen in between, would outlive the
 * others' patience. Also when we let it go: some watchdogs cannot be stopped any more. */
static void pet(struct core *core, msec_t deadline_ms)
{
    if (core->membership.has_watchdog) {
        struct core_action *action = core_act(core, ACTION_WATCHDOG_PET);
        action->id = 0;
        action->deadline_ms = MUTANT(PET_LATE) ? MSEC_NEVER : deadline_ms;
    }
}

static void begun(struct core *core)
{
    struct membership *m = &core->membership;
    move(core, MEMBERSHIP_MEMBER);
    m->has_ack = false;
    core_act_quietly(core, ACTION_VM_REOPEN);
    core_note(core, SEVERITY_INFO, "node-joined", self(core), "%s joined as incarnation %llu",
              self(core), (unsigned long long)m->incarnation);
}

/* Between two acknowledged heartbeats, if none was lost: the next one, and the limit of its reply.
 */
static msec_t steady_gap_ms(const struct core *core)
{
    return 2 * world_settings(&core->world)->heartbeat_ms;
}

msec_t membership_steady_ms(const struct core *core)
{
    const struct membership *m = &core->membership;
    bool is_steady = m->has_ack && core->now_ms - m->acked_sent_ms <= steady_gap_ms(core);
    return is_steady ? m->steady_ms : MSEC_NEVER;
}

/* Our heartbeat of 'm->sent_ms' is in the store. */
static void acknowledged(struct core *core, revision_t revision)
{
    struct membership *m = &core->membership;
    m->alive_revision = revision;
    m->heartbeat = (struct pending){0};
    if (core->now_ms - m->sent_ms > world_settings(&core->world)->heartbeat_ms) {
        return; /* too late to count: the pet must come within one limit of the sending */
    }
    if (m->state == MEMBERSHIP_BEGINNING) {
        begun(core);
    }
    if (m->is_lost_noted) {
        m->is_lost_noted = false;
        core_note(core, SEVERITY_INFO, "heartbeat-back", self(core),
                  "heartbeats of %s are acknowledged again", self(core));
    }
    if (!m->has_ack || m->sent_ms - m->acked_sent_ms > steady_gap_ms(core)) {
        m->steady_ms = m->sent_ms;
    }
    m->has_ack = true;
    m->acked_sent_ms = MUTANT(SILENCE_FROM_ANSWER) ? core->now_ms : m->sent_ms;
    m->said_left = m->sent_left;
    m->said_armed = m->sent_armed; /* what it said when it was sent, not what it would say now */
    pet(core, m->sent_ms + world_settings(&core->world)->heartbeat_ms);
}

static void heartbeat_done(struct core *core, const struct core_event *event)
{
    struct membership *m = &core->membership;
    bool was_first_try = !m->heartbeat.is_barrier;
    if (event->id == 0 || event->id != m->heartbeat.id || !was_first_try) {
        return;
    }
    /* No barriers here: the next heartbeat asks the same question anyway. */
    m->heartbeat = (struct pending){0};
    core->is_dirty = true;
    switch (event->outcome) {
    case TXN_COMMITTED:
        acknowledged(core, event->revision);
        break;
    case TXN_REFUSED: /* fenced, or an unknown one of ours was written after all: the world tells */
        m->heartbeat.until = event->revision;
        m->is_refused = true;
        break;
    case TXN_UNKNOWN:
    case TXN_IMPOSSIBLE:
        break;
    }
}

/* Takes over what the world knows of our own key, once it is as new as a refusal. */
static void learn_own_revision(struct core *core)
{
    struct membership *m = &core->membership;
    const struct record *alive = stored_alive(core);
    if (alive && alive->revision > m->alive_revision &&
        strcmp(alive->alive->boot_id, core->config.boot_id) == 0 &&
        alive->alive->incarnation == m->incarnation) {
        m->alive_revision = alive->revision;
        if (m->is_refused) { /* that is why: no reason to be silent for the rest of the second */
            m->is_refused = false;
            m->next_ms = core->now_ms;
        }
    }
}

/* ---- incarnations ---- */

static void clear_instances(struct core *core)
{
    struct membership *m = &core->membership;
    move(core, MEMBERSHIP_CLEARING);
    m->has_ack = false;
    if (MUTANT(ANEW_UNCLEARED)) {
        move(core, MEMBERSHIP_BEGINNING);
        return;
    }
    m->kill_id = core_act(core, ACTION_VM_KILL_ALL)->id;
}

static void join(struct core *core)
{
    struct membership *m = &core->membership;
    const struct record *alive = stored_alive(core);
    bool is_same_boot = alive && strcmp(alive->alive->boot_id, core->config.boot_id) == 0;
    uint64_t fenced = fenced_incarnation(core);
    if (!core_is_readable(core, RECORD_NODE_ALIVE, self(core)) ||
        !core_is_readable(core, RECORD_NODE_FENCE, self(core))) {
        return; /* the journal says that they cannot be read */
    }
    m->next_ms = core->now_ms;
    m->joined_revision = core->world.revision;
    if (is_same_boot && alive->alive->incarnation > fenced) {
        m->incarnation = alive->alive->incarnation;
        m->counter = alive->alive->counter;
        m->alive_revision = alive->revision;
        m->fence_revision = stored_fence(core) ? stored_fence(core)->revision : 0;
        move(core, MEMBERSHIP_MEMBER);
        core_note(core, SEVERITY_INFO, "node-rejoined", self(core),
                  "berthd of %s is back in incarnation %llu and adopts its VMs", self(core),
                  (unsigned long long)m->incarnation);
        return;
    }
    if (is_same_boot) {
        core_note(core, SEVERITY_WARNING, "node-was-fenced", self(core),
                  "%s was declared off in incarnation %llu: ending its VMs, then beginning anew",
                  self(core), (unsigned long long)fenced);
    }
    clear_instances(core);
}

/*
 * Whether another host, alive, uses our name. The heartbeat of our own last boot stands still; one
 * that moves while we watch is somebody's.
 */
static bool is_name_taken(struct core *core)
{
    struct membership *m = &core->membership;
    const struct record *alive = stored_alive(core);
    if (!alive || strcmp(alive->alive->boot_id, core->config.boot_id) == 0 ||
        alive->alive->incarnation <= fenced_incarnation(core)) {
        return false;
    }
    msec_t look_ms = 2 * world_settings(&core->world)->heartbeat_ms;
    if (alive->revision != m->foreign_revision) {
        if (m->foreign_revision != 0 && !m->is_foreign_noted) {
            m->is_foreign_noted = true;
            core_note(core, SEVERITY_ERROR, "name-taken", self(core),
                      "another host is alive under the name %s (boot id %s): give this one a name "
                      "of its own in its configuration (node = ...)",
                      self(core), alive->alive->boot_id);
        }
        m->foreign_revision = alive->revision;
        m->foreign_ms = core->now_ms;
    }
    if (core->now_ms >= m->foreign_ms + look_ms) {
        return false;
    }
    core_wake(core, m->foreign_ms + look_ms);
    return true;
}

static void begin(struct core *core)
{
    struct membership *m = &core->membership;
    if (core->now_ms >= m->empty_pet_ms) {
        pet(core, MSEC_NEVER); /* nothing runs here: staying alive harms nobody */
        m->empty_pet_ms = core->now_ms + world_settings(&core->world)->heartbeat_ms;
    }
    core_wake(core, m->empty_pet_ms);
    if (is_name_taken(core)) {
        return;
    }
    if (core->now_ms < m->next_ms) {
        core_wake(core, m->next_ms);
        return;
    }
    if (!pending_is_idle(core, &m->heartbeat)) {
        return; /* its answer, or the world, wakes us */
    }
    const struct record *alive = stored_alive(core), *fence = stored_fence(core);
    uint64_t before = MAX(alive ? alive->alive->incarnation : 0, fenced_incarnation(core));
    m->incarnation = before + 1;
    if (!agent_gpu_tell(core)) {
        return; /* first what this host has now: then VMs can be placed here at once */
    }
    m->fence_revision = fence ? fence->revision : 0;
    send_heartbeat(core, m->incarnation, alive ? alive->revision : 0, m->fence_revision);
}

/* Whether the store's heartbeat of this node is newer than our last one, and not ours: another host
 * took the name, or one came through late that a berthd before us sent to begin with. */
static bool is_usurped(const struct core *core)
{
    const struct membership *m = &core->membership;
    const struct record *alive = stored_alive(core);
    return alive && alive->revision > m->alive_revision && !MUTANT(NAME_KEPT) &&
           (strcmp(alive->alive->boot_id, core->config.boot_id) != 0 ||
            alive->alive->incarnation != m->incarnation);
}

/* ---- the watchdog ---- */

static void watch_arming(struct core *core)
{
    struct membership *m = &core->membership;
    bool wants = fencing_method(core) == FENCING_WATCHDOG && m->has_watchdog;
    msec_t watchdog_ms = wants ? world_settings(&core->world)->watchdog_ms : 0;
    if (m->is_ours && m->is_ticking && m->watchdog_ms != watchdog_ms) {
        /* First the others hear it, then the watchdog is let go, then perhaps armed with another
         * time: arming pets it, and may fail. */
        m->is_ticking = false;
    }
    if (!m->is_ticking && m->is_ours && m->has_ack && !m->said_armed) {
        core_act_quietly(core, ACTION_WATCHDOG_DISARM);
        m->is_ours = false;
        m->watchdog_ms = 0;
    }
    bool is_heard = membership_steady_ms(core) != MSEC_NEVER; /* else it would end our VMs */
    if (!wants || !is_heard || m->arm_id != 0 || m->is_ours) {
        return;
    }
    if (core->now_ms < m->arm_retry_ms) {
        core_wake(core, m->arm_retry_ms);
        return;
    }
    struct core_action *action = core_act(core, ACTION_WATCHDOG_ARM);
    action->limit_ms = watchdog_ms;
    m->arm_id = action->id;
    m->arming_ms = watchdog_ms;
}

static void arm_done(struct core *core, const struct core_event *event)
{
    struct membership *m = &core->membership;
    m->arm_id = 0;
    if (event->result == CORE_DONE) {
        m->is_ticking = m->is_ours = true;
        m->watchdog_ms = m->arming_ms;
        core_note(core, SEVERITY_INFO, "watchdog-armed", self(core),
                  "the watchdog of %s is armed with %lld ms", self(core),
                  (long long)m->watchdog_ms);
        return;
    }
    m->arm_retry_ms = core->now_ms + arm_retry_ms;
    core_note(core, SEVERITY_WARNING, "watchdog-not-armed", self(core),
              "the watchdog of %s cannot be armed: %s. Until it is, its VMs restart elsewhere only "
              "after 'berth node confirm-off %s'",
              self(core), event->text ? event->text : "unknown", self(core));
}

/* ---- steps ---- */

static bool is_fenced(const struct core *core)
{
    return fenced_incarnation(core) >= core->membership.incarnation;
}

/* A member whose heartbeats are not acknowledged. */
static void watch_acknowledgements(struct core *core)
{
    struct membership *m = &core->membership;
    const struct cluster_settings *settings = world_settings(&core->world);
    if (!m->has_ack || !(m->is_ticking || m->is_ours) || MUTANT(NO_SELF_STOP)) {
        return;
    }
    msec_t silent_ms = core->now_ms - m->acked_sent_ms;
    if (silent_ms >= settings->self_stop_ms) {
        core_note(core, SEVERITY_ERROR, "self-stop", self(core),
                  "heartbeat not acknowledged for %lld ms (limit %lld): %s ends its VMs",
                  (long long)silent_ms, (long long)settings->self_stop_ms, self(core));
        clear_instances(core);
        return;
    }
    if (silent_ms >= settings->leader_silence_ms && !m->is_lost_noted) {
        m->is_lost_noted = true;
        core_note(
            core, SEVERITY_WARNING, "heartbeat-lost", self(core),
            "heartbeats of %s have not been acknowledged for %lld ms: is the store reachable?",
            self(core), (long long)silent_ms);
    }
    core_wake(core, m->acked_sent_ms +
                        (m->is_lost_noted ? settings->self_stop_ms : settings->leader_silence_ms));
}

static void note_usurper(struct core *core)
{
    const struct record *alive = stored_alive(core);
    core->membership.is_foreign_noted = true;
    core_note(core, SEVERITY_ERROR, "name-taken", self(core),
              "the heartbeat of %s was written by another (boot id %s, incarnation %llu): it ends "
              "its VMs and begins anew",
              self(core), alive->alive->boot_id, (unsigned long long)alive->alive->incarnation);
}

static void keep_alive(struct core *core)
{
    struct membership *m = &core->membership;
    if (is_fenced(core)) {
        core_note(core, SEVERITY_ERROR, "fenced", self(core),
                  "%s was declared off while it runs: it ends its VMs and begins anew", self(core));
        clear_instances(core);
        return;
    }
    if (is_usurped(core)) { /* others may take that for a proof that our VMs are gone */
        note_usurper(core);
        clear_instances(core);
        return;
    }
    learn_own_revision(core);
    watch_acknowledgements(core);
    if (m->state == MEMBERSHIP_CLEARING) {
        return;
    }
    if (core->now_ms >= m->next_ms && m->heartbeat.id == 0) {
        if (MUTANT(PET_UNHEARD)) {
            pet(core, MSEC_NEVER);
        }
        send_heartbeat(core, m->incarnation, m->alive_revision, m->fence_revision);
    }
    if (core->now_ms < m->next_ms) { /* else its answer wakes us */
        core_wake(core, m->next_ms);
    }
}

static void leave(struct core *core)
{
    move(core, MEMBERSHIP_LEFT);
    core_act_quietly(core, ACTION_LEAVE);
}

/* "Not armed" must be in the store before the watchdog is let go; if that cannot be had it is kept,
 * and whoever stops berthd has the watchdog's time to start it again. */
static void go_on_leaving(struct core *core)
{
    struct membership *m = &core->membership;
    if ((m->has_ack && m->said_left) || MUTANT(DISARM_SILENTLY)) {
        if (m->is_ours) {
            core_act_quietly(core, ACTION_WATCHDOG_DISARM);
        }
        leave(core);
        return;
    }
    if (m->heartbeat.id == 0) {
        if (m->leave_tries++ >= leave_tries_max) {
            core_note(core, SEVERITY_WARNING, "left-armed", self(core),
                      "the store did not take the farewell of %s: its watchdog stays armed and "
                      "resets the host unless berthd is started at once",
                      self(core));
            leave(core);
            return;
        }
        learn_own_revision(core);
        send_heartbeat(core, m->incarnation, m->alive_revision, m->fence_revision);
    }
}

void membership_step(struct core *core)
{
    struct membership *m = &core->membership;
    if (m->state == MEMBERSHIP_JOINING && core->world.is_complete) {
        join(core);
    }
    if (m->state == MEMBERSHIP_CLEARING && m->kill_id == 0) {
        if (core->now_ms >= m->kill_retry_ms) {
            m->kill_id = core_act(core, ACTION_VM_KILL_ALL)->id;
        } else {
            core_wake(core, m->kill_retry_ms);
        }
    }
    if (m->state == MEMBERSHIP_BEGINNING) {
        begin(core);
    }
    if (m->state == MEMBERSHIP_MEMBER) {
        keep_alive(core);
    }
    if (m->state == MEMBERSHIP_MEMBER) {
        watch_arming(core);
    }
    if (m->state == MEMBERSHIP_LEAVING) {
        go_on_leaving(core);
    }
}

static void kill_all_done(struct core *core, const struct core_event *event)
{
    struct membership *m = &core->membership;
    m->kill_id = 0;
    if (event->result != CORE_DONE) { /* not all gone: the watchdog will end it if we cannot */
        m->kill_retry_ms = core->now_ms + kill_retry_ms;
        return;
    }
    if (m->state == MEMBERSHIP_CLEARING) {
        move(core, MEMBERSHIP_BEGINNING);
        m->next_ms = core->now_ms;
    }
}

static void start_leaving(struct core *core)
{
    struct membership *m = &core->membership;
    if (m->state != MEMBERSHIP_MEMBER) {
        if (m->state != MEMBERSHIP_LEAVING && m->state != MEMBERSHIP_LEFT) {
            leave(core);
        }
        return;
    }
    move(core, MEMBERSHIP_LEAVING);
    m->has_ack = m->said_left = false;
}

void membership_event(struct core *core, const struct core_event *event)
{
    struct membership *m = &core->membership;
    if (event->kind == CORE_TXN_DONE) {
        heartbeat_done(core, event);
    } else if (event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == m->kill_id) {
        kill_all_done(core, event);
    } else if (event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == m->arm_id) {
        arm_done(core, event);
    } else if (event->kind == CORE_WATCHDOG_FOUND) {
        m->has_watchdog = event->is_up;
        m->is_ticking = m->is_ours = event->is_up && event->span_ms > 0;
        m->watchdog_ms = m->is_ticking ? event->span_ms : 0;
    } else if (event->kind == CORE_LEAVE) {
        start_leaving(core);
    }
}
