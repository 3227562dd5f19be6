/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store as a stream of records and as transactions of records: joins src/etcd and src/wire. It
 * keeps no records; the world is the caller's.
 *
 *     reset, record ..., synced(r)              a snapshot, whole, in one turn of the loop
 *     record | removed ..., progress(r)         changes; each revision whole before its progress
 *     reset ...                                 history was lost, or other keys are watched: again
 *                                               from the start
 *
 * A heartbeat that is watched apart from the rest (store_watch_own()) may be told later than a
 * 'progress' that is behind it.
 *
 * Between 'reset' and 'synced' nothing else is called, so a world is never seen half full.
 *
 * All functions and callbacks: the loop's thread. Callbacks never come from within the call that
 * asked for them. A callback may start transactions; it must not free the store.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "etcd/etcd.h"
#include "model/txn.h"

struct store;

/* Every member may be NULL. */
struct store_observer {
    void (*reset)(void *userdata);
    /* Lent: take a reference (world_put() does) to keep it. */
    void (*record)(void *userdata, struct record *record);
    void (*removed)(void *userdata, const struct record_key *key, revision_t revision);
    /* 'key' is there, but not in a form that can be read: told where 'record' would be, in each
     * snapshot again. What the world has of it stays. */
    void (*unreadable)(void *userdata, const struct record_key *key);
    void (*synced)(void *userdata, revision_t revision);
    void (*progress)(void *userdata, revision_t revision);
    /* true: neither the watch nor a read of a majority was heard for the stale limit: what the
     * world holds may be old. false: it is heard again. Begins as stale; told at each change. */
    void (*stale)(void *userdata, bool is_stale);
    /* What cannot be read of a document or key. Once for each revision of it. For the journal. */
    void (*bad)(void *userdata, const char *key, revision_t revision, const struct error *error);
    /* 'endpoint' answers for the etcd cluster 'is', not for 'ours': it counts as down. For the
     * journal. */
    void (*foreign)(void *userdata, const char *endpoint, uint64_t is, uint64_t ours);
    /* What store_endpoint_state() tells has changed. NULL: then no endpoint is asked for that. */
    void (*surveyed)(void *userdata);
    /* The stream broke or could not begin; it is tried again by itself. For the journal. */
    void (*trouble)(void *userdata, const struct error *error);
};

/* Begins at once; the observer (copied) hears when the loop runs. -EINVAL, -ENOMEM, ... as
 * etcd_new(); a store that is down is no error here. */
int store_new(sd_event *event, const struct etcd_config *config,
              const struct store_observer *observer, void *userdata, struct store **ret,
              struct error *err);

/* Of the heartbeats, only that of 'node' is told from now on: until store_watch_beats() asks for
 * all. To be called before the loop runs. */
int store_watch_own(struct store *store, const char *node, struct error *err);
/* All heartbeats are told, or only that one again. If that is a change, a snapshot comes. */
void store_watch_beats(struct store *store, bool all);
/* No heartbeat is told at all, from now on: what the coordinator hears of them is (RECORD_PULSE,
 * RECORD_BEAT_SUMMARY). To be called before the loop runs. */
void store_watch_summary(struct store *store);
/* Whether the snapshot that is being told, or was last told, has all heartbeats. */
bool store_has_beats(const struct store *store);

/* Drops what is under way without calling back. Returns NULL; accepts NULL. */
struct store *store_free(struct store *store);
CLEANUP_POINTER(struct store, store_free)

/* 'error' is NULL if committed or refused. impossible: nothing was written, for sure; its error
 * code is -EAGAIN where the store was not there (try later) and another where trying again is
 * useless. 'revision': committed: the revision of the writes; refused: the store's, when it refused
 * (read up to it before you plan again); else 0. */
typedef void (*store_txn_fn)(void *userdata, uint64_t id, enum txn_outcome outcome,
                             revision_t revision, const struct error *error);

/* Copies what it needs before it returns; the callback comes later, always, exactly once. */
void store_txn(struct store *store, const struct txn *txn, msec_t limit_ms, uint64_t id,
               store_txn_fn done, void *userdata);

/* A read that a majority answers: committed, with the revision now. Once 'progress' has reached
 * that, the world shows everything that was written before the call. Note that 'progress' only
 * comes with changes; an equal revision already seen is enough. */
void store_barrier(struct store *store, msec_t limit_ms, uint64_t id, store_txn_fn done,
                   void *userdata);

/* The etcd cluster that the store is; 0: none has answered yet. */
uint64_t store_cluster(const struct store *store);
/* If no endpoint of our etcd cluster answers, but one of another: takes that for the store. An
 * administrator said so. Whether it did. */
bool store_trust_next(struct store *store);

/* What 'stale' was last called with. */
bool store_is_stale(const struct store *store);

/* What endpoint number 'i' is, as it last said (etcd_endpoint_state()), and whether that is another
 * etcd cluster than the store's: then it counts as down. False: there are not so many. */
bool store_endpoint_state(const struct store *store, size_t i, struct etcd_endpoint_state *ret,
                          bool *ret_is_foreign);

/* The endpoint that last worked, for people; lent until the next turn of the loop. */
const char *store_endpoint(const struct store *store);
