/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/leaving.h"

#include "core/heartbeat.h"
#include "core/mutant.h"
#include "core/self.h"
#include "core/arming.h"

#include <stdlib.h>

enum { tries_max = 3 };

struct leaving {
    uint32_t tries;
};

bool leaving_init(struct core *core)
{
    core->leaving = calloc(1, sizeof(*core->leaving));
    return core->leaving != NULL;
}

static void leave(struct core *core)
{
    self_move(core, MEMBERSHIP_LEFT);
    core_act_quietly(core, ACTION_LEAVE);
}

void leaving_event(struct core *core, const struct core_event *event)
{
    enum membership_state state = self_state(core);
    if (event->kind != CORE_LEAVE || state == MEMBERSHIP_LEAVING || state == MEMBERSHIP_LEFT) {
        return;
    }
    if (state != MEMBERSHIP_MEMBER) {
        leave(core);
        return;
    }
    self_move(core, MEMBERSHIP_LEAVING);
    heartbeat_forget(core);
}

/* "Not armed" must be in the store before the watchdog is let go; if that cannot be had it is kept,
 * and whoever stops berthd has the watchdog's time to start it again. */
void leaving_step(struct core *core)
{
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
