/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transactions of records: made bytes of, sent, answered. */
#include "run/store_internal.h"

#include "base/buf.h"
#include "wire/record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct store_pending {
    struct store *store;
    struct store_pending *next, **back;
    uint64_t id;
    store_txn_fn done;
    void *userdata;
};

static struct store_pending *pending_new(struct store *store, uint64_t id, store_txn_fn done,
                                         void *userdata)
{
    struct store_pending *pending = calloc(1, sizeof(*pending));
    assert(pending); /* a callback is promised: without memory for that the process ends */
    *pending = (struct store_pending){store, store->pending, &store->pending, id, done, userdata};
    if (pending->next) {
        pending->next->back = &pending->next;
    }
    store->pending = pending;
    return pending;
}

static void pending_free(struct store_pending *pending)
{
    *pending->back = pending->next;
    if (pending->next) {
        pending->next->back = pending->back;
    }
    free(pending);
}

void store_drop_pending(struct store *store)
{
    while (store->pending) {
        pending_free(store->pending);
    }
}

static void answered(void *userdata, const struct etcd_reply *reply)
{
    struct store_pending *pending = userdata;
    pending->done(pending->userdata, pending->id, reply->outcome, reply->revision, reply->error);
    pending_free(pending);
}

/* ---- bytes ---- */

/* A transaction as bytes: all keys and values one behind the other in 'bytes', which moves while it
 * grows; so their places are noted first and made pointers of at the end. */
struct encoded {
    struct buf bytes;
    size_t *places;
    size_t place_len;
    struct wire_compare *compares;
    struct wire_operation *operations;
};

static void encoded_done(struct encoded *encoded)
{
    buf_done(&encoded->bytes);
    free(encoded->places);
    free(encoded->compares);
    free(encoded->operations);
}

static void note_place(struct encoded *encoded)
{
    encoded->places[encoded->place_len++] = encoded->bytes.size;
}

static int add_key(struct encoded *encoded, const char *prefix, const struct record_key *key,
                   struct error *err)
{
    char text[wire_key_size];
    int r = wire_key_format(prefix, key, text, err);
    buf_text(&encoded->bytes, text);
    note_place(encoded);
    return r;
}

static int add_all(struct encoded *encoded, const char *prefix, const struct txn *txn,
                   struct error *err)
{
    int r = 0;
    note_place(encoded);
    for (size_t i = 0; i < txn->guards.len && r == 0; i++) {
        r = add_key(encoded, prefix, &txn->guards.items[i].key, err);
    }
    for (size_t i = 0; i < txn->writes.len && r == 0; i++) {
        const struct write *write = &txn->writes.items[i];
        r = add_key(encoded, prefix, &write->key, err);
        if (r == 0 && write->value) {
            r = wire_record_encode(write->value, &encoded->bytes, err);
            if (r < 0) {
                (void)error_wrap(err, "%s \"%s\"", record_kind_name(write->key.kind),
                                 write->key.name);
            }
        }
        note_place(encoded);
    }
    return r;
}

static struct wire_bytes part(const struct encoded *encoded, size_t index)
{
    size_t from = encoded->places[index];
    return (struct wire_bytes){buf_str(&encoded->bytes) + from, encoded->places[index + 1] - from};
}

static int encode(struct encoded *encoded, const char *prefix, const struct txn *txn,
                  struct error *err)
{
    size_t guard_len = txn->guards.len, write_len = txn->writes.len;
    encoded->places = calloc(guard_len + 2 * write_len + 1, sizeof(*encoded->places));
    encoded->compares = calloc(guard_len + 1, sizeof(*encoded->compares));
    encoded->operations = calloc(write_len + 1, sizeof(*encoded->operations));
    if (txn->failed || !encoded->places || !encoded->compares || !encoded->operations) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    int r = add_all(encoded, prefix, txn, err);
    if (r == 0 && encoded->bytes.failed) {
        r = error_set(err, -ENOMEM, "out of memory");
    }
    if (r < 0) {
        return r;
    }
    /* One place before each key and value, and one behind the last: else a guard would be another
     * key's, and the transaction would demand nothing. */
    assert(encoded->place_len == guard_len + 2 * write_len + 1);
    for (size_t i = 0; i < guard_len; i++) {
        encoded->compares[i] =
            (struct wire_compare){part(encoded, i), txn->guards.items[i].revision};
    }
    for (size_t i = 0; i < write_len; i++) {
        encoded->operations[i] =
            (struct wire_operation){.key = part(encoded, guard_len + 2 * i),
                                    .value = part(encoded, guard_len + 2 * i + 1),
                                    .is_delete = !txn->writes.items[i].value};
    }
    return 0;
}

/* ---- the door ---- */

void store_txn(struct store *store, const struct txn *txn, msec_t limit_ms, uint64_t id,
               store_txn_fn done, void *userdata)
{
    CLEANUP(encoded_done) struct encoded encoded = {0};
    struct error error = {0};
    struct store_pending *pending = pending_new(store, id, done, userdata);
    if (encode(&encoded, store->prefix, txn, &error) < 0) {
        etcd_refuse(store->etcd, &error, answered, pending);
        return;
    }
    const struct wire_transaction transaction = {encoded.compares, txn->guards.len,
                                                 encoded.operations, txn->writes.len};
    etcd_txn(store->etcd, &transaction, limit_ms, answered, pending);
}

void store_barrier(struct store *store, msec_t limit_ms, uint64_t id, store_txn_fn done,
                   void *userdata)
{
    etcd_barrier(store->etcd, limit_ms, answered, pending_new(store, id, done, userdata));
}
