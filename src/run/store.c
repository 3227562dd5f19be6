/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stream: snapshot, watch, freshness. Transactions are in store_txn.c.
 *
 * Longer than most: which keys are watched, how they are read and how fresh they are is one state.
 */
#include "run/store_internal.h"

#include "base/buf.h"
#include "base/parse.h"
#include "loop/clock.h"
#include "loop/timer.h"
#include "wire/key.h"
#include "wire/record.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
    stale_limit_default_ms = 2500,
    tick_ms = 250,
    survey_ticks = 120,    /* every half a minute, ... */
    survey_first_tick = 8, /* ... but soon after the beginning */
    page_limit_ms = 5000,
    pause_first_ms = 100,
    pause_max_ms = 2000,
    bads_max = 1000,
};

#define TELL(store, what, ...)                                                                     \
    do {                                                                                           \
        if ((store)->observer.what) {                                                              \
            (store)->observer.what((store)->userdata, ##__VA_ARGS__);                              \
        }                                                                                          \
    } while (0)

/* ---- fresh and stale ---- */

/* Something was heard that shows the store as it was at 'at_ms'. */
static void mark_fresh(struct store *store, msec_t at_ms)
{
    store->fresh_ms = MAX(store->fresh_ms, at_ms);
    if (store->is_stale && clock_monotonic_ms() - store->fresh_ms <= store->stale_limit_ms) {
        store->is_stale = false;
        TELL(store, stale, false);
    }
}

bool store_is_stale(const struct store *store)
{
    return store->is_stale;
}

const char *store_endpoint(const struct store *store)
{
    return etcd_endpoint(store->etcd);
}

/* ---- bytes to records ---- */

static struct bad *find_bad(struct store *store, const char *key)
{
    VEC_EACH(&store->bads, bad) {
        if (strcmp(bad->key, key) == 0) {
            return bad;
        }
    }
    return NULL;
}

/* Once for each revision, also if it is read again in a later snapshot. */
static void tell_bad(struct store *store, const struct wire_kv *kv, const struct error *error)
{
    char key[wire_key_size];
    (void)snprintf(key, sizeof(key), "%s", kv->key);
    struct bad *bad = find_bad(store, key);
    if (bad && bad->revision == kv->revision) {
        return;
    }
    if (!bad && store->bads.len < bads_max && (bad = VEC_ADD(&store->bads)) != NULL) {
        (void)snprintf(bad->key, sizeof(bad->key), "%s", key);
    }
    if (bad) {
        bad->revision = kv->revision;
    }
    TELL(store, bad, key, kv->revision, error);
}

/* 0 with a record, or -EBADMSG with the key of one that cannot be read. -ENOENT: none of ours, or
 * no one can tell whose; -ENOMEM. */
static int read_record(struct store *store, const struct wire_kv *kv, struct record **ret,
                       struct record_key *ret_key)
{
    struct error error;
    int r = wire_key_parse(store->prefix, kv->key, kv->key_size, ret_key, &error);
    if (r < 0) {
        if (r != -ENOENT) {
            tell_bad(store, kv, &error);
        }
        return -ENOENT;
    }
    r = wire_record_decode(ret_key, kv->value, kv->value_size, ret, &error);
    if (r == 0) {
        (*ret)->revision = kv->revision;
    } else if (r != -ENOMEM) {
        tell_bad(store, kv, &error);
        r = -EBADMSG;
    }
    return r;
}

/* ---- which keys ---- */

/* Heartbeats sort before all others (model/record.h). */
static bool is_apart(const struct store *store, const struct wire_kv *kv)
{
    size_t size = strlen(store->behind_beats);
    int order = memcmp(kv->key, store->behind_beats, MIN(kv->key_size, size));
    return order < 0 || (order == 0 && kv->key_size < size);
}

static bool is_own(const struct store *store, const struct wire_kv *kv)
{
    return kv->key_size == strlen(store->own) && memcmp(kv->key, store->own, kv->key_size) == 0;
}

/* The first key that 'watch' is about. */
static void first_key(const struct store *store, struct buf *ret)
{
    buf_text(ret, store->has_beats ? store->prefix : store->behind_beats);
}

bool store_has_beats(const struct store *store)
{
    return store->had_beats;
}

/* ---- snapshot ---- */

static void resync(struct store *store, msec_t delay_ms);

static void drop_pages(struct store *store)
{
    VEC_EACH(&store->pages, each) {
        record_unref(*each);
    }
    VEC_DONE(&store->pages);
    VEC_DONE(&store->unreadable);
    store->page_keys = 0;
    store->is_short_of_memory = false;
}

/* Decoded as they come, delivered together at the end. */
static void page_arrived(void *userdata, const struct wire_kv *kvs, size_t len)
{
    struct store *store = userdata;
    if (!VEC_RESERVE(&store->pages, store->pages.len + len) ||
        !VEC_RESERVE(&store->unreadable, store->unreadable.len + len)) {
        store->is_short_of_memory = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        struct record *record = NULL;
        struct record_key key;
        bool is_left_out = !store->has_beats && is_apart(store, &kvs[i]);
        store->page_keys += !is_left_out;
        if (is_left_out && !is_own(store, &kvs[i])) {
            continue;
        }
        int r = read_record(store, &kvs[i], &record, &key);
        if (r == 0) {
            *VEC_ADD(&store->pages) = record;
        } else if (r == -EBADMSG) {
            *VEC_ADD(&store->unreadable) = key;
        }
        store->is_short_of_memory |= r == -ENOMEM;
    }
}

static void snapshot_failed(struct store *store, const struct error *error)
{
    drop_pages(store);
    TELL(store, trouble, error);
    resync(store, MIN((msec_t)pause_first_ms << MIN(store->failures, 8U), pause_max_ms));
    store->failures++;
}

static void deliver_snapshot(struct store *store, revision_t revision)
{
    store->had_beats = store->has_beats;
    TELL(store, reset);
    VEC_EACH(&store->pages, each) {
        TELL(store, record, *each);
    }
    VEC_EACH(&store->unreadable, key) {
        TELL(store, unreadable, key);
    }
    store->revision = revision;
    store->key_len = store->page_keys;
    drop_pages(store);
    TELL(store, synced, revision);
}

static void begin_watch(struct store *store);

static void snapshot_done(void *userdata, revision_t revision, const struct error *error)
{
    struct store *store = userdata;
    struct error cause;
    store->is_reading = false;
    if (store->is_outdated) {
        drop_pages(store);
        resync(store, 0);
        return;
    }
    if (!error && store->is_short_of_memory) {
        (void)error_set(&cause, -ENOMEM, "out of memory for a snapshot of the store");
        error = &cause;
    }
    if (error) {
        snapshot_failed(store, error);
        return;
    }
    store->failures = 0;
    deliver_snapshot(store, revision);
    mark_fresh(store, store->snapshot_ms);
    begin_watch(store);
}

static int begin_snapshot(sd_event_source *source, uint64_t usec, void *userdata)
{
    static const struct etcd_snapshot_handler handler = {page_arrived, snapshot_done};
    struct store *store = userdata;
    (void)source;
    (void)usec;
    etcd_watch_free(TAKE(store->watch));
    etcd_watch_free(TAKE(store->own_watch));
    store->is_reading = true;
    store->is_outdated = false;
    store->snapshot_ms = clock_monotonic_ms();
    etcd_snapshot(store->etcd, store->prefix, page_limit_ms, &handler, store);
    return 0;
}

static void resync(struct store *store, msec_t delay_ms)
{
    int r = loop_fire_after(store->event, &store->resync_timer, delay_ms, begin_snapshot, store);
    assert(r >= 0);
}

/* ---- watch ---- */

static void tell_change(struct store *store, const struct wire_kv *kv)
{
    CLEANUP(record_unrefp) struct record *record = NULL;
    struct record_key key;
    if (kv->value) {
        int r = read_record(store, kv, &record, &key);
        if (r == 0) {
            TELL(store, record, record);
        } else if (r == -EBADMSG) {
            TELL(store, unreadable, &key);
        } else if (r == -ENOMEM) {
            resync(store, pause_first_ms);
        }
    } else if (wire_key_parse(store->prefix, kv->key, kv->key_size, &key, NULL) == 0) {
        TELL(store, removed, &key, kv->revision);
    }
}

static void events_arrived(void *userdata, const struct wire_kv *events, size_t len)
{
    struct store *store = userdata;
    for (size_t i = 0; i < len; i++) {
        store->key_len += events[i].version == 1;
        store->key_len -= !events[i].value;
        tell_change(store, &events[i]);
    }
}

static void own_arrived(void *userdata, const struct wire_kv *events, size_t len)
{
    struct store *store = userdata;
    for (size_t i = 0; i < len; i++) {
        tell_change(store, &events[i]);
    }
}

static void progress_arrived(void *userdata, revision_t revision)
{
    struct store *store = userdata;
    store->revision = revision;
    TELL(store, progress, revision);
    mark_fresh(store, clock_monotonic_ms());
}

/* What is told of one key says nothing of the others: they are as new as they were. */
static void own_progressed(void *userdata, revision_t revision)
{
    struct store *store = userdata;
    (void)revision;
    TELL(store, progress, store->revision);
}

static void history_lost(void *userdata, revision_t revision)
{
    struct store *store = userdata;
    struct error error;
    (void)error_set(&error, -ESTALE,
                    "the store has forgotten what was before revision %" PRId64 ", and %" PRId64
                    " is the last one seen: it is read again",
                    revision, store->revision);
    TELL(store, trouble, &error);
    resync(store, 0);
}

static void watch_broke(void *userdata, const struct error *error)
{
    struct store *store = userdata;
    TELL(store, trouble, error);
}

static void begin_watch(struct store *store)
{
    static const struct etcd_watch_handler handler = {events_arrived, progress_arrived,
                                                      history_lost, watch_broke};
    static const struct etcd_watch_handler own_handler = {own_arrived, own_progressed, history_lost,
                                                          watch_broke};
    CLEANUP(buf_done) struct buf first = {0}, end = {0};
    struct error error;
    first_key(store, &first);
    wire_prefix_end(WIRE_BYTES(store->prefix), &end);
    const struct wire_bytes from = {first.data, first.size}, to = {end.data, end.size};
    /* From this key to before the next one that could be. */
    const struct wire_bytes own = WIRE_BYTES(store->own);
    const struct wire_bytes own_end = {store->own, own.size + 1};
    int r = first.failed || end.failed ? error_set(&error, -ENOMEM, "out of memory") : 0;
    if (r == 0) {
        r = etcd_watch_range_new(store->etcd, &from, &to, store->revision + 1, &handler, store,
                                 &store->watch, &error);
    }
    if (r == 0 && !store->has_beats && own.size > 0) {
        r = etcd_watch_range_new(store->etcd, &own, &own_end, store->revision + 1, &own_handler,
                                 store, &store->own_watch, &error);
    }
    if (r < 0) {
        snapshot_failed(store, &error);
    }
}

int store_watch_own(struct store *store, const char *node, struct error *err)
{
    struct record_key key = {.kind = RECORD_NODE_ALIVE};
    if (!copy_text(key.name, sizeof(key.name), node)) {
        return error_set(err, -EINVAL, "%s is no name of a host", node);
    }
    int r = wire_key_format(store->prefix, &key, store->own, err);
    store->has_beats = r < 0;
    return r;
}

void store_watch_summary(struct store *store)
{
    assert(store->own[0] == '\0' && !store->watch);
    store->has_beats = false;
    static const struct record_key summary = {.kind = RECORD_BEAT_SUMMARY};
    struct error error;
    (void)wire_key_format(store->prefix, &summary, store->behind_beats, &error);
}

void store_watch_beats(struct store *store, bool all)
{
    if (store->has_beats == all || store->own[0] == '\0') {
        return;
    }
    store->has_beats = all;
    store->is_outdated = store->is_reading;
    if (!store->is_reading) {
        resync(store, 0);
    }
}

/* ---- silence ---- */

/*
 * A silent watch may mean that nothing changes, or that it is dead. So a majority is asked for its
 * revision. Is it the one that we have, we are fresh. Is it a later one and the watch still tells
 * nothing by the next time, then either other programs write to the same etcd below other prefixes
 * (all of our keys are as many as we know of, and none is newer), or the watch is stuck.
 */

static void compare_keys(void *userdata, const struct etcd_reply *reply)
{
    struct store *store = userdata;
    store->is_asking = false;
    if (reply->outcome != TXN_COMMITTED || !store->watch ||
        store->revision != store->asked_revision) {
        return;
    }
    if (reply->kv_len > 0 || (size_t)reply->count != store->key_len) {
        etcd_watch_restart(store->watch, "it did not tell what a majority knows");
        return;
    }
    store->revision = reply->revision;
    TELL(store, progress, reply->revision);
    mark_fresh(store, store->asked_ms);
}

static void ask_keys(struct store *store)
{
    struct buf first = {0}, end = {0};
    first_key(store, &first);
    wire_prefix_end(WIRE_BYTES(store->prefix), &end);
    const struct wire_range range = {.key = {buf_str(&first), first.size},
                                     .end = {buf_str(&end), end.size},
                                     .revision_min = store->revision + 1,
                                     .limit = 1,
                                     .is_keys_only = true};
    store->is_asking = true;
    etcd_range(store->etcd, &range, store->stale_limit_ms, compare_keys, store);
    buf_done(&first);
    buf_done(&end);
}

static void compare_revision(void *userdata, const struct etcd_reply *reply)
{
    struct store *store = userdata;
    struct error error;
    store->is_asking = false;
    if (reply->outcome != TXN_COMMITTED || !store->watch) {
        return;
    }
    if (reply->revision == store->revision) {
        mark_fresh(store, store->asked_ms);
    } else if (reply->revision < store->revision && store->asked_revision == store->revision) {
        (void)error_set(&error, -ESTALE,
                        "the store went back from revision %" PRId64 " to %" PRId64
                        " (restored from a backup?): it is read again",
                        store->revision, reply->revision);
        TELL(store, trouble, &error);
        resync(store, 0);
    } else if (store->asked_revision == store->revision &&
               (store->late_revision == store->revision || !store->has_beats)) {
        ask_keys(store);
    } else {
        store->late_revision = store->revision;
    }
}

static void ask_revision(struct store *store, msec_t now)
{
    store->is_asking = true;
    store->asked_ms = now;
    store->asked_revision = store->revision;
    etcd_barrier(store->etcd, store->stale_limit_ms, compare_revision, store);
}

static int tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct store *store = userdata;
    msec_t now = clock_monotonic_ms();
    (void)source;
    (void)usec;
    int r = loop_fire_after(store->event, &store->tick_timer, tick_ms, tick, store);
    assert(r >= 0);
    if (store->observer.surveyed && store->ticks++ % survey_ticks == survey_first_tick) {
        etcd_survey(store->etcd);
    }
    if (!store->is_stale && now - store->fresh_ms > store->stale_limit_ms) {
        store->is_stale = true;
        TELL(store, stale, true);
    }
    if (store->watch && !store->is_asking && now - store->fresh_ms > store->stale_limit_ms / 2) {
        ask_revision(store, now);
    }
    return 0;
}

/* ---- whose store ---- */

static void endpoint_is_foreign(void *userdata, const char *endpoint, uint64_t is, uint64_t ours)
{
    struct store *store = userdata;
    TELL(store, foreign, endpoint, is, ours);
}

static void endpoints_changed(void *userdata)
{
    struct store *store = userdata;
    TELL(store, surveyed);
}

bool store_endpoint_state(const struct store *store, size_t i, struct etcd_endpoint_state *ret,
                          bool *ret_is_foreign)
{
    uint64_t ours = etcd_cluster(store->etcd);
    bool is_there = etcd_endpoint_state(store->etcd, i, ret);
    *ret_is_foreign = is_there && ours != 0 && ret->cluster != 0 && ret->cluster != ours;
    return is_there;
}

uint64_t store_cluster(const struct store *store)
{
    return etcd_cluster(store->etcd);
}

bool store_trust_next(struct store *store)
{
    if (!store->is_stale || etcd_foreign_len(store->etcd) == 0) {
        return false;
    }
    etcd_trust_next(store->etcd);
    resync(store, 0);
    return true;
}

/* ---- life ---- */

int store_new(sd_event *event, const struct etcd_config *config,
              const struct store_observer *observer, void *userdata, struct store **ret,
              struct error *err)
{
    CLEANUP(store_freep) struct store *store = calloc(1, sizeof(*store));
    if (!store) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    store->event = sd_event_ref(event);
    store->observer = *observer;
    store->userdata = userdata;
    store->is_stale = true;
    store->has_beats = true;
    store->stale_limit_ms =
        config->stale_limit_ms > 0 ? config->stale_limit_ms : stale_limit_default_ms;
    struct etcd_config with_observer = *config;
    with_observer.foreign = endpoint_is_foreign;
    with_observer.surveyed = endpoints_changed;
    with_observer.userdata = store;
    int r = etcd_new(event, &with_observer, &store->etcd, err); /* also checks the prefix */
    if (r < 0) {
        return r;
    }
    (void)snprintf(store->prefix, sizeof(store->prefix), "%s",
                   config->prefix ? config->prefix : WIRE_PREFIX_DEFAULT);
    /* '0' is what comes after '/'. */
    (void)snprintf(store->behind_beats, sizeof(store->behind_beats), "%sbeat0", store->prefix);
    if ((r = loop_fire_after(store->event, &store->resync_timer, 0, begin_snapshot, store)) < 0 ||
        (r = loop_fire_after(store->event, &store->tick_timer, tick_ms, tick, store)) < 0) {
        return error_set(err, r, "cannot make a timer");
    }
    *ret = TAKE(store);
    return 0;
}

struct store *store_free(struct store *store)
{
    if (!store) {
        return NULL;
    }
    etcd_watch_free(store->watch);
    etcd_watch_free(store->own_watch);
    etcd_free(store->etcd);
    store_drop_pending(store);
    drop_pages(store);
    VEC_DONE(&store->bads);
    sd_event_source_disable_unref(store->resync_timer);
    sd_event_source_disable_unref(store->tick_timer);
    sd_event_unref(store->event);
    free(store);
    return NULL;
}
