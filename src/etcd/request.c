/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One request until its outcome is known.
 *
 *     begin -> [wait for token] -> exchange at an endpoint -+-> answered             -> finished
 *       ^                                                   +-> lost, a transaction  -> finished
 *       |                                                   |                           (unknown)
 *       +--- pause, next endpoint, if time is left <--------+-> surely not carried out
 *                                                               (or lost, but only a read)
 */
#include "etcd/internal.h"

#include "loop/clock.h"
#include "loop/timer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Between two rounds over all endpoints: an election takes a second or two. */
enum { round_pause_ms = 50, attempt_limit_min_ms = 100 };

static const char *const paths[] = {
    [REQUEST_RANGE] = "/v3/kv/range",
    [REQUEST_TRANSACTION] = "/v3/kv/txn",
    [REQUEST_COMPACT] = "/v3/kv/compaction",
    [REQUEST_AUTHENTICATE] = "/v3/auth/authenticate",
};

static void attempt(struct request *request);

static void unlink_request(struct request *request)
{
    *request->back = request->next;
    if (request->next) {
        request->next->back = request->back;
    }
}

static void link_request(struct request **list, struct request *request)
{
    request->next = *list;
    request->back = list;
    if (request->next) {
        request->next->back = &request->next;
    }
    *list = request;
}

static void request_free(struct request *request)
{
    unlink_request(request);
    transfer_free(request->transfer);
    sd_event_source_disable_unref(request->timer);
    buf_done(&request->body);
    free(request);
}

/* ---- the end ---- */

/* From the loop only. */
static void finish(struct request *request, struct etcd_reply *reply)
{
    bool is_bad = reply->outcome == TXN_UNKNOWN || reply->outcome == TXN_IMPOSSIBLE;
    reply->error = is_bad ? &request->error : NULL;
    request->done(request->userdata, reply);
    request_free(request);
}

static int report_finished(sd_event_source *source, void *userdata)
{
    struct etcd *etcd = userdata;
    (void)source;
    /* Those of now: a callback may make new ones, which wait for the next turn. */
    struct request *batch = etcd->finished;
    etcd->finished = NULL;
    if (batch) {
        batch->back = &batch;
    }
    while (batch) {
        finish(batch, &(struct etcd_reply){.outcome = batch->outcome});
    }
    return 0;
}

/* From anywhere: 'done' is called by the loop. request->error is filled. */
static void finish_later(struct request *request, enum txn_outcome outcome)
{
    struct etcd *etcd = request->etcd;
    request->outcome = outcome;
    request->transfer = transfer_free(request->transfer);
    unlink_request(request);
    link_request(&etcd->finished, request);
    if (!etcd->later) {
        int r = sd_event_add_defer(etcd->event, &etcd->later, report_finished, etcd);
        assert(r >= 0); /* as in request_new() */
    }
    (void)sd_event_source_set_enabled(etcd->later, SD_EVENT_ONESHOT);
}

static void finish_unavailable(struct request *request)
{
    msec_t waited_ms = request->deadline_ms - request->begun_ms;
    const struct request *authentication = request->etcd->authentication;
    bool is_waiting = request->is_waiting_for_token && authentication;
    struct error cause = is_waiting ? authentication->error : request->error;
    (void)error_set(&request->error, -EAGAIN,
                    "no endpoint of the store carried it out within %" PRId64 " ms%s%s", waited_ms,
                    cause.code ? ": " : "", cause.code ? cause.text : "");
    finish_later(request, TXN_IMPOSSIBLE);
}

/* ---- what a reply means ---- */

/* What an exchange that brought no answer tells of the request. */
enum verdict {
    VERDICT_NOT_DONE, /* surely not carried out: may be tried elsewhere */
    VERDICT_LOST,     /* it may have been carried out */
    VERDICT_REFUSED,  /* the store does not take it: nowhere, at no time */
};

static int errno_of(int code)
{
    switch (code) {
    case 3: /* InvalidArgument */
    case 9: /* FailedPrecondition */
        return -EINVAL;
    case 5: /* NotFound */
        return -ENOENT;
    case 7:  /* PermissionDenied */
    case 16: /* Unauthenticated */
        return -EACCES;
    case 8: /* ResourceExhausted */
        return -ENOSPC;
    case 11: /* OutOfRange: a revision that is compacted, or not there yet */
        return -ESTALE;
    case 12: /* Unimplemented */
        return -ENOSYS;
    default: /* may mean anything, also that it was carried out */
        return 0;
    }
}

/*
 * etcd's errors (api/v3rpc/rpctypes/error.go). "no leader" comes from the check that our header
 * asks for, before the request is looked at; "too many requests" and "proposal dropped" before it
 * is proposed. "request timed out", "leader changed" and "server stopped" may come after.
 */
static enum verdict judge_error(struct request *request, int code, const char *text)
{
    static const char *const not_done[] = {"etcdserver: no leader", "etcdserver: too many requests",
                                           "raft proposal dropped"};
    int number = errno_of(code);
    (void)error_set(&request->error, number ? number : -EIO, "%s", text);
    for (size_t i = 0; i < ARRAY_LEN(not_done); i++) {
        if (strstr(text, not_done[i])) {
            return VERDICT_NOT_DONE;
        }
    }
    if (request->kind != REQUEST_AUTHENTICATE && etcd_is_token_fault(request->etcd, text)) {
        etcd_forget_token(request->etcd);
        return VERDICT_NOT_DONE;
    }
    return number ? VERDICT_REFUSED : VERDICT_LOST;
}

/* An HTTP status that is not 200. */
static enum verdict judge_status(struct request *request, long status)
{
    int code = 0;
    char text[300];
    const struct buf *reply = &request->transfer->reply;
    if (wire_error_reply_read(buf_str(reply), reply->size, &code, text, sizeof(text))) {
        return judge_error(request, code, text);
    }
    bool is_other = status >= 400 && status < 500;
    (void)error_set(&request->error, is_other ? -EPROTO : -EIO, "%s answers with HTTP status %ld%s",
                    request->etcd->endpoints[request->endpoint], status,
                    is_other ? ": is it etcd, with its gateway enabled?" : "");
    return is_other ? VERDICT_REFUSED : VERDICT_LOST;
}

static enum verdict judge_failure(struct request *request, CURLcode code)
{
    const struct transfer *transfer = request->transfer;
    (void)error_set(&request->error, -EIO, "%s: %s", request->etcd->endpoints[request->endpoint],
                    transfer_cause(transfer, code));
    endpoint_failed(request->etcd, request->endpoint);
    return transfer->begun == 0 ? VERDICT_NOT_DONE : VERDICT_LOST;
}

/* ---- answers ---- */

static void try_again(struct request *request);

/* Another etcd cluster carried it out, or would have: ours did not. Nothing of the request may be
 * looked at behind this. */
static bool is_foreign(struct request *request, uint64_t cluster)
{
    struct etcd *etcd = request->etcd;
    if (endpoint_is_ours(etcd, request->endpoint, cluster)) {
        endpoint_worked(etcd, request->endpoint);
        return false;
    }
    (void)error_set(&request->error, -EIO, "%s is a member of another etcd cluster",
                    etcd->endpoints[request->endpoint]);
    endpoint_failed(etcd, request->endpoint);
    try_again(request);
    return true;
}

static void answer_probe(struct request *request, const struct buf *body)
{
    struct wire_range_reply range = {0};
    if (wire_range_reply_read(body->data, body->size, &range, &request->error) < 0) {
        finish(request, &(struct etcd_reply){.outcome = TXN_IMPOSSIBLE});
    } else if (!is_foreign(request, range.cluster)) {
        request->transfer = transfer_free(request->transfer);
        request->is_checked = true;
        attempt(request);
    }
    wire_range_reply_done(&range);
}

static void answer_range(struct request *request, const struct buf *body)
{
    struct wire_range_reply range = {0};
    struct etcd_reply reply = {.outcome = TXN_IMPOSSIBLE};
    if (wire_range_reply_read(body->data, body->size, &range, &request->error) == 0) {
        if (is_foreign(request, range.cluster)) {
            wire_range_reply_done(&range);
            return;
        }
        reply = (struct etcd_reply){.outcome = TXN_COMMITTED,
                                    .revision = range.revision,
                                    .kvs = range.kvs.items,
                                    .kv_len = range.kvs.len,
                                    .has_more = range.has_more,
                                    .count = range.count};
    }
    finish(request, &reply);
    wire_range_reply_done(&range);
}

static void answer_transaction(struct request *request, const struct buf *body)
{
    struct wire_transaction_reply transaction;
    struct etcd_reply reply = {.outcome = TXN_UNKNOWN};
    if (wire_transaction_reply_read(body->data, body->size, &transaction, &request->error) == 0) {
        if (is_foreign(request, transaction.cluster)) {
            return;
        }
        reply.outcome = transaction.is_committed ? TXN_COMMITTED : TXN_REFUSED;
        reply.revision = transaction.revision;
    }
    finish(request, &reply);
}

static void answer_authenticate(struct request *request, const struct buf *body)
{
    struct etcd_reply reply = {.outcome = TXN_IMPOSSIBLE};
    char *token = request->etcd->token;
    if (wire_authenticate_reply_read(body->data, body->size, token, token_size, &request->error) ==
        0) {
        reply.outcome = TXN_COMMITTED;
    }
    finish(request, &reply);
}

static void answer(struct request *request, const struct buf *body)
{
    if (request->is_probe) {
        answer_probe(request, body);
        return;
    }
    switch (request->kind) {
    case REQUEST_RANGE:
        answer_range(request, body);
        break;
    case REQUEST_TRANSACTION:
        answer_transaction(request, body);
        break;
    case REQUEST_AUTHENTICATE:
        endpoint_worked(request->etcd, request->endpoint);
        answer_authenticate(request, body);
        break;
    case REQUEST_COMPACT:
        endpoint_worked(request->etcd, request->endpoint);
        finish(request, &(struct etcd_reply){.outcome = TXN_COMMITTED});
        break;
    }
}

/* ---- attempts ---- */

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source;
    (void)usec;
    attempt(userdata);
    return 0;
}

/* At the next endpoint at once; after each round over all of them, a pause. */
static void try_again(struct request *request)
{
    struct etcd *etcd = request->etcd;
    msec_t left_ms = request->deadline_ms - clock_monotonic_ms();
    bool is_round_over = request->attempts % etcd->endpoint_len == 0;
    msec_t pause_ms = is_round_over ? round_pause_ms : 0;
    request->transfer = transfer_free(request->transfer);
    if (left_ms <= pause_ms) {
        finish_unavailable(request);
        return;
    }
    if (loop_fire_after(etcd->event, &request->timer, pause_ms, on_pause_over, request) < 0) {
        finish_unavailable(request);
    }
}

static void exchange_done(void *userdata, CURLcode code)
{
    struct request *request = userdata;
    enum verdict verdict;
    if (code != CURLE_OK) {
        verdict = judge_failure(request, code);
    } else if (transfer_status(request->transfer) != 200) {
        verdict = judge_status(request, transfer_status(request->transfer));
        if (verdict != VERDICT_REFUSED) {
            endpoint_failed(request->etcd, request->endpoint);
        }
    } else {
        answer(request, &request->transfer->reply);
        return;
    }
    bool is_write = request->kind == REQUEST_TRANSACTION && !request->is_probe;
    if (verdict == VERDICT_REFUSED) {
        finish(request, &(struct etcd_reply){.outcome = TXN_IMPOSSIBLE});
    } else if (verdict == VERDICT_LOST && is_write) {
        (void)error_wrap(&request->error, "the store's answer was lost");
        finish(request, &(struct etcd_reply){.outcome = TXN_UNKNOWN});
    } else {
        try_again(request);
    }
}

static const struct transfer_handler exchange = {.done = exchange_done};

/* A read leaves time for another endpoint; a transaction has only this one. */
static msec_t attempt_limit_ms(const struct request *request, msec_t left_ms)
{
    bool is_write = request->kind == REQUEST_TRANSACTION && !request->is_probe;
    bool is_only = is_write || request->etcd->endpoint_len == 1;
    return is_only ? left_ms : MIN(left_ms, MAX(left_ms / 2, (msec_t)attempt_limit_min_ms));
}

static void attempt(struct request *request)
{
    struct etcd *etcd = request->etcd;
    msec_t left_ms = request->deadline_ms - clock_monotonic_ms();
    bool has_token = request->kind != REQUEST_AUTHENTICATE;
    if (left_ms <= 0) {
        finish_unavailable(request);
        return;
    }
    request->is_waiting_for_token = has_token && etcd_wants_token(etcd);
    if (request->is_waiting_for_token) {
        etcd_authenticate(etcd);
        if (loop_fire_after(etcd->event, &request->timer, left_ms, on_pause_over, request) < 0) {
            finish_unavailable(request);
        }
        return;
    }
    request->attempts++;
    request->endpoint = request->is_homeward && request->attempts == 1 ? 0 : etcd->current;
    request->is_probe = request->kind == REQUEST_TRANSACTION && !request->is_checked &&
                        !endpoint_is_known(etcd, request->endpoint);
    request->is_checked = false;
    const struct transfer_spec spec = {.endpoint = request->endpoint,
                                       .path =
                                           paths[request->is_probe ? REQUEST_RANGE : request->kind],
                                       .body = request->is_probe ? &etcd->probe : &request->body,
                                       .limit_ms = attempt_limit_ms(request, left_ms),
                                       .has_token = has_token};
    request->transfer = transfer_new(etcd, &spec, &exchange, request);
    if (!request->transfer) {
        (void)error_set(&request->error, -ENOMEM, "out of memory");
        finish_later(request, TXN_IMPOSSIBLE);
    }
}

/* ---- the door ---- */

struct request *request_new(struct etcd *etcd, enum request_kind kind, msec_t limit_ms,
                            etcd_reply_fn done, void *userdata)
{
    struct request *request = calloc(1, sizeof(*request));
    assert(request);
    request->etcd = etcd;
    request->kind = kind;
    request->begun_ms = clock_monotonic_ms();
    request->deadline_ms = request->begun_ms + limit_ms;
    request->done = done;
    request->userdata = userdata;
    link_request(&etcd->requests, request);
    return request;
}

void request_begin(struct request *request)
{
    if (request->body.failed) {
        (void)error_set(&request->error, -ENOMEM, "out of memory");
        finish_later(request, TXN_IMPOSSIBLE);
        return;
    }
    attempt(request);
}

void etcd_refuse(struct etcd *etcd, const struct error *error, etcd_reply_fn done, void *userdata)
{
    struct request *request = request_new(etcd, REQUEST_RANGE, 0, done, userdata);
    request->error = *error;
    finish_later(request, TXN_IMPOSSIBLE);
}

static void drop_list(struct request **list)
{
    while (*list) {
        struct request *request = *list;
        if (request->dropped) {
            request->dropped(request->userdata);
        }
        request_free(request);
    }
}

void requests_drop(struct etcd *etcd)
{
    drop_list(&etcd->requests);
    drop_list(&etcd->finished);
}

/* Wrong name or password: no request can be carried out. Else they go on: with the token, or to
 * ask for it once more while their time lasts. */
void requests_authenticated(struct etcd *etcd, const struct error *error)
{
    bool is_refused = error && error->code != -EAGAIN;
    for (struct request *each = etcd->requests, *next; each; each = next) {
        next = each->next;
        if (!each->is_waiting_for_token) {
            continue;
        }
        each->is_waiting_for_token = false;
        if (error) {
            each->error = *error;
        }
        if (is_refused) {
            finish_later(each, TXN_IMPOSSIBLE);
        } else if (loop_fire_after(etcd->event, &each->timer, 0, on_pause_over, each) < 0) {
            finish_unavailable(each);
        }
    }
}
