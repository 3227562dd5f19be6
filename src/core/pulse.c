/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/pulse.h"

#include "core/lead.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/pending.h"
#include "core/summary.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct pulse_writer {
    struct pending pending;
    struct summary_writer summary;
    uint64_t counter;
    msec_t next_ms;
};

bool pulse_init(struct core *core)
{
    core->pulse = calloc(1, sizeof(*core->pulse));
    return core->pulse != NULL;
}

void pulse_done(struct core *core)
{
    if (core->pulse) {
        summary_clear(&core->pulse->summary);
    }
    free(core->pulse);
}

bool pulse_prefers(const struct record *a, const struct record *b)
{
    if (a->inventory->has_store != b->inventory->has_store) {
        return a->inventory->has_store;
    }
    return strcmp(a->key.name, b->key.name) < 0;
}

bool pulse_names(const struct leader_pulse *pulse, const char *node)
{
    VEC_EACH(&pulse->candidates, each) {
        if (strcmp(each->name, node) == 0) {
            return true;
        }
    }
    return false;
}

/* Heard, and meant to stay. Whether it may have VMs does not matter. */
static bool can_watch(const struct core *core, const char *node)
{
    const struct peer *peer = peer_find(core, node);
    return strcmp(node, core->config.node) != 0 && peer_is_up(core, node) && peer &&
           !peer->has_left && !peer->is_going_down;
}

/* Those that were chosen before stay, so that no host comes and goes because of another's name;
 * but a host with a member of the store takes the place of one without. */
static bool is_better(const struct leader_pulse *old, const struct record *a,
                      const struct record *b)
{
    bool was_a = old && pulse_names(old, a->key.name), was_b = old && pulse_names(old, b->key.name);
    if (a->inventory->has_store == b->inventory->has_store && was_a != was_b) {
        return was_a;
    }
    return pulse_prefers(a, b);
}

static const struct record *find_best(const struct core *core, const struct leader_pulse *old,
                                      const struct leader_pulse *chosen)
{
    const struct record *best = NULL;
    WORLD_EACH(&core->world, RECORD_NODE_INVENTORY, each) {
        if (!pulse_names(chosen, (*each)->key.name) && (!best || is_better(old, *each, best)) &&
            can_watch(core, (*each)->key.name)) {
            best = *each;
        }
    }
    return best;
}

/* As many as the setting says, the coordinator counted in. */
static void choose(const struct core *core, const struct leader_pulse *old,
                   struct leader_pulse *ret)
{
    const struct record *best;
    uint32_t most = world_settings(&core->world)->candidates;
    while (ret->candidates.len + 1 < most && (best = find_best(core, old, ret)) != NULL) {
        struct vm_name *place = VEC_ADD(&ret->candidates);
        if (!place) {
            core_out_of_memory();
        }
        memcpy(place->name, best->key.name, sizeof(place->name));
    }
}

void pulse_step(struct core *core)
{
    struct pulse_writer *writer = core->pulse;
    assert(lead_is_ours(core));
    msec_t heartbeat_ms = world_settings(&core->world)->heartbeat_ms;
    pending_tick(core, &writer->pending);
    if (core->now_ms < writer->next_ms) {
        core_wake(core, writer->next_ms);
        return;
    }
    if (!pending_is_idle(core, &writer->pending) || !core_is_readable(core, RECORD_PULSE, "")) {
        return; /* its answer, or the world, wakes us */
    }
    const struct record *old = world_find(&core->world, RECORD_PULSE, "");
    const struct record *leader = world_find(&core->world, RECORD_LEADER, "");
    struct record *pulse = record_new(RECORD_PULSE, NULL, NULL);
    if (!pulse) {
        core_out_of_memory();
    }
    pulse->pulse->term = leader->leader->term;
    pulse->pulse->counter = ++writer->counter;
    choose(core, old ? old->pulse : NULL, pulse->pulse);
    struct txn txn = {0};
    lead_guard(core, &txn);
    if (!MUTANT(PULSE_UNGUARDED)) { /* one whose answer was lost may still come in */
        txn_guard(&txn, &pulse->key, old ? old->revision : 0);
    }
    pulse->pulse->summary = summary_add(core, &writer->summary, leader->leader->term, &txn);
    txn_put(&txn, pulse);
    pending_send(core, &writer->pending, &txn, heartbeat_ms);
    writer->next_ms = core->now_ms + heartbeat_ms;
    core_wake(core, writer->next_ms);
}

void pulse_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind == CORE_TXN_DONE) {
        bool was_dirty = core->is_dirty;
        if (pending_done(core, &core->pulse->pending, event, &outcome)) {
            summary_answered(&core->pulse->summary, outcome == TXN_COMMITTED);
            core->is_dirty = was_dirty; /* no decision depends on it */
        }
    }
}
