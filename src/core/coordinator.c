/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/coordinator.h"

#include "core/fencing.h"
#include "core/lead.h"
#include "core/peer.h"
#include "core/pulse.h"
#include "core/removal.h"
#include "core/standing.h"
#include "core/sweep.h"

void coordinator_event(struct core *core, const struct core_event *event)
{
    peer_event(core, event);
    fencing_event(core, event);
    standing_event(core, event);
    lead_event(core, event);
    pulse_event(core, event);
    removal_event(core, event);
    sweep_event(core, event);
}

void coordinator_step(struct core *core)
{
    peer_step(core, lead_is_ours(core));
    lead_step(core);
    if (!lead_is_ours(core)) {
        return;
    }
    pulse_step(core);
    fencing_step(core);
    standing_step(core);
    removal_step(core);
    sweep_step(core);
}
