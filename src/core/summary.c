/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/summary.h"

#include "core/beats.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/peer.h"

#include <assert.h>
#include <string.h>

static enum pulse pulse_of(const struct core *core, const char *node, msec_t silent_ms)
{
    const struct peer *peer = peer_find(core, node);
    if (strcmp(node, core->config.node) == 0) {
        return PULSE_ALIVE;
    }
    if (silent_ms >= world_settings(&core->world)->leader_silence_ms) {
        return PULSE_SILENT;
    }
    return peer && peer->has_beat ? PULSE_ALIVE : PULSE_UNKNOWN;
}

static struct heard_host describe(const struct core *core, const struct record *alive)
{
    const struct node_alive *beat = alive->alive;
    msec_t silent_ms = peer_silence(core, alive->key.name);
    struct heard_host host = {
        .pulse = pulse_of(core, alive->key.name, silent_ms),
        .revision = alive->revision,
        .incarnation = beat->incarnation,
        .counter = beat->counter,
        .is_watchdog_armed = beat->is_watchdog_armed,
        .watchdog_ms = beat->watchdog_ms,
        .has_left = beat->has_left,
        .is_going_down = beat->is_going_down,
        .on_shutdown = beat->on_shutdown,
    };
    memcpy(host.name, alive->key.name, sizeof(host.name));
    if (host.pulse == PULSE_SILENT && silent_ms != MSEC_NEVER) {
        host.silent_ms = silent_ms;
    }
    return host;
}

/* Whether 'a' still says what there is to say; each heartbeat of a host that is heard is not. */
static bool holds(const struct heard_host *a, const struct heard_host *now)
{
    bool is_moving = now->pulse != PULSE_SILENT && !now->has_left;
    return strcmp(a->name, now->name) == 0 && a->pulse == now->pulse &&
           a->incarnation == now->incarnation && (is_moving || a->revision == now->revision) &&
           a->is_watchdog_armed == now->is_watchdog_armed && a->watchdog_ms == now->watchdog_ms &&
           a->has_left == now->has_left && a->is_going_down == now->is_going_down &&
           a->on_shutdown == now->on_shutdown;
}

static bool is_same(const struct beat_summary *old, const struct beat_summary *now)
{
    bool is_same = old->term == now->term && old->hosts.len == now->hosts.len;
    for (size_t i = 0; is_same && i < now->hosts.len; i++) {
        is_same = holds(&old->hosts.items[i], &now->hosts.items[i]);
    }
    return is_same;
}

static struct record *make(const struct core *core, uint64_t term)
{
    struct record *summary = record_new(RECORD_BEAT_SUMMARY, NULL, NULL);
    if (!summary ||
        !VEC_RESERVE(&summary->summary->hosts, core->world.records[RECORD_NODE_ALIVE].len)) {
        core_out_of_memory();
    }
    summary->summary->term = term;
    WORLD_EACH(&core->world, RECORD_NODE_ALIVE, each) {
        if (summary->summary->hosts.len == nodes_max) {
            break; /* no record takes more: better those than no pulse */
        }
        *VEC_ADD(&summary->summary->hosts) = describe(core, *each);
    }
    return summary;
}

uint64_t summary_add(struct core *core, struct summary_writer *writer, uint64_t term,
                     struct txn *txn)
{
    assert((beats_are_watched(core) || MUTANT(LEADS_UNWATCHED)) && !writer->sent);
    CLEANUP(record_unrefp) struct record *summary = make(core, term);
    if (writer->told && (is_same(writer->told->summary, summary->summary) ||
                         (MUTANT(SUMMARY_ONCE) && writer->told->summary->term == term))) {
        return writer->told->summary->number;
    }
    summary->summary->number = ++writer->number;
    writer->sent = record_ref(summary);
    txn_put(txn, TAKE(summary));
    return writer->number;
}

void summary_answered(struct summary_writer *writer, bool is_written)
{
    if (!writer->sent) {
        return;
    }
    record_unref(writer->told);
    writer->told = is_written ? record_ref(writer->sent) : NULL;
    record_unref(writer->sent);
    writer->sent = NULL;
}

void summary_clear(struct summary_writer *writer)
{
    record_unref(writer->told);
    record_unref(writer->sent);
    *writer = (struct summary_writer){.number = writer->number};
}
