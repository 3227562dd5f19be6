/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/standing.h"

#include "core/lead.h"
#include "core/memory.h"
#include "core/pending.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    window_ms = 60 * 60 * 1000,
    quarantine_ms = 2 * 60 * 60 * 1000,
    refresh_ms = 60 * 1000, /* of a quarantine: what people read is at most so old */
    write_limit_ms = 3000,
    one_in = 5,
};

/* Counts from now on, if that revision is a new one. */
static void time_from_now(const struct core *core, struct peer *peer, const struct record *record)
{
    if (record->revision != peer->standing_revision) {
        peer->standing_revision = record->revision;
        peer->standing_ms = core->now_ms;
    }
}

static void seen(struct core *core, const struct record *record)
{
    struct peer *peer = peer_find(core, record->key.name);
    if (!peer) {
        return; /* no heartbeat of it is there yet */
    }
    bool is_quarantined = world_is_quarantined(&core->world, peer->name);
    time_from_now(core, peer, record);
    if (is_quarantined && !peer->is_quarantined && lead_is_ours(core)) {
        (void)core_note(core, NOTE_NODE_QUARANTINED, peer->name);
    }
    if (!is_quarantined && peer->is_quarantined && lead_is_ours(core)) {
        (void)core_note(core, NOTE_NODE_TRUSTED, peer->name);
    }
    peer->is_quarantined = is_quarantined;
}

/* Whether 's' says that turning off that incarnation failed, and for this cause (NULL: for any). */
static bool has_trouble(const struct node_standing *s, uint64_t incarnation,
                        const struct cause *cause)
{
    return s->fence_cause.code != CAUSE_NONE && s->fence_incarnation == incarnation &&
           (!cause || cause_equal(&s->fence_cause, cause));
}

bool standing_has_fence_trouble(const struct core *core, const struct peer *peer)
{
    const struct record *record = world_find(&core->world, RECORD_NODE_STANDING, peer->name);
    return record && has_trouble(record->standing, peer->incarnation, NULL);
}

bool standing_fence_failed(struct core *core, struct peer *peer, const struct cause *cause)
{
    const struct record *record = world_find(&core->world, RECORD_NODE_STANDING, peer->name);
    peer->has_fence_news = true;
    peer->fence_news_incarnation = peer->power_incarnation;
    peer->fence_news = *cause;
    return !record || !has_trouble(record->standing, peer->power_incarnation, cause);
}

/* ---- edits of a draft: each says whether it changed anything ---- */

/* Time has passed since it was written; what is over is dropped. */
static bool age(struct node_standing *s, msec_t passed_ms)
{
    bool has_changed = false;
    uint32_t len = s->began_len;
    for (uint32_t i = 0; i < len; i++) {
        s->began_ago_ms[i] += passed_ms;
        if (s->began_ago_ms[i] > window_ms) {
            s->began_len = MIN(s->began_len, i); /* and all behind it */
            has_changed = true;
        }
    }
    for (uint32_t i = s->began_len; i < len; i++) {
        s->began_ago_ms[i] = 0;
    }
    if (s->quarantine_ms > 0) {
        has_changed |= passed_ms >= MIN(s->quarantine_ms, (msec_t)refresh_ms);
        s->quarantine_ms = MAX(s->quarantine_ms - passed_ms, (msec_t)0);
    }
    return has_changed;
}

static bool count_beginning(const struct core *core, const struct peer *peer, uint64_t incarnation,
                            struct node_standing *s)
{
    if (incarnation <= s->incarnation) {
        return false;
    }
    msec_t lost_ms = peer_lost_ms(peer, s->incarnation);
    bool is_orderly = peer_went_down(peer, s->incarnation);
    s->incarnation = incarnation;
    if (is_orderly || peer_lost_others(core, peer, lost_ms) ||
        world_is_disarmed(&core->world, NULL)) {
        return true; /* hosts that people work on are no trouble */
    }
    memmove(&s->began_ago_ms[1], &s->began_ago_ms[0],
            sizeof(s->began_ago_ms) - sizeof(s->began_ago_ms[0]));
    s->began_ago_ms[0] = 0;
    s->began_len = MIN(s->began_len + 1, (uint32_t)ARRAY_LEN(s->began_ago_ms));
    return true;
}

/* What is on its way for another host is awaited: it may be a quarantine. */
static bool may_quarantine(const struct core *core)
{
    size_t count = 0, len = core->peers->list.len;
    VEC_EACH(&core->peers->list, peer) {
        if (!pending_is_idle(core, &peer->standing)) {
            return false;
        }
        count += world_is_quarantined(&core->world, peer->name);
    }
    return len >= 3 && count < MAX(len / one_in, (size_t)1);
}

static void forget_beginnings(struct node_standing *s)
{
    s->began_len = 0;
    memset(s->began_ago_ms, 0, sizeof(s->began_ago_ms));
}

/* A host that keeps restarting gets no VMs for a while. It may be wrong, because it costs only
 * room: what runs there runs on, and at most one host in 'one_in' is judged so. */
static bool judge(const struct core *core, const struct record *spec, struct node_standing *s)
{
    uint64_t revision = spec ? (uint64_t)spec->revision : 0;
    if (s->spec_revision != revision) {
        s->spec_revision = revision;
        s->quarantine_ms = 0;
        forget_beginnings(s);
        return true;
    }
    if (s->quarantine_ms > 0 || s->began_len < ARRAY_LEN(s->began_ago_ms) ||
        !may_quarantine(core)) {
        return false;
    }
    forget_beginnings(s);
    s->quarantine_ms = quarantine_ms;
    return true;
}

/* The trouble of turning it off: news of it, or its end, when the node lives on or is proven off.
 */
static bool take_fence_news(struct peer *peer, bool is_over, struct node_standing *s)
{
    bool is_news = peer->has_fence_news && !is_over &&
                   !has_trouble(s, peer->fence_news_incarnation, &peer->fence_news);
    peer->has_fence_news = false;
    if (is_news) {
        s->fence_incarnation = peer->fence_news_incarnation;
        s->fence_cause = peer->fence_news;
        return true;
    }
    if (is_over && s->fence_cause.code != CAUSE_NONE) {
        s->fence_incarnation = 0;
        s->fence_cause = (struct cause){0};
        return true;
    }
    return false;
}

/* ---- */

/* When what the record says changes by itself. */
static void wake(struct core *core, const struct peer *peer, const struct node_standing *s)
{
    if (s->quarantine_ms > 0) {
        core_wake(core, peer->standing_ms + MIN(s->quarantine_ms, (msec_t)refresh_ms));
    }
    if (s->began_len > 0) {
        core_wake(core, peer->standing_ms + window_ms - s->began_ago_ms[s->began_len - 1] + 1);
    }
}

static void write_standing(struct core *core, struct peer *peer, const struct record *old,
                           const struct node_standing *standing)
{
    /* Two counters of the same restarts would quarantine a host that restarted half as often. */
    assert(lead_is_ours(core) && pending_is_idle(core, &peer->standing));
    assert(standing->began_len <= ARRAY_LEN(standing->began_ago_ms));
    struct record *next = record_new(RECORD_NODE_STANDING, peer->name, NULL);
    struct txn txn = {0};
    if (!next) {
        core_out_of_memory();
    }
    *next->standing = *standing;
    lead_guard(core, &txn);
    txn_guard(&txn, &next->key, old ? old->revision : 0);
    txn_put(&txn, next);
    pending_send(core, &peer->standing, &txn, write_limit_ms);
}

static void tend(struct core *core, struct peer *peer, const struct record *alive,
                 const struct record *old, const struct record *spec)
{
    pending_tick(core, &peer->standing);
    if (!alive || !pending_is_idle(core, &peer->standing) ||
        !core_is_readable(core, RECORD_NODE_STANDING, peer->name)) {
        return;
    }
    struct node_standing s = old ? *old->standing : (struct node_standing){0};
    bool has_changed = !old;
    if (old) {
        time_from_now(core, peer, old);
        has_changed = age(&s, core->now_ms - peer->standing_ms);
    } else {
        s.incarnation = alive->alive->incarnation;
    }
    has_changed |= count_beginning(core, peer, alive->alive->incarnation, &s);
    has_changed |= judge(core, spec, &s);
    has_changed |= take_fence_news(peer, peer_is_settled(core, peer), &s);
    if (has_changed) {
        write_standing(core, peer, old, &s);
    } else {
        wake(core, peer, old->standing);
    }
}

void standing_step(struct core *core)
{
    const struct world *world = &core->world;
    size_t alive = 0, old = 0,
           spec = 0; /* all are by name: a coordinator looks at each heartbeat */
    VEC_EACH(&core->peers->list, peer) {
        tend(core, peer, world_walk(world, RECORD_NODE_ALIVE, peer->name, &alive),
             world_walk(world, RECORD_NODE_STANDING, peer->name, &old),
             world_walk(world, RECORD_NODE_SPEC, peer->name, &spec));
    }
}

void standing_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind == CORE_STORE_RECORD && event->record->key.kind == RECORD_NODE_STANDING) {
        seen(core, event->record);
    }
    if (event->kind != CORE_TXN_DONE) {
        return;
    }
    VEC_EACH(&core->peers->list, peer) {
        (void)pending_done(core, &peer->standing, event, &outcome);
    }
}
