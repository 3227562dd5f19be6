/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the store: store.c is the stream, store_txn.c the transactions. */
#pragma once

#include "base/vec.h"
#include "run/store.h"
#include "wire/key.h"

/* A document that was told as bad. */
struct bad {
    char key[wire_key_size];
    revision_t revision;
};

struct store_pending; /* a transaction or barrier that waits for its answer */

struct store {
    sd_event *event;
    struct etcd *etcd;
    struct store_observer observer;
    void *userdata;
    char prefix[wire_prefix_size];
    struct store_pending *pending;

    /* what is watched: all keys; or of the heartbeats and their summary only one heartbeat, by a
     * watch of its own; or the summary */
    char behind_beats[wire_key_size]; /* the first key that is watched if heartbeats are not */
    char own[wire_key_size];          /* the key of that one; "": none was named */
    bool has_beats;                   /* all are watched */
    bool had_beats;                   /* the last snapshot that was told had them */
    struct etcd_watch *own_watch;

    /* snapshot */
    bool is_reading, is_outdated; /* one is under way; of other keys than are wanted by now */
    sd_event_source *resync_timer;
    VEC(struct record *) pages;
    VEC(struct record_key) unreadable; /* in them */
    size_t page_keys;
    bool is_short_of_memory;
    msec_t snapshot_ms; /* when it was begun */
    unsigned failures;  /* in a row */
    VEC(struct bad) bads;

    /* watch; NULL until a snapshot is delivered */
    struct etcd_watch *watch;
    revision_t revision; /* everything up to here has been delivered */
    size_t key_len;      /* keys that 'watch' is about, at that revision */

    /* freshness */
    sd_event_source *tick_timer;
    msec_t stale_limit_ms, fresh_ms;
    bool is_stale, is_asking;
    uint64_t ticks;
    msec_t asked_ms;           /* the last question to a majority ... */
    revision_t asked_revision; /* ... and what had been delivered by then */
    revision_t late_revision;  /* at this one the watch was behind when last asked */
};

void store_drop_pending(struct store *store);
