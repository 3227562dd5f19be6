/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *   handled --> STORE --committed--> SEEN ------------------------------> answered
 *      ^          | --refused----> REREAD --(the world has moved on)--.
 *      `----------|-----------------------------------------------------' a few times, then 409
 *                 | --unknown----> BARRIER --> LOOK: our event there? --> answered, or 504
 *                 `-impossible-------------------------------------------> 503
 */
#include "run/api_op.h"

#include "loop/clock.h"
#include "run/api_seal.h"
#include "run/audit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    store_limit_ms = 5000,
    tries_max = 5,
    seen_limit_ms = 2000,  /* committed: our own picture follows within milliseconds */
    reread_limit_ms = 300, /* refused: the same, then try on what we have */
    timer_accuracy_us = 10 * 1000,
};

enum stage {
    STAGE_STORE,
    STAGE_SEEN,
    STAGE_REREAD,
    STAGE_BARRIER,
    STAGE_LOOK,
};

struct api_op {
    struct api_ops *ops;
    struct api_op *next;
    struct http_exchange *exchange; /* NULL: the client has left */
    struct api_request request;     /* its texts are in 'texts' and 'body' */
    char *method, *target, *if_match, *idempotency_key;
    void *body;
    struct api_answer answer;
    enum stage stage;
    revision_t wanted; /* SEEN, REREAD, LOOK: the world must be as far as this */
    unsigned tries;
    uint64_t sent_us; /* to the store */
    sd_event_source *timer;
};

void api_answer_refuse(struct http_exchange *exchange, unsigned status, const char *code,
                       const char *message)
{
    struct api_answer answer = {0};
    api_answer_error(&answer, status, code, message);
    api_answer_send(exchange, &answer);
    api_answer_done(&answer);
}

void api_answer_send(struct http_exchange *exchange, const struct api_answer *answer)
{
    /* RFC 9110: a 401 says how one could come in. */
    bool needs_login = answer->status == 401;
    api_answer_send_with(exchange, answer, needs_login ? "WWW-Authenticate" : NULL, "Bearer");
}

void api_answer_send_with(struct http_exchange *exchange, const struct api_answer *answer,
                          const char *name, const char *value)
{
    const struct http_field field = {name, value};
    api_answer_send_fields(exchange, answer, &field, name ? 1 : 0);
}

void api_answer_send_fields(struct http_exchange *exchange, const struct api_answer *answer,
                            const struct http_field *fields, size_t len)
{
    char etag[api_etag_size];
    http_reply(exchange, &(struct http_answer){
                             .status = answer->status,
                             .content_type = answer->content_type,
                             .etag = answer->has_etag ? api_etag_text(answer, etag) : NULL,
                             .body = buf_str(&answer->body),
                             .body_size = answer->body.size,
                             .may_pack = answer->may_pack,
                             .fields = fields,
                             .field_len = len,
                         });
}

/* ---- the end ---- */

static void op_free(struct api_op *op)
{
    struct api_op **place = &op->ops->first;
    while (*place && *place != op) {
        place = &(*place)->next;
    }
    if (*place) {
        *place = op->next;
    }
    sd_event_source_disable_unref(op->timer);
    api_answer_done(&op->answer);
    free(op->method);
    free(op->target);
    free(op->if_match);
    free(op->idempotency_key);
    if (op->body) {
        explicit_bzero(op->body, op->request.body_size); /* may hold a password */
    }
    free(op->body);
    explicit_bzero(op, sizeof(*op)); /* as may the credential */
    free(op);
}

static void finish(struct api_op *op)
{
    if (op->exchange) {
        http_set_tag(op->exchange, NULL);
        if (op->answer.socket_kind) {
            op->ops->socket(op->ops->userdata, op->exchange);
        } else {
            api_answer_send(op->exchange, &op->answer);
        }
    }
    op_free(op);
}

static void audit(const struct api_op *op, const char *outcome)
{
    VEC_EACH(&op->answer.txn.writes, write) {
        if (write->key.kind == RECORD_EVENT && write->value) {
            audit_tell(&op->request.actor, write->value->event, outcome);
            return;
        }
    }
}

static void finish_uncommitted(struct api_op *op, enum txn_outcome outcome,
                               const struct error *error)
{
    audit(op, outcome == TXN_REFUSED ? "refused" : outcome == TXN_UNKNOWN ? "unknown" : "failed");
    api_answer_uncommitted(&op->answer, outcome, error ? error->text : NULL);
    finish(op);
}

/* ---- the way ---- */

static void send_txn(struct api_op *op);

/* Decides again on the world as it is now. */
static void handle_again(struct api_op *op)
{
    struct api_view view;
    api_answer_done(&op->answer);
    op->ops->view(op->ops->userdata, &view);
    api_handle(&view, &op->request, &op->answer);
    if (op->answer.has_txn) {
        send_txn(op);
    } else {
        finish(op);
    }
}

/* The world is far enough, or will not be in time. */
static void go_on(struct api_op *op)
{
    switch (op->stage) {
    case STAGE_SEEN:
        finish(op);
        return;
    case STAGE_REREAD:
        handle_again(op);
        return;
    case STAGE_LOOK:
        /* The audit event is in the transaction: where it is, all of it is. */
        if (world_find_key(op->ops->world, &op->answer.event)) {
            audit(op, "done");
            finish(op);
        } else {
            finish_uncommitted(op, TXN_UNKNOWN, NULL);
        }
        return;
    case STAGE_STORE:
    case STAGE_BARRIER:
        return;
    }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    (void)source, (void)usec;
    go_on(userdata);
    return 0;
}

static void wait_for(struct api_op *op, enum stage stage, revision_t revision, msec_t limit_ms)
{
    op->stage = stage;
    op->wanted = revision;
    if (revision > 0 && op->ops->world->revision >= revision) {
        go_on(op);
        return;
    }
    (void)sd_event_source_set_time_relative(op->timer, (uint64_t)limit_ms * 1000);
    (void)sd_event_source_set_enabled(op->timer, SD_EVENT_ONESHOT);
}

static void on_barrier(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                       const struct error *error)
{
    struct api_op *op = userdata;
    (void)id;
    assert(op->stage == STAGE_BARRIER);
    if (outcome == TXN_COMMITTED) {
        wait_for(op, STAGE_LOOK, revision, seen_limit_ms);
    } else {
        finish_uncommitted(op, TXN_UNKNOWN, error);
    }
}

/*
 * A transaction without an answer is never sent again: it may have been committed. After a barrier
 * the store says whether it has the event, and else the answer is that it is unknown.
 */
static void on_txn(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                   const struct error *error)
{
    struct api_op *op = userdata;
    (void)id;
    assert(op->stage == STAGE_STORE);
    counters_store(op->ops->counters, outcome == TXN_COMMITTED || outcome == TXN_REFUSED,
                   (uint64_t)clock_monotonic_us() - op->sent_us);
    switch (outcome) {
    case TXN_COMMITTED:
        op->answer.etag = revision;
        op->answer.has_etag = true;
        audit(op, "done");
        wait_for(op, STAGE_SEEN, revision, seen_limit_ms);
        return;
    case TXN_REFUSED:
        if (op->answer.may_retry && ++op->tries < tries_max) {
            wait_for(op, STAGE_REREAD, revision, reread_limit_ms);
        } else {
            finish_uncommitted(op, TXN_REFUSED, NULL);
        }
        return;
    case TXN_UNKNOWN:
        op->stage = STAGE_BARRIER;
        store_barrier(op->ops->store, store_limit_ms, 0, on_barrier, op);
        return;
    case TXN_IMPOSSIBLE:
        finish_uncommitted(op, TXN_IMPOSSIBLE, error);
        return;
    }
}

static void send_txn(struct api_op *op)
{
    struct error err;
    if (api_seal_txn(op->ops->world, &op->answer.txn, &err) < 0) {
        finish_uncommitted(op, TXN_IMPOSSIBLE, &err);
        return;
    }
    op->stage = STAGE_STORE;
    op->sent_us = (uint64_t)clock_monotonic_us();
    store_txn(op->ops->store, &op->answer.txn, store_limit_ms, 0, on_txn, op);
}

/* ---- the beginning ---- */

static bool copy_request(struct api_op *op, const struct api_request *request)
{
    op->request = *request;
    op->request.method = op->method = strdup(request->method);
    op->request.target = op->target = strdup(request->target);
    op->request.if_match = op->if_match = request->if_match ? strdup(request->if_match) : NULL;
    op->request.idempotency_key = op->idempotency_key =
        request->idempotency_key ? strdup(request->idempotency_key) : NULL;
    op->request.if_none_match = NULL; /* of reads only */
    op->request.last_event_id = NULL; /* of streams only */
    op->body = request->body_size > 0 ? malloc(request->body_size) : NULL;
    op->request.body = op->body;
    if (op->body) {
        memcpy(op->body, request->body, request->body_size);
    }
    return op->method && op->target && (op->if_match || !request->if_match) &&
           (op->idempotency_key || !request->idempotency_key) &&
           (op->body || request->body_size == 0);
}

void api_op_begin(struct api_ops *ops, struct http_exchange *exchange,
                  const struct api_request *request, struct api_answer *answer)
{
    struct api_op *op = calloc(1, sizeof(*op));
    assert(answer->has_txn);
    if (!op) {
        api_answer_uncommitted(answer, TXN_IMPOSSIBLE, "out of memory");
        api_answer_send(exchange, answer);
        api_answer_done(answer);
        return;
    }
    op->ops = ops;
    op->exchange = exchange;
    op->answer = *answer;
    *answer = (struct api_answer){0};
    op->next = ops->first;
    ops->first = op;
    if (!copy_request(op, request) ||
        sd_event_add_time(ops->event, &op->timer, CLOCK_MONOTONIC, 0, timer_accuracy_us, on_timer,
                          op) < 0 ||
        sd_event_source_set_enabled(op->timer, SD_EVENT_OFF) < 0) {
        finish_uncommitted(op, TXN_IMPOSSIBLE, NULL);
        return;
    }
    http_set_tag(exchange, op);
    send_txn(op);
}

void api_ops_progress(struct api_ops *ops)
{
    struct api_op *next;
    for (struct api_op *op = ops->first; op; op = next) {
        next = op->next;
        bool waits =
            op->stage == STAGE_SEEN || op->stage == STAGE_REREAD || op->stage == STAGE_LOOK;
        if (waits && op->wanted > 0 && ops->world->revision >= op->wanted) {
            (void)sd_event_source_set_enabled(op->timer, SD_EVENT_OFF);
            go_on(op);
        }
    }
}

void api_op_forget(struct api_op *op)
{
    op->exchange = NULL;
}

void api_ops_done(struct api_ops *ops)
{
    while (ops->first) {
        op_free(ops->first);
    }
}
