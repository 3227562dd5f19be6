/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/leaving.h"

#include "core/local_vm.h"
#include "core/heartbeat.h"
#include "core/mutant.h"
#include "core/self.h"
#include "core/arming.h"

#include <assert.h>
#include <stdlib.h>

enum {
    tries_max = 3,
    /* For the VMs of a host that goes down to be ended. The unit's TimeoutStopSec is longer. */
    patience_ms = 60000,
};

struct leaving {
    uint32_t tries;
    bool is_asked;
    msec_t asked_ms;
};

bool leaving_init(struct core *core)
{
    core->leaving = calloc(1, sizeof(*core->leaving));
    return core->leaving != NULL;
}

static void leave(struct core *core)
{
    assert(core->leaving->is_asked); /* berthd never goes by itself: its VMs would be unwatched */
    self_move(core, MEMBERSHIP_LEFT);
    core_act_quietly(core, ACTION_LEAVE);
}

bool leaving_is_asked(const struct core *core)
{
    return core->leaving->is_asked;
}

/* A host that goes down says farewell without a VM: membership.c ends what there is. */
static bool is_encumbered(const struct core *core)
{
    enum membership_state state = self_state(core);
    return self_is_going_down(core) && self_on_shutdown(core) != ON_SHUTDOWN_LEAVE &&
           ((state == MEMBERSHIP_MEMBER && !local_vms_are_over(core) && !MUTANT(DOWN_WITH_VMS)) ||
            state == MEMBERSHIP_CLEARING || state == MEMBERSHIP_BEGINNING);
}

static void leaving_begin(struct core *core)
{
    struct leaving *leaving = core->leaving;
    enum membership_state state = self_state(core);
    if (!leaving->is_asked || state == MEMBERSHIP_LEAVING || state == MEMBERSHIP_LEFT) {
        return;
    }
    msec_t until_ms = leaving->asked_ms + patience_ms;
    if (is_encumbered(core) && (state == MEMBERSHIP_MEMBER || core->now_ms < until_ms)) {
        if (core->now_ms < until_ms) {
            core_wake(core, until_ms);
        }
        return;
    }
    if (state != MEMBERSHIP_MEMBER) {
        leave(core);
        return;
    }
    self_move(core, MEMBERSHIP_LEAVING);
    heartbeat_forget(core);
}

void leaving_event(struct core *core, const struct core_event *event)
{
    if (event->kind == CORE_LEAVE && !core->leaving->is_asked) {
        core->leaving->is_asked = true;
        core->leaving->asked_ms = core->now_ms;
        leaving_begin(core);
    }
}

/* "Not armed" must be in the store before the watchdog is let go; if that cannot be had it is kept,
 * and anyone who stops berthd has the watchdog's time to start it again. */
void leaving_step(struct core *core)
{
    leaving_begin(core);
    if (self_state(core) != MEMBERSHIP_LEAVING) {
        return;
    }
    if (heartbeat_has_said_goodbye(core) || MUTANT(DISARM_SILENTLY)) {
        arming_let_go(core);
        leave(core);
        return;
    }
    if (!heartbeat_is_idle(core)) {
        return; /* its answer wakes us */
    }
    if (core->leaving->tries++ >= tries_max) {
        (void)core_note(core, NOTE_LEFT_ARMED, self_name(core));
        leave(core);
        return;
    }
    heartbeat_learn(core);
    heartbeat_send(core);
}
