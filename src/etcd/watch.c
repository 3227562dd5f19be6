/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A watch: one exchange that does not end, started again whenever it does, from the revision behind
 * the last event that was delivered.
 *
 * etcd never splits a revision over two messages unless asked to (WatchCreateRequest.fragment), so
 * each message is whole. A message's header may name a revision whose events come later (it is the
 * store's, not the watch's), so only events and marks without events move us on.
 */
#include "etcd/internal.h"

#include "loop/clock.h"
#include "loop/timer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { pause_first_ms = 20, pause_max_ms = 1000 };

struct etcd_watch {
    struct etcd *etcd;
    struct etcd_watch *next_watch, **back;
    struct buf first, end, body;
    struct etcd_watch_handler handler;
    void *userdata;
    revision_t next; /* the first revision not delivered yet */
    struct transfer *transfer;
    size_t endpoint, scanned;
    sd_event_source *timer;
    unsigned failures; /* in a row */
    msec_t heard_ms;
    bool is_dead, is_called, is_waiting_for_token;
};

static void watch_begin(struct etcd_watch *watch);

/* ---- again ---- */

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    watch_begin(userdata);
    return 0;
}

static void begin_later(struct etcd_watch *watch)
{
    msec_t pause_ms = MIN((msec_t)pause_first_ms << MIN(watch->failures, 10U), pause_max_ms);
    /* While other endpoints have not been tried yet, there is no reason to wait. */
    if (watch->failures < watch->etcd->endpoint_len) {
        pause_ms = 0;
    }
    watch->transfer = transfer_free(watch->transfer);
    watch->failures++;
    int r = loop_fire_after(watch->etcd->event, &watch->timer, pause_ms, on_pause_over, watch);
    assert(r >= 0); /* as in request_new() */
}

static void tell_broken(struct etcd_watch *watch, const char *cause)
{
    struct error error;
    (void)error_set(&error, -EIO, "the watch from %s at %s ended: %s", buf_str(&watch->first),
                    watch->etcd->endpoints[watch->endpoint], cause);
    if (watch->handler.broken) {
        watch->handler.broken(watch->userdata, &error);
    }
}

static void break_off(struct etcd_watch *watch, const char *cause)
{
    tell_broken(watch, cause);
    watch->endpoint = (watch->endpoint + 1) % watch->etcd->endpoint_len;
    begin_later(watch);
}

/* ---- messages ---- */

static void deliver(struct etcd_watch *watch, const struct wire_watch_reply *reply)
{
    const wire_kvs_t *events = &reply->events;
    size_t old = 0;
    while (old < events->len && events->items[old].revision < watch->next) {
        old++;
    }
    if (old == events->len) {
        return;
    }
    revision_t last = events->items[events->len - 1].revision;
    watch->next = last + 1;
    watch->handler.events(watch->userdata, events->items + old, events->len - old);
    watch->handler.progress(watch->userdata, last);
}

static void canceled(struct etcd_watch *watch, const struct wire_watch_reply *reply)
{
    if (reply->compact_revision > 0) {
        watch->is_dead = true;
        watch->transfer = transfer_free(watch->transfer);
        watch->handler.compacted(watch->userdata, reply->compact_revision);
        return;
    }
    if (etcd_is_token_fault(watch->etcd, reply->reason) ||
        strstr(reply->reason, "permission denied")) {
        etcd_forget_token(watch->etcd);
    }
    break_off(watch, reply->reason[0] ? reply->reason : "canceled by etcd");
}

/* One message; false: the stream is not to be read on. */
static bool take_message(struct etcd_watch *watch, const char *text, size_t size)
{
    struct wire_watch_reply reply;
    struct error error;
    int r = wire_watch_reply_read(text, size, &reply, &error);
    if (r < 0) {
        break_off(watch, error.text);
        return false;
    }
    bool goes_on = !reply.is_canceled;
    if (goes_on && !endpoint_is_ours(watch->etcd, watch->endpoint, reply.cluster)) {
        endpoint_failed(watch->etcd, watch->endpoint);
        break_off(watch, "it is a member of another etcd cluster");
        goes_on = false;
    } else if (!goes_on) {
        canceled(watch, &reply);
    } else if (reply.events.len > 0) {
        deliver(watch, &reply);
    } else if (reply.is_created) {
        endpoint_worked(watch->etcd, watch->endpoint);
    } else if (reply.revision >= watch->next) {
        watch->next = reply.revision + 1;
        watch->handler.progress(watch->userdata, reply.revision);
    }
    watch->failures = goes_on ? 0 : watch->failures;
    wire_watch_reply_done(&reply);
    return goes_on;
}

/* Messages end with a newline; the last one of a stream may lack it. */
static bool take_messages(struct etcd_watch *watch, bool is_over)
{
    struct buf *reply = &watch->transfer->reply;
    size_t begin_at = 0;
    while (watch->scanned < reply->size) {
        char *newline = memchr(reply->data + watch->scanned, '\n', reply->size - watch->scanned);
        if (!newline && !is_over) {
            watch->scanned = reply->size;
            break;
        }
        size_t end_at = newline ? (size_t)(newline - reply->data) : reply->size;
        if (end_at > begin_at && !take_message(watch, reply->data + begin_at, end_at - begin_at)) {
            return false;
        }
        begin_at = watch->scanned = MIN(end_at + 1, reply->size);
    }
    memmove(reply->data, reply->data + begin_at, reply->size - begin_at);
    reply->size -= begin_at;
    watch->scanned -= begin_at;
    return true;
}

static void stream_data(void *userdata)
{
    struct etcd_watch *watch = userdata;
    watch->heard_ms = clock_monotonic_ms();
    if (transfer_status(watch->transfer) != 200) {
        return; /* an error's text; it is read when it is whole */
    }
    watch->is_called = true;
    (void)take_messages(watch, false);
    watch->is_called = false;
}

static void stream_refused(struct etcd_watch *watch, long status)
{
    int code;
    char text[300], cause[340];
    const struct buf *reply = &watch->transfer->reply;
    if (!wire_error_reply_read(buf_str(reply), reply->size, &code, text, sizeof(text))) {
        (void)snprintf(cause, sizeof(cause), "HTTP status %ld", status);
        break_off(watch, cause);
        return;
    }
    if (etcd_is_token_fault(watch->etcd, text)) {
        etcd_forget_token(watch->etcd);
    }
    break_off(watch, text);
}

static void stream_ended(struct etcd_watch *watch, CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT && watch->transfer->begun > 0) {
        /* Silence is not news: an idle store is silent too. */
        watch->endpoint = (watch->endpoint + 1) % watch->etcd->endpoint_len;
        begin_later(watch);
        return;
    }
    break_off(watch,
              code == CURLE_OK ? "the stream was closed" : transfer_cause(watch->transfer, code));
}

static void stream_done(void *userdata, CURLcode code)
{
    struct etcd_watch *watch = userdata;
    long status = transfer_status(watch->transfer);
    watch->is_called = true;
    if (status != 200 && status != 0) {
        stream_refused(watch, status);
    } else if (status == 0 || watch->transfer->reply.size == 0 || take_messages(watch, true)) {
        if (watch->transfer->begun == 0) {
            endpoint_failed(watch->etcd, watch->endpoint);
        }
        stream_ended(watch, code);
    }
    watch->is_called = false;
}

static const struct transfer_handler stream = {.data = stream_data, .done = stream_done};

/* ---- begin ---- */

static void watch_begin(struct etcd_watch *watch)
{
    struct etcd *etcd = watch->etcd;
    watch->is_waiting_for_token = etcd_wants_token(etcd);
    if (watch->is_waiting_for_token) {
        etcd_authenticate(etcd);
        return;
    }
    buf_clear(&watch->body);
    wire_watch_request((struct wire_bytes){watch->first.data, watch->first.size},
                       (struct wire_bytes){watch->end.data, watch->end.size}, watch->next,
                       &watch->body);
    const struct transfer_spec spec = {.endpoint = watch->endpoint,
                                       .path = "/v3/watch",
                                       .body = &watch->body,
                                       .silence_limit_ms = etcd->silence_limit_ms,
                                       .has_token = true};
    watch->scanned = 0;
    watch->transfer = watch->body.failed ? NULL : transfer_new(etcd, &spec, &stream, watch);
    if (!watch->transfer) {
        begin_later(watch);
    }
}

int etcd_watch_new(struct etcd *etcd, const char *prefix, revision_t start,
                   const struct etcd_watch_handler *handler, void *userdata,
                   struct etcd_watch **ret, struct error *err)
{
    CLEANUP(buf_done) struct buf end = {0};
    const struct wire_bytes first = WIRE_BYTES(prefix);
    wire_prefix_end(first, &end);
    if (end.failed) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    return etcd_watch_range_new(etcd, &first, &(struct wire_bytes){end.data, end.size}, start,
                                handler, userdata, ret, err);
}

int etcd_watch_range_new(struct etcd *etcd, const struct wire_bytes *first,
                         const struct wire_bytes *end, revision_t start,
                         const struct etcd_watch_handler *handler, void *userdata,
                         struct etcd_watch **ret, struct error *err)
{
    struct etcd_watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    watch->etcd = etcd;
    watch->handler = *handler;
    watch->userdata = userdata;
    watch->next = start;
    watch->endpoint = etcd->current;
    buf_add(&watch->first, first->data, first->size);
    buf_add(&watch->end, end->data, end->size);
    watch->next_watch = etcd->watches;
    watch->back = &etcd->watches;
    if (watch->next_watch) {
        watch->next_watch->back = &watch->next_watch;
    }
    etcd->watches = watch;
    if (watch->first.failed || watch->end.failed) {
        etcd_watch_free(watch);
        return error_set(err, -ENOMEM, "out of memory");
    }
    watch_begin(watch);
    *ret = watch;
    return 0;
}

struct etcd_watch *etcd_watch_free(struct etcd_watch *watch)
{
    if (!watch) {
        return NULL;
    }
    assert(!watch->is_called);
    *watch->back = watch->next_watch;
    if (watch->next_watch) {
        watch->next_watch->back = watch->back;
    }
    transfer_free(watch->transfer);
    sd_event_source_disable_unref(watch->timer);
    buf_done(&watch->first);
    buf_done(&watch->end);
    buf_done(&watch->body);
    free(watch);
    return NULL;
}

msec_t etcd_watch_heard_ms(const struct etcd_watch *watch)
{
    return watch->heard_ms;
}

void etcd_watch_restart(struct etcd_watch *watch, const char *why)
{
    assert(!watch->is_called);
    if (!watch->is_dead) {
        /* The caller has just heard the store: pauses of the time when it was down are over. Were
         * they not, a caller that asks more often than the longest pause would keep it off. */
        watch->failures = 0;
        break_off(watch, why);
    }
}

bool watches_are_home(const struct etcd *etcd)
{
    for (const struct etcd_watch *each = etcd->watches; each; each = each->next_watch) {
        if (each->endpoint != 0) {
            return false;
        }
    }
    return true;
}

void watches_go_home(struct etcd *etcd)
{
    for (struct etcd_watch *each = etcd->watches; each; each = each->next_watch) {
        if (each->endpoint != 0 && !each->is_dead) {
            assert(!each->is_called);
            each->endpoint = 0;
            each->failures = 0;
            begin_later(each);
        }
    }
}

void watches_authenticated(struct etcd *etcd)
{
    for (struct etcd_watch *each = etcd->watches; each; each = each->next_watch) {
        if (each->is_waiting_for_token) {
            begin_later(each);
        }
    }
}
