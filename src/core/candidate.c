/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/candidate.h"

#include "core/beats.h"
#include "core/founding.h"
#include "core/heartbeat.h"
#include "core/mutant.h"
#include "core/pulse.h"
#include "core/self.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* So long a host goes on watching after it need not: each change is a new picture of the store. */
enum { linger_ms = 10000, doublings_max = 20 };

struct candidate {
    msec_t until_ms; /* not needed since linger_ms before that; 0: needed */
};

bool candidate_init(struct core *core)
{
    core->candidate = calloc(1, sizeof(*core->candidate));
    return core->candidate != NULL;
}

/* How many hosts that may be there come before us; UINT64_MAX: the store does not know us yet. */
static uint64_t rank(const struct core *core)
{
    const struct record *own = self_inventory_record(core);
    uint64_t before = 0;
    if (!own) {
        return UINT64_MAX;
    }
    WORLD_EACH(&core->world, RECORD_NODE_INVENTORY, each) {
        before +=
            pulse_prefers(*each, own) &&
            !world_is_proven_off(&core->world, (*each)->key.name, (*each)->inventory->incarnation);
    }
    return before;
}

/*
 * How many hosts are to watch without being named, because no coordinator is heard. Counted only
 * while the store takes our own heartbeats: otherwise it is the store that is silent, and when it
 * comes back all hosts would read all of it at once.
 */
static uint64_t unnamed(struct core *core, const struct record *pulse)
{
    const struct cluster_settings *settings = world_settings(&core->world);
    msec_t steady_ms = heartbeat_steady_ms(core);
    if (steady_ms == MSEC_NEVER || MUTANT(CANDIDATES_ONLY)) {
        return 0;
    }
    msec_t since_ms = MAX(beats_pulse_ms(core), steady_ms);
    assert(since_ms <= core->now_ms);
    msec_t times = (core->now_ms - since_ms) / settings->leader_silence_ms;
    if (!beats_are_asked(core)) {
        core_wake(core, since_ms + (times + 1) * settings->leader_silence_ms);
    }
    if (pulse && times == 0) {
        return 0;
    }
    return (uint64_t)settings->candidates << MIN(times, (msec_t)doublings_max);
}

static bool is_needed(struct core *core)
{
    const struct record *leader = world_find(&core->world, RECORD_LEADER, "");
    const struct record *pulse = world_find(&core->world, RECORD_PULSE, "");
    /* Whether the store has gone back, or is another's, is seen by everything that is in it. */
    if (self_state(core) == MEMBERSHIP_CONTRADICTED || !founding_cluster(core) ||
        heartbeat_is_doubted(core)) {
        return true;
    }
    if (!heartbeat_is_heard(core)) {
        return beats_are_asked(core); /* it cannot coordinate, and need not change anything */
    }
    if ((leader && strcmp(leader->leader->node, core->config.node) == 0) ||
        (pulse && pulse_names(pulse->pulse, core->config.node))) {
        return true;
    }
    uint64_t most = unnamed(core, pulse);
    return most > 0 && rank(core) < most;
}

void candidate_step(struct core *core)
{
    struct candidate *candidate = core->candidate;
    if (is_needed(core)) {
        candidate->until_ms = 0;
        beats_ask(core, true);
    } else if (beats_are_asked(core)) {
        candidate->until_ms =
            candidate->until_ms == 0 ? core->now_ms + linger_ms : candidate->until_ms;
        if (core->now_ms >= candidate->until_ms) {
            beats_ask(core, false);
        } else {
            core_wake(core, candidate->until_ms);
        }
    }
}
