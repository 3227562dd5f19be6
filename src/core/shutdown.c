/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/shutdown.h"

#include "core/local_vm.h"
#include "core/heartbeat.h"
#include "core/leaving.h"
#include "core/mutant.h"
#include "core/self.h"

#include <assert.h>
#include <stdlib.h>

/* A host that cannot tell the store anything has nothing to wait for. */
enum { patience_ms = 15000, power_retry_ms = 60000 };

struct shutdown {
    msec_t until_ms;  /* then what is still here is ended */
    msec_t adrift_ms; /* since when it is no member, and has nothing to end; 0: it is or has */
    bool is_ready;
    bool is_told;               /* nothing that is ordered matters any more */
    uint64_t order_incarnation; /* whose order it follows; 0: none */
    uint64_t power_id;
    msec_t power_retry_ms;
    bool is_power_given; /* the host was told to go down */
};

bool shutdown_init(struct core *core)
{
    core->shutdown = calloc(1, sizeof(*core->shutdown));
    return core->shutdown != NULL;
}

static void go_down(struct core *core, enum on_shutdown what)
{
    msec_t limit_ms = world_settings(&core->world)->shutdown_limit_ms;
    core->shutdown->until_ms = core->now_ms + limit_ms;
    self_go_down(core, what);
    heartbeat_hurry(core);
    enum note_code code =
        what == ON_SHUTDOWN_LEAVE ? NOTE_NODE_GOING_DOWN_LEAVE : NOTE_NODE_GOING_DOWN;
    core_note(core, code, self_name(core))->ms = limit_ms;
}

static void power_done(struct core *core, const struct core_event *event)
{
    struct shutdown *s = core->shutdown;
    s->power_id = 0;
    s->is_power_given = event->result == CORE_DONE;
    if (!s->is_power_given) {
        s->power_retry_ms = core->now_ms + power_retry_ms;
        (void)facts_set(core_note(core, NOTE_NODE_POWER_FAILED, self_name(core)), NULL, NULL,
                        event->text);
    }
}

void shutdown_event(struct core *core, const struct core_event *event)
{
    struct shutdown *s = core->shutdown;
    if (event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == s->power_id) {
        power_done(core, event);
    }
    if (event->kind != CORE_SHUTDOWN) {
        return;
    }
    s->is_told = true;
    if (!self_is_going_down(core)) {
        go_down(core, world_settings(&core->world)->on_shutdown);
    }
}

static bool leaves_vms(const struct core *core)
{
    return self_on_shutdown(core) == ON_SHUTDOWN_LEAVE;
}

/* ---- an order ---- */

static bool is_ordered(const struct node_spec *spec, uint64_t incarnation)
{
    return spec->power != NODE_POWER_NONE &&
           (spec->power_incarnation == incarnation || MUTANT(POWER_AGAIN));
}

/* The administrator who orders it wants the host empty, whatever happens when it is shut down on
 * the spot. */
static enum on_shutdown what_of_order(const struct core *core)
{
    enum on_shutdown what = world_settings(&core->world)->on_shutdown;
    return what == ON_SHUTDOWN_LEAVE ? ON_SHUTDOWN_MOVE : what;
}

static void follow_order(struct core *core)
{
    struct shutdown *s = core->shutdown;
    const struct record *record = self_spec_record(core);
    if (s->is_told || !core->world.is_complete ||
        !core_is_readable(core, RECORD_NODE_SPEC, self_name(core))) {
        return;
    }
    if (s->order_incarnation != 0 &&
        (!record || !is_ordered(record->node_spec, s->order_incarnation))) {
        *s = (struct shutdown){0};
        self_stay(core);
        heartbeat_hurry(core);
        (void)core_note(core, NOTE_NODE_STAYS, self_name(core));
    } else if (s->order_incarnation == 0 && record && heartbeat_is_heard(core) &&
               is_ordered(record->node_spec, self_incarnation(core))) {
        s->order_incarnation = self_incarnation(core);
        go_down(core, what_of_order(core));
    }
}

/* Has the host shut down: the rest comes the same way as for anybody who does that. */
static void give_power(struct core *core)
{
    struct shutdown *s = core->shutdown;
    const struct record *record = self_spec_record(core);
    if (s->order_incarnation == 0 || s->is_told || !s->is_ready || s->power_id != 0 ||
        s->is_power_given || !record || self_state(core) != MEMBERSHIP_MEMBER) {
        return;
    }
    if (core->now_ms < s->power_retry_ms) {
        core_wake(core, s->power_retry_ms);
        return;
    }
    /* The order is one of this boot, and no VM of ours is left that it would take down. If ending
     * them took a new incarnation, that is later than the order's. */
    assert(s->order_incarnation <= self_incarnation(core));
    assert(leaves_vms(core) || local_vms_are_over(core) || MUTANT(DOWN_WITH_VMS));
    bool is_reboot = record->node_spec->power == NODE_POWER_REBOOT;
    struct core_action *action = core_act(core, ACTION_POWER);
    action->power = record->node_spec->power;
    s->power_id = action->id;
    (void)core_note(core, is_reboot ? NOTE_NODE_REBOOTING : NOTE_NODE_SHUTTING_DOWN,
                    self_name(core));
}

/* ---- the end ---- */

bool shutdown_must_end(const struct core *core)
{
    bool is_due = core->now_ms >= core->shutdown->until_ms || leaving_is_asked(core);
    return self_is_going_down(core) && !leaves_vms(core) && is_due && !local_vms_are_over(core) &&
           !MUTANT(DOWN_WITH_VMS);
}

/* Whether the store knows what it must about this host. */
static bool is_settled(struct core *core)
{
    struct shutdown *s = core->shutdown;
    switch (self_state(core)) {
    case MEMBERSHIP_MEMBER:
        s->adrift_ms = 0;
        return heartbeat_has_said_descent(core) && (leaves_vms(core) || local_vms_are_over(core));
    case MEMBERSHIP_CLEARING:
        s->adrift_ms = 0;
        return false;
    case MEMBERSHIP_JOINING:
    case MEMBERSHIP_BEGINNING:
        s->adrift_ms = s->adrift_ms == 0 ? core->now_ms : s->adrift_ms;
        if (core->now_ms >= s->adrift_ms + patience_ms) {
            return true;
        }
        core_wake(core, s->adrift_ms + patience_ms);
        return false;
    case MEMBERSHIP_CONTRADICTED: /* its VMs are not ours to touch */
    case MEMBERSHIP_LEAVING:
    case MEMBERSHIP_LEFT:
        return true;
    }
    return true;
}

void shutdown_step(struct core *core)
{
    struct shutdown *s = core->shutdown;
    follow_order(core);
    if (!self_is_going_down(core)) {
        return;
    }
    if (core->now_ms < s->until_ms) {
        core_wake(core, s->until_ms);
    }
    bool was_ready = s->is_ready;
    s->is_ready = is_settled(core);
    if (s->is_ready && !was_ready && self_state(core) == MEMBERSHIP_MEMBER) {
        (void)core_note(core, NOTE_NODE_VACATED, self_name(core));
    }
    give_power(core);
}

uint32_t shutdown_waits(const struct core *core)
{
    uint32_t count = 0;
    uint64_t epoch;
    if (!self_is_going_down(core) || core->shutdown->is_ready) {
        return 0;
    }
    while (local_vm_instance(core, count, &epoch)) {
        count++;
    }
    return MAX(count, 1U);
}
