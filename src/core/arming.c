/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/arming.h"

#include "core/mutant.h"
#include "core/self.h"

#include "base/sm.h"

#include <assert.h>
#include <stdlib.h>

ENUM_DEFINE(arming_state, ARMING_LIST)

enum { arm_retry_ms = 10000 };

struct arming {
    enum arming_state state;
    msec_t armed_ms;     /* its time-out while it is held, or is being armed */
    bool is_armed_sent;  /* what the heartbeat in flight tells the others */
    bool is_armed_known; /* what they may have read last */
    uint64_t arm_id;
    msec_t arm_retry_ms;
    msec_t idle_pet_ms; /* when to pet one that is not armed */
};

static const sm_moves_t moves[arming_state_count] = {
    [ARMING_ABSENT] = SM_TO(ARMING_IDLE) | SM_TO(ARMING_ARMED),
    [ARMING_IDLE] = SM_TO(ARMING_BEGUN),
    [ARMING_BEGUN] = SM_TO(ARMING_ARMED) | SM_TO(ARMING_IDLE),
    [ARMING_ARMED] = SM_TO(ARMING_RELEASING),
    [ARMING_RELEASING] = SM_TO(ARMING_IDLE),
};

static void move(struct arming *arming, enum arming_state to)
{
    SM_MOVE(&arming->state, moves, to);
}

bool arming_init(struct core *core)
{
    core->arming = calloc(1, sizeof(*core->arming));
    return core->arming != NULL;
}

bool arming_is_armed(const struct core *core)
{
    return core->arming->state == ARMING_ARMED;
}

msec_t arming_armed_ms(const struct core *core)
{
    return arming_is_armed(core) ? core->arming->armed_ms : 0;
}

bool arming_is_held(const struct core *core)
{
    return core->arming->state == ARMING_ARMED || core->arming->state == ARMING_RELEASING;
}

void arming_pet(struct core *core, msec_t deadline_ms)
{
    if (core->arming->state != ARMING_ABSENT) {
        struct core_action *action = core_act(core, ACTION_WATCHDOG_PET);
        action->id = 0;
        action->deadline_ms = MUTANT(PET_LATE) ? MSEC_NEVER : deadline_ms;
    }
}

void arming_is_told(struct core *core, bool is_armed)
{
    struct arming *a = core->arming;
    a->is_armed_sent = is_armed;
    a->is_armed_known |= is_armed; /* it may be read, answered or not, until an unarmed one is */
}

void arming_is_known(struct core *core)
{
    struct arming *a = core->arming;
    a->is_armed_known = a->is_armed_sent; /* as of when it was sent, not as it would be now */
}

void arming_let_go(struct core *core)
{
    struct arming *a = core->arming;
    if (!arming_is_held(core)) {
        return;
    }
    if (a->state == ARMING_ARMED) {
        move(a, ARMING_RELEASING);
    }
    assert(!a->is_armed_known || MUTANT(DISARM_SILENTLY) || MUTANT(ARMED_FOR_SHOW));
    core_act_quietly(core, ACTION_WATCHDOG_DISARM);
    move(a, ARMING_IDLE);
}

static enum fencing fencing_method(const struct core *core)
{
    const struct record *spec = self_spec_record(core);
    return spec ? spec->node_spec->fencing : FENCING_WATCHDOG;
}

/*
 * A watchdog that cannot be stopped (nowayout) ticks on after it was let go. The others know that
 * it proves nothing, so it is petted whether heartbeats are acknowledged or not: otherwise the loss
 * of the store would reset a host that no other has given up. Of one that was stopped nothing is
 * petted.
 */
static void pet_idle(struct core *core)
{
    struct arming *a = core->arming;
    if (a->state != ARMING_IDLE || a->is_armed_known) {
        return;
    }
    if (core->now_ms >= a->idle_pet_ms) {
        a->idle_pet_ms = core->now_ms + world_settings(&core->world)->heartbeat_ms;
        arming_pet(core, MSEC_NEVER);
    }
    core_wake(core, a->idle_pet_ms);
}

void arming_step(struct core *core, bool has_ack, bool is_steady)
{
    struct arming *a = core->arming;
    if (!core->world.is_complete) {
        return; /* what is wanted is not known while a snapshot comes in */
    }
    bool is_wanted = fencing_method(core) == FENCING_WATCHDOG && a->state != ARMING_ABSENT &&
                     !core_is_disarmed(core);
    msec_t wanted_ms = is_wanted ? world_settings(&core->world)->watchdog_ms : 0;
    if (a->state == ARMING_ARMED && a->armed_ms != wanted_ms) {
        /* First the others hear it, then the watchdog is let go, then perhaps armed with another
         * time: arming pets it, and may fail. */
        move(a, ARMING_RELEASING);
    }
    if (a->state == ARMING_RELEASING && has_ack && !a->is_armed_known) {
        arming_let_go(core);
    }
    if (!is_wanted && has_ack) {
        pet_idle(core);
    }
    if (!is_wanted || !is_steady || a->state != ARMING_IDLE) {
        return;
    }
    if (core->now_ms < a->arm_retry_ms) {
        core_wake(core, a->arm_retry_ms);
        return;
    }
    assert(has_ack && a->arm_id == 0); /* it ticks at once, so our heartbeats must be heard */
    struct core_action *action = core_act(core, ACTION_WATCHDOG_ARM);
    action->limit_ms = wanted_ms;
    a->arm_id = action->id;
    a->armed_ms = wanted_ms;
    move(a, ARMING_BEGUN);
}

static void arm_done(struct core *core, const struct core_event *event)
{
    struct arming *a = core->arming;
    assert(a->state == ARMING_BEGUN && a->armed_ms > 0);
    const char *node = core->config.node;
    a->arm_id = 0;
    if (event->result == CORE_DONE) {
        move(a, ARMING_ARMED);
        core_note(core, NOTE_WATCHDOG_ARMED, node)->ms = a->armed_ms;
        return;
    }
    move(a, ARMING_IDLE);
    a->arm_retry_ms = core->now_ms + arm_retry_ms;
    (void)facts_set(core_note(core, NOTE_WATCHDOG_NOT_ARMED, node), NULL, NULL, event->text);
}

/* Comes once, before anything else is known of it. */
static void found(struct arming *a, const struct core_event *event)
{
    if (!event->is_up) {
        assert(a->state == ARMING_ABSENT);
        return;
    }
    a->armed_ms = event->span_ms;
    move(a, event->span_ms > 0 ? ARMING_ARMED : ARMING_IDLE);
}

void arming_event(struct core *core, const struct core_event *event)
{
    struct arming *a = core->arming;
    if (event->kind == CORE_WATCHDOG_FOUND) {
        found(a, event);
    } else if (event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == a->arm_id) {
        arm_done(core, event);
    }
}
