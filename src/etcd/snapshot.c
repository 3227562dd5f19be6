/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything below a prefix, page by page, all at the revision of the first page. */
#include "etcd/internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* A page is decoded in one turn of the loop: some milliseconds at most. */
enum { page_len = 500 };

struct snapshot {
    struct etcd *etcd;
    struct etcd_snapshot_handler handler;
    void *userdata;
    msec_t limit_ms;
    struct buf key; /* where the next page begins */
    struct buf end;
    revision_t revision; /* 0 until the first page */
};

static void snapshot_free(void *userdata)
{
    struct snapshot *snapshot = userdata;
    buf_done(&snapshot->key);
    buf_done(&snapshot->end);
    free(snapshot);
}

static void page_arrived(void *userdata, const struct etcd_reply *reply);

static void ask_page(struct snapshot *snapshot)
{
    const struct wire_range range = {.key = {snapshot->key.data, snapshot->key.size},
                                     .end = {snapshot->end.data, snapshot->end.size},
                                     .revision = snapshot->revision,
                                     .limit = page_len};
    struct request *request =
        request_new(snapshot->etcd, REQUEST_RANGE, snapshot->limit_ms, page_arrived, snapshot);
    request->dropped = snapshot_free;
    request->body.failed = snapshot->key.failed || snapshot->end.failed;
    wire_range_request(&range, &request->body);
    request_begin(request);
}

static void finish(struct snapshot *snapshot, const struct error *error)
{
    snapshot->handler.done(snapshot->userdata, snapshot->revision, error);
    snapshot_free(snapshot);
}

static void page_arrived(void *userdata, const struct etcd_reply *reply)
{
    struct snapshot *snapshot = userdata;
    if (reply->outcome != TXN_COMMITTED) {
        finish(snapshot, reply->error);
        return;
    }
    snapshot->revision = snapshot->revision ? snapshot->revision : reply->revision;
    snapshot->handler.page(snapshot->userdata, reply->kvs, reply->kv_len);
    if (!reply->has_more || reply->kv_len == 0) {
        finish(snapshot, NULL);
        return;
    }
    /* The key right behind the last one: the same and a NUL. */
    const struct wire_kv *last = &reply->kvs[reply->kv_len - 1];
    buf_clear(&snapshot->key);
    buf_add(&snapshot->key, last->key, last->key_size);
    buf_char(&snapshot->key, '\0');
    ask_page(snapshot);
}

void etcd_snapshot(struct etcd *etcd, const char *prefix, msec_t limit_ms,
                   const struct etcd_snapshot_handler *handler, void *userdata)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    assert(snapshot); /* as in request_new() */
    snapshot->etcd = etcd;
    snapshot->handler = *handler;
    snapshot->userdata = userdata;
    snapshot->limit_ms = limit_ms;
    buf_text(&snapshot->key, prefix);
    wire_prefix_end(WIRE_BYTES(prefix), &snapshot->end);
    ask_page(snapshot);
}
