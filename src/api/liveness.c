/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/liveness.h"

#include "base/parse.h"

#include <assert.h>
#include <string.h>

const struct liveness liveness_none = {.moved_ms = MSEC_NEVER, .watched_ms = MSEC_NEVER};

void liveness_done(struct liveness *liveness)
{
    VEC_DONE(&liveness->nodes);
}

void liveness_reset(struct liveness *liveness)
{
    liveness->has_summary = false;
    liveness->pulse_revision = 0;
}

void liveness_synced(struct liveness *liveness, msec_t now_ms)
{
    if (!liveness->has_summary) {
        liveness->nodes.len = 0;
    }
    if (liveness->watched_ms == MSEC_NEVER) {
        liveness->watched_ms = now_ms;
    }
}

const struct heard *liveness_find(const struct liveness *liveness, const char *node)
{
    size_t place = VEC_BISECT(&liveness->nodes, each, strcmp(each->node, node) < 0);
    bool is_there =
        place < liveness->nodes.len && strcmp(liveness->nodes.items[place].node, node) == 0;
    return is_there ? &liveness->nodes.items[place] : NULL;
}

/* ---- what is told ---- */

/* The first one that is seen may be old: it is a word of the store, not of a coordinator. */
static void observe_pulse(struct liveness *liveness, const struct record *pulse, msec_t now_ms)
{
    if (liveness->pulse_revision != 0 && pulse->revision != liveness->pulse_revision) {
        liveness->moved_ms = now_ms;
    }
    liveness->pulse_revision = pulse->revision;
    liveness->pulse_term = pulse->pulse->term;
    liveness->pulse_summary = pulse->pulse->summary;
}

/* Its last heartbeat, in so far as the summary has it. */
static bool put_heartbeat(struct world *world, const struct heard_host *host)
{
    CLEANUP(record_unrefp)
    struct record *record = record_new(RECORD_NODE_ALIVE, host->name, NULL);
    if (!record) {
        return false;
    }
    record->revision = host->revision;
    *record->alive = (struct node_alive){
        .incarnation = host->incarnation,
        .counter = host->counter,
        .is_watchdog_armed = host->is_watchdog_armed,
        .watchdog_ms = host->watchdog_ms,
        .has_left = host->has_left,
        .is_going_down = host->is_going_down,
        .on_shutdown = host->on_shutdown,
    };
    return world_put(world, record);
}

/* A new coordinator may have listened for a shorter time than the one before. */
static msec_t since(const struct heard *old, const struct heard_host *host, msec_t now_ms)
{
    if (host->pulse != PULSE_SILENT) {
        return MSEC_NEVER;
    }
    bool is_known = old && old->incarnation == host->incarnation && old->told == PULSE_SILENT;
    msec_t since_ms = now_ms - host->silent_ms;
    return is_known ? MIN(old->silent_since_ms, since_ms) : since_ms;
}

static void drop_heartbeats(struct world *world, const struct liveness *liveness,
                            revision_t revision)
{
    for (size_t i = world->records[RECORD_NODE_ALIVE].len; i-- > 0;) {
        const struct record_key key = world->records[RECORD_NODE_ALIVE].items[i]->key;
        if (!liveness_find(liveness, key.name)) {
            world_remove(world, &key, revision);
        }
    }
}

static bool observe_summary(struct liveness *liveness, struct world *world,
                            const struct record *record, msec_t now_ms)
{
    const struct beat_summary *summary = record->summary;
    struct liveness next = *liveness;
    next.nodes = (__typeof__(next.nodes)){0};
    bool is_kept = VEC_RESERVE(&next.nodes, summary->hosts.len);
    for (size_t i = 0; is_kept && i < summary->hosts.len; i++) {
        const struct heard_host *host = &summary->hosts.items[i];
        struct heard *heard = VEC_ADD(&next.nodes);
        assert(heard);
        *heard = (struct heard){
            .told = host->pulse,
            .incarnation = host->incarnation,
            .silent_since_ms = since(liveness_find(liveness, host->name), host, now_ms),
        };
        (void)copy_text(heard->node, sizeof(heard->node), host->name);
        is_kept = put_heartbeat(world, host);
    }
    VEC_DONE(&liveness->nodes);
    next.term = summary->term;
    next.number = summary->number;
    next.has_summary = true;
    *liveness = next;
    drop_heartbeats(world, liveness, record->revision);
    return is_kept;
}

bool liveness_observe(struct liveness *liveness, struct world *world, const struct record *record,
                      msec_t now_ms)
{
    if (record->key.kind == RECORD_PULSE) {
        observe_pulse(liveness, record, now_ms);
    } else if (record->key.kind == RECORD_BEAT_SUMMARY) {
        return observe_summary(liveness, world, record, now_ms);
    }
    return true;
}

/* ---- what follows ---- */

enum pulse liveness_coordinator(const struct liveness *liveness,
                                const struct cluster_settings *settings, msec_t now_ms)
{
    /* So long it takes another host to step in: no reason to call all of them unknown. */
    msec_t limit_ms = settings->leader_silence_ms + 2 * settings->heartbeat_ms;
    bool has_moved = liveness->moved_ms != MSEC_NEVER;
    if (liveness->watched_ms == MSEC_NEVER) {
        return PULSE_UNKNOWN;
    }
    if (now_ms - (has_moved ? liveness->moved_ms : liveness->watched_ms) > limit_ms) {
        return PULSE_SILENT;
    }
    return has_moved ? PULSE_ALIVE : PULSE_UNKNOWN;
}

bool liveness_is_current(const struct liveness *liveness, const struct cluster_settings *settings,
                         msec_t now_ms)
{
    return liveness->has_summary && liveness->pulse_revision != 0 &&
           liveness->pulse_term == liveness->term && liveness->pulse_summary == liveness->number &&
           liveness_coordinator(liveness, settings, now_ms) == PULSE_ALIVE;
}

enum pulse liveness_pulse(const struct liveness *liveness, const char *node,
                          const struct cluster_settings *settings, msec_t now_ms,
                          msec_t *ret_silent_ms)
{
    const struct heard *heard = liveness_find(liveness, node);
    *ret_silent_ms = 0;
    if (!liveness_is_current(liveness, settings, now_ms)) {
        return PULSE_UNKNOWN;
    }
    if (heard && heard->told == PULSE_SILENT) {
        *ret_silent_ms = now_ms - heard->silent_since_ms;
    }
    return heard ? heard->told : PULSE_NONE;
}
