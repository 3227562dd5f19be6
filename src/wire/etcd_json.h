/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * etcd's v3 JSON gateway (etcd 3.4 and later): requests and replies. Keys and values are bytes,
 * base64 on the wire; 64-bit numbers are strings; false and 0 are left out. What etcd means by it
 * is in its api/etcdserverpb/rpc.proto. Pure.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/types.h"
#include "base/vec.h"

/* Bytes of someone else, lent. */
struct wire_bytes {
    const void *data;
    size_t size;
};

#define WIRE_BYTES(text) ((struct wire_bytes){(text), strlen(text)})

/* ---- requests: added to 'json', whose 'failed' says whether memory ran out ---- */

struct wire_range {
    struct wire_bytes key;
    struct wire_bytes end;   /* all keys of [key, end); empty: just 'key' */
    revision_t revision;     /* as it was then; 0: now */
    int64_t limit;           /* keys in the reply; 0: all */
    revision_t revision_min; /* only keys whose mod revision is at least this; 0: all */
    bool is_serializable;    /* may be old: answered by one member without asking the others */
    bool is_keys_only;
    bool is_count_only;
};

struct wire_compare {
    struct wire_bytes key;
    revision_t revision; /* mod revision that the key must have; 0: it must not exist */
};

struct wire_operation {
    struct wire_bytes key;
    struct wire_bytes value;
    bool is_delete;
};

struct wire_transaction {
    const struct wire_compare *compares;
    size_t compare_len;
    const struct wire_operation *operations; /* done if all of 'compares' hold */
    size_t operation_len;
};

void wire_range_request(const struct wire_range *range, struct buf *json);
void wire_transaction_request(const struct wire_transaction *transaction, struct buf *json);

/* Everything of [key, end) from revision 'start' on, deletes and progress marks included. */
void wire_watch_request(struct wire_bytes key, struct wire_bytes end, revision_t start,
                        struct buf *json);
void wire_compact_request(revision_t revision, struct buf *json);

/* False: name or password are not UTF-8. */
bool wire_authenticate_request(const char *name, const char *password, struct buf *json);

/* The end of the range of all keys that begin with 'prefix', added to 'end'. */
void wire_prefix_end(struct wire_bytes prefix, struct buf *end);

/* ---- replies: -EBADMSG (not what etcd says), -ENOMEM ---- */

struct wire_kv {
    char *key; /* heap, followed by a NUL that is not counted; so is the value */
    size_t key_size;
    char *value; /* NULL: the key was deleted */
    size_t value_size;
    revision_t revision; /* mod revision; of a delete: when it happened */
    int64_t version;     /* writes since the key was created: 1 is a new key; 0: deleted */
};

typedef VEC(struct wire_kv) wire_kvs_t;

void wire_kvs_done(wire_kvs_t *kvs);

/* Each reply says which etcd cluster answered ('cluster'; 0: it does not say). */

struct wire_range_reply {
    uint64_t cluster;
    revision_t revision; /* of the store, when it answered */
    wire_kvs_t kvs;
    bool has_more;
    int64_t count; /* keys in the range, whatever the limit */
};

void wire_range_reply_done(struct wire_range_reply *reply);
int wire_range_reply_read(const void *bytes, size_t size, struct wire_range_reply *ret,
                          struct error *err);

struct wire_transaction_reply {
    uint64_t cluster;
    revision_t revision;
    bool is_committed; /* all compares held */
};

int wire_transaction_reply_read(const void *bytes, size_t size, struct wire_transaction_reply *ret,
                                struct error *err);

/* What a member says of itself. */
struct wire_status_reply {
    uint64_t cluster, member;
    char version[32];
};

int wire_status_reply_read(const void *bytes, size_t size, struct wire_status_reply *ret,
                           struct error *err);

/* One message of a watch's stream. */
struct wire_watch_reply {
    uint64_t cluster;
    revision_t revision; /* a mark without events: everything up to here has been delivered */
    wire_kvs_t events;   /* in the order of their revisions, each revision whole */
    bool is_created;
    bool is_canceled;            /* the watch has ended; 'reason' says why */
    revision_t compact_revision; /* not 0: history before this one is gone */
    char reason[200];
};

void wire_watch_reply_done(struct wire_watch_reply *reply);
int wire_watch_reply_read(const void *bytes, size_t size, struct wire_watch_reply *ret,
                          struct error *err);

/* The token of a reply to wire_authenticate_request(), into 'ret' of 'ret_size' bytes. */
int wire_authenticate_reply_read(const void *bytes, size_t size, char *ret, size_t ret_size,
                                 struct error *err);

/* An error's gRPC code (https://grpc.io/docs/guides/status-codes/) and text. False: none. */
bool wire_error_reply_read(const void *bytes, size_t size, int *ret_code, char *ret,
                           size_t ret_size);

/* ---- base64 (RFC 4648, with padding) ---- */

void wire_base64(const void *bytes, size_t size, struct buf *text);
/* '*ret' is a heap block, followed by a NUL that is not counted. -EBADMSG, -ENOMEM. */
int wire_base64_read(const char *text, size_t text_size, char **ret, size_t *ret_size);
/* How many bytes at the start of 'text' may be base64, padding included. */
size_t wire_base64_span(const char *text, size_t size);
