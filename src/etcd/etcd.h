/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of etcd's v3 JSON gateway on an sd-event loop: reads, transactions, snapshots, watches.
 * Bytes in, bytes out; it knows nothing of records. It keeps no copy of what it read.
 *
 * Several endpoints are one store. A request goes to the endpoint that last worked; if it surely
 * was not carried out there (no connection, "no leader"), it goes to the next one until its time is
 * up. A transaction whose reply is lost is never sent again: its outcome is unknown. Requests and
 * watches that had to leave the first endpoint go back to it once a majority has answered there.
 *
 * All of them must be members of one etcd cluster: every answer names its cluster, and the first
 * one is kept. An endpoint that answers for another cluster counts as down, and is told. No
 * transaction is sent to an endpoint before a read has shown whose it is.
 *
 * All functions and callbacks: the loop's thread, in a program that ignores SIGPIPE. Callbacks
 * never come from within the call that asked for them. A callback may start new requests; it must
 * not free the client.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "model/txn.h"
#include "wire/etcd_json.h"

#include <systemd/sd-event.h>

struct etcd;
struct etcd_watch;

/* Copied by etcd_new(). Start with {0}: what is 0 or NULL takes its default. */
struct etcd_config {
    const char *const *endpoints; /* "http://127.0.0.1:2379", "https://[fd00::1]:2379"; the local
                                   * one first */
    size_t endpoint_len;
    const char *prefix;    /* of every key of this cluster; default "/berth/" */
    const char *ca_file;   /* https: who signs the members' certificates; default: the system's */
    const char *cert_file; /* https: our certificate and key, if etcd wants one */
    const char *key_file;
    const char *username; /* the gateway knows no users by certificate: name and password */
    const char *password;
    uint64_t cluster; /* the etcd cluster that it must be; default: the one that answers first */
    /* 'endpoint' (an index) answers for the etcd cluster 'is' instead of 'ours'. Once, until it
     * answers for ours again. In the middle of other callbacks: start nothing. May be NULL. */
    void (*foreign)(void *userdata, const char *endpoint, uint64_t is, uint64_t ours);
    /* What etcd_endpoint_state() tells of an endpoint has changed. May be NULL. */
    void (*surveyed)(void *userdata);
    void *userdata;
    msec_t connect_limit_ms; /* default 300 */
    msec_t silence_limit_ms; /* a watch without a byte for so long is restarted; default 10000 */
    msec_t home_pause_ms;    /* away from the first endpoint it is asked this often; default 5000 */
    msec_t stale_limit_ms;   /* for run/store: nothing heard this long is stale; default 2500 */
};

/* -EINVAL: an endpoint, prefix or combination that cannot be; -ENOENT, -EACCES: a file that cannot
 * be read; -ENOMEM. Does not connect yet. */
int etcd_new(sd_event *event, const struct etcd_config *config, struct etcd **ret,
             struct error *err);

/* Drops what is under way without calling back. Returns NULL; accepts NULL. */
struct etcd *etcd_free(struct etcd *etcd);
CLEANUP_POINTER(struct etcd, etcd_free)

/* The etcd cluster that answered; 0: none has yet. */
uint64_t etcd_cluster(const struct etcd *etcd);
/* How many endpoints last answered for another one. */
size_t etcd_foreign_len(const struct etcd *etcd);
/* Takes the next answer for that of our cluster, whichever it is. An administrator said so. */
void etcd_trust_next(struct etcd *etcd);

/* The endpoint that last worked, for people; lent until the next turn of the loop. */
const char *etcd_endpoint(const struct etcd *etcd);

/* ---- all endpoints, also those that serve nothing now ---- */

struct etcd_endpoint_state {
    const char *endpoint; /* lent from the client */
    bool is_known;        /* it has been asked, and this is how that ended: */
    bool answers;
    uint64_t cluster, member; /* that answered last; 0: none has yet */
    char version[32];         /* of its etcd */
};

/* Asks each endpoint which member of which cluster it is; config.surveyed tells what is new. */
void etcd_survey(struct etcd *etcd);
/* Of endpoint number 'i'; false: there are not so many. */
bool etcd_endpoint_state(const struct etcd *etcd, size_t i, struct etcd_endpoint_state *ret);

/* ---- one request, one reply ---- */

struct etcd_reply {
    /* Reads: committed, or impossible (-EAGAIN after 'limit_ms' without an answer).
     * Transactions: committed; refused; unknown; impossible, which is sure not to be written:
     *   error code -EAGAIN   the store was not there: it may work later
     *   error code others    the store does not take it in this form or from this user */
    enum txn_outcome outcome;
    revision_t revision;       /* of the store when it answered; of the change, if committed */
    const struct wire_kv *kvs; /* reads: lent for the call */
    size_t kv_len;
    bool has_more;
    int64_t count;
    const struct error *error; /* NULL if committed or refused */
};

typedef void (*etcd_reply_fn)(void *userdata, const struct etcd_reply *reply);

/* Each copies what it is given. 'limit_ms' is for the whole, endpoints tried in turn included. The
 * callback comes exactly once, unless the client is freed before. */
void etcd_range(struct etcd *etcd, const struct wire_range *range, msec_t limit_ms,
                etcd_reply_fn done, void *userdata);
void etcd_txn(struct etcd *etcd, const struct wire_transaction *transaction, msec_t limit_ms,
              etcd_reply_fn done, void *userdata);

/* Forgets history before 'revision'; for tests and housekeeping. */
void etcd_compact(struct etcd *etcd, revision_t revision, msec_t limit_ms, etcd_reply_fn done,
                  void *userdata);

/* Reports 'error' as an impossible request: for a caller who finds the fault before there is
 * anything to send, and has promised a callback too. */
void etcd_refuse(struct etcd *etcd, const struct error *error, etcd_reply_fn done, void *userdata);

/* The store's revision now, as a majority knows it: what comes later has a greater one. */
void etcd_barrier(struct etcd *etcd, msec_t limit_ms, etcd_reply_fn done, void *userdata);

/* ---- everything below a prefix, as of one revision ---- */

struct etcd_snapshot_handler {
    void (*page)(void *userdata, const struct wire_kv *kvs, size_t len); /* lent; in key order */
    /* Exactly once, at the end. 'error' not NULL: the pages so far are void. */
    void (*done)(void *userdata, revision_t revision, const struct error *error);
};

/* 'limit_ms' is for each page. The handler is copied. */
void etcd_snapshot(struct etcd *etcd, const char *prefix, msec_t limit_ms,
                   const struct etcd_snapshot_handler *handler, void *userdata);

/* ---- watch ---- */

struct etcd_watch_handler {
    /* Events of one or more whole revisions, in order, none missing, none twice; lent. */
    void (*events)(void *userdata, const struct wire_kv *events, size_t len);
    /* Everything up to 'revision' has been delivered; also after each 'events'. */
    void (*progress)(void *userdata, revision_t revision);
    /* History is gone: take a snapshot and watch again. Free the watch, but not in here. */
    void (*compacted)(void *userdata, revision_t revision);
    /* The stream ended ('error' says why) and is being restarted; for the journal. May be NULL. */
    void (*broken)(void *userdata, const struct error *error);
};

/* From 'start' on. Goes on by itself, over all endpoints, for as long as it is not freed. */
int etcd_watch_new(struct etcd *etcd, const char *prefix, revision_t start,
                   const struct etcd_watch_handler *handler, void *userdata,
                   struct etcd_watch **ret, struct error *err);
struct etcd_watch *etcd_watch_free(struct etcd_watch *watch);
CLEANUP_POINTER(struct etcd_watch, etcd_watch_free)

/* The same of the keys from 'first' to before 'end'. */
int etcd_watch_range_new(struct etcd *etcd, const struct wire_bytes *first,
                         const struct wire_bytes *end, revision_t start,
                         const struct etcd_watch_handler *handler, void *userdata,
                         struct etcd_watch **ret, struct error *err);

/* When the last byte of it arrived (CLOCK_MONOTONIC); 0: never. Silence is no news: an idle store
 * is silent too; ask etcd_barrier() and compare with what 'progress' told. */
msec_t etcd_watch_heard_ms(const struct etcd_watch *watch);

/* Leaves its endpoint and starts again at the next one, from where it was. */
void etcd_watch_restart(struct etcd_watch *watch, const char *why);
