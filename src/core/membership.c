/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/membership.h"

#include "core/agent.h"
#include "core/agent_gpu.h"
#include "core/contradiction.h"
#include "core/founding.h"
#include "core/heartbeat.h"
#include "core/leaving.h"
#include "core/local_vm.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/self.h"
#include "core/shutdown.h"
#include "core/arming.h"

#include <assert.h>
#include <stdlib.h>

enum { kill_retry_ms = 200 };

struct membership {
    uint64_t kill_id; /* kill-all in flight */
    msec_t kill_retry_ms;
    msec_t empty_pet_ms;         /* BEGINNING: when to pet next */
    revision_t foreign_revision; /* heartbeat of our name from another boot, as last seen */
    msec_t foreign_ms;           /* when we began to look at it, or it last moved */
    bool is_foreign_noted;
    bool has_no_hypervisor; /* what exists here cannot be listed now */
};

bool membership_init(struct core *core)
{
    core->membership = calloc(1, sizeof(*core->membership));
    return core->membership != NULL;
}

/*
 * Ends all VMs of this cluster here; with them gone, a new incarnation begins, which is the proof
 * for all of them at once. The causes: a fence record or another's heartbeat under our name (others
 * may start the VMs already), no acknowledged heartbeat for the self-stop time (they will), another
 * boot (they are gone anyway), the end of a shutdown's time, an administrator.
 */
static void clear_instances(struct core *core)
{
    struct membership *m = core->membership;
    self_move(core, MEMBERSHIP_CLEARING);
    heartbeat_forget(core);
    if (MUTANT(ANEW_UNCLEARED)) {
        self_move(core, MEMBERSHIP_BEGINNING);
        return;
    }
    m->kill_id = core_act(core, ACTION_VM_KILL_ALL)->id;
}

/* Whether nothing that exists here can surprise us: a host that has not joined in this boot looks
 * first, if libvirt answers. */
static bool has_looked(const struct core *core)
{
    const struct record *alive = self_alive_record(core);
    bool has_joined =
        core->config.joined_incarnation != 0 || (alive && self_is_this_boot(core, alive));
    return has_joined || local_vms_are_listed(core) || core->membership->has_no_hypervisor;
}

static void join(struct core *core)
{
    const struct record *alive = self_alive_record(core);
    bool is_same_boot = alive && self_is_this_boot(core, alive);
    uint64_t fenced = self_fenced_incarnation(core);
    if (!core_is_readable(core, RECORD_NODE_ALIVE, self_name(core)) ||
        !core_is_readable(core, RECORD_NODE_FENCE, self_name(core)) ||
        !core_is_readable(core, RECORD_FORMAT, "")) {
        return; /* the journal says that they cannot be read */
    }
    if (!has_looked(core)) {
        return;
    }
    if (contradiction_is_there(core)) {
        self_move(core, MEMBERSHIP_CONTRADICTED);
        return;
    }
    if (!founding_is_done(core)) {
        return;
    }
    heartbeat_hurry(core);
    self_has_joined(core);
    self_take_cluster(core, founding_cluster(core));
    /* The same boot, not declared off: its VMs are the ones that the store knows, and berthd alone
     * was away. They are adopted, not ended. */
    if (is_same_boot && alive->alive->incarnation > fenced) {
        self_take_incarnation(core, alive->alive->incarnation);
        heartbeat_adopt(core, alive);
        self_move(core, MEMBERSHIP_MEMBER);
        core_note(core, NOTE_NODE_REJOINED, self_name(core))->count = self_incarnation(core);
        return;
    }
    if (is_same_boot) {
        core_note(core, NOTE_NODE_WAS_FENCED, self_name(core))->count = fenced;
    }
    clear_instances(core);
}

/*
 * Whether another host, alive, uses our name. The heartbeat of our own last boot stands still; one
 * that moves while we watch is someone's.
 */
static bool is_name_taken(struct core *core)
{
    struct membership *m = core->membership;
    const struct record *alive = self_alive_record(core);
    if (!alive || self_is_this_boot(core, alive) ||
        alive->alive->incarnation <= self_fenced_incarnation(core)) {
        return false;
    }
    msec_t look_ms = 2 * world_settings(&core->world)->heartbeat_ms;
    if (alive->revision != m->foreign_revision) {
        if (m->foreign_revision != 0 && !m->is_foreign_noted) {
            m->is_foreign_noted = true;
            (void)facts_set(core_note(core, NOTE_NAME_TAKEN, self_name(core)), NULL,
                            alive->alive->boot_id, NULL);
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

/* All that ran here is gone: CLEARING ends only with the answer that nothing is left. Or all of it
 * came from other hosts (join_with_visitors()). */
static void membership_begin(struct core *core)
{
    struct membership *m = core->membership;
    assert(m->kill_id == 0 || MUTANT(ANEW_UNCLEARED));
    if (core->now_ms >= m->empty_pet_ms) {
        arming_pet(core, MSEC_NEVER); /* nothing of ours runs here: staying alive harms no one */
        m->empty_pet_ms = core->now_ms + world_settings(&core->world)->heartbeat_ms;
    }
    core_wake(core, m->empty_pet_ms);
    if (founding_refusal(core) != CAUSE_NONE && contradiction_is_there(core)) {
        self_move(core, MEMBERSHIP_CONTRADICTED);
        return;
    }
    if (is_name_taken(core) || !founding_is_done(core)) {
        return;
    }
    self_take_cluster(core, founding_cluster(core));
    if (!heartbeat_is_due(core)) {
        heartbeat_wake(core);
        return;
    }
    if (!heartbeat_is_settled(core)) {
        return; /* its answer, or the world, wakes us */
    }
    const struct record *alive = self_alive_record(core);
    /* Later than all that others know of us, so that what they know proves the VMs of before gone.
     */
    uint64_t before = MAX(alive ? alive->alive->incarnation : 0, self_fenced_incarnation(core));
    self_take_incarnation(core, before + 1);
    if (!agent_gpu_tell(core)) {
        return; /* first what this host has now: then VMs can be placed here at once */
    }
    heartbeat_begin(core, alive ? alive->revision : 0);
}

static bool is_fenced(const struct core *core)
{
    return self_fenced_incarnation(core) >= self_incarnation(core);
}

static void note_usurper(struct core *core)
{
    const struct record *alive = self_alive_record(core);
    core->membership->is_foreign_noted = true;
    facts_set(core_note(core, NOTE_NAME_USURPED, self_name(core)), NULL, alive->alive->boot_id,
              NULL)
        ->count = alive->alive->incarnation;
}

/* A member's. False: it is none any more. */
static bool keep_alive(struct core *core)
{
    bool must_end = false;
    if (contradiction_is_there(core)) { /* first: another cluster's fence record is no order */
        self_move(core, MEMBERSHIP_CONTRADICTED);
        return false;
    }
    if (is_fenced(core)) {
        (void)core_note(core, NOTE_FENCED, self_name(core));
        must_end = true;
    } else if (heartbeat_is_usurped(core)) {
        note_usurper(core); /* others may take that for a proof that our VMs are gone */
        must_end = true;
    } else if (shutdown_must_end(core)) {
        (void)core_note(core, NOTE_SHUTDOWN_LIMIT, self_name(core));
        must_end = true;
    } else {
        heartbeat_learn(core);
        must_end = heartbeat_must_stop(core);
    }
    if (must_end) {
        clear_instances(core);
        return false;
    }
    heartbeat_step(core);
    (void)founding_is_done(core); /* if someone deleted it alone, it is as it was */
    return true;
}

/*
 * What exists here was begun by other hosts, so a new incarnation of this one says nothing about it
 * and need not end it: joining takes no clearing. The others must hear of it soon: the proof that
 * its own host is gone does not know that it left.
 */
static void join_with_visitors(struct core *core)
{
    assert(self_incarnation(core) == 0 && core->config.joined_incarnation == 0);
    assert(local_vms_are_listed(core));
    heartbeat_hurry(core);
    self_has_joined(core);
    self_take_cluster(core, founding_cluster(core));
    self_move(core, MEMBERSHIP_BEGINNING);
    agent_receive(core);
    core_wake(core, core->now_ms);
}

static void contradicted(struct core *core)
{
    switch (contradiction_step(core)) {
    case CONTRADICTION_STAYS:
        if (heartbeat_must_stop(core)) {
            clear_instances(core);
        }
        break;
    case CONTRADICTION_CLEAR:
        clear_instances(core);
        break;
    case CONTRADICTION_ADOPT:
        self_move(core, MEMBERSHIP_MEMBER);
        heartbeat_hurry(core);
        peer_listen_again(core);
        core_wake(core, core->now_ms); /* nothing else may ever come, should the store be away */
        break;
    case CONTRADICTION_VISIT:
        join_with_visitors(core);
        break;
    }
}

static void clear(struct core *core)
{
    struct membership *m = core->membership;
    local_vms_watch_kills(core);
    if (m->kill_id != 0) {
        return;
    }
    if (core->now_ms >= m->kill_retry_ms) {
        m->kill_id = core_act(core, ACTION_VM_KILL_ALL)->id;
    } else {
        core_wake(core, m->kill_retry_ms);
    }
}

/* One state may lead to the next within one step. */
void membership_step(struct core *core)
{
    if (self_state(core) == MEMBERSHIP_JOINING && core->world.is_complete) {
        join(core);
    }
    if (self_state(core) == MEMBERSHIP_CLEARING) {
        clear(core);
    }
    if (self_state(core) == MEMBERSHIP_BEGINNING) {
        membership_begin(core);
    }
    if (self_state(core) == MEMBERSHIP_MEMBER && keep_alive(core)) {
        arming_step(core, heartbeat_is_heard(core), heartbeat_steady_ms(core) != MSEC_NEVER);
    }
    if (self_state(core) == MEMBERSHIP_CONTRADICTED) {
        contradicted(core);
    }
    shutdown_step(core);
    leaving_step(core);
}

static void kill_all_done(struct core *core, const struct core_event *event)
{
    struct membership *m = core->membership;
    assert(event->id == m->kill_id);
    m->kill_id = 0;
    if (event->result != CORE_DONE) { /* not all gone: the watchdog will end it if we cannot */
        m->kill_retry_ms = core->now_ms + kill_retry_ms;
        return;
    }
    if (self_state(core) == MEMBERSHIP_CLEARING) {
        self_move(core, MEMBERSHIP_BEGINNING);
        heartbeat_hurry(core);
    }
}

void membership_event(struct core *core, const struct core_event *event)
{
    heartbeat_event(core, event);
    arming_event(core, event);
    shutdown_event(core, event);
    leaving_event(core, event);
    contradiction_event(core, event);
    founding_event(core, event);
    if (event->kind == CORE_HYPERVISOR) {
        core->membership->has_no_hypervisor = !event->is_up;
    }
    if (event->kind == CORE_ACTION_DONE && event->id != 0 &&
        event->id == core->membership->kill_id) {
        kill_all_done(core, event);
    }
}
