/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One change on its way: handled, sent to the store, seen in our own world, answered. */
#pragma once

#include "api/api.h"
#include "api/counters.h"
#include "http/http.h"
#include "run/store.h"

/* What all changes share; the server's. */
struct api_ops {
    sd_event *event;
    struct store *store;
    const struct world *world;
    struct counters *counters;
    /* Fills in what is known now, for one more handling. */
    void (*view)(void *userdata, struct api_view *ret);
    /* The answer is a WebSocket, and committed. */
    void (*socket)(void *userdata, struct http_exchange *exchange);
    void *userdata;
    struct api_op *first;
};

/* Takes over 'answer', which has a transaction made from 'request'; copies 'request'. The exchange
 * is answered when the outcome is known, unless api_op_forget() comes before. */
void api_op_begin(struct api_ops *ops, struct http_exchange *exchange,
                  const struct api_request *request, struct api_answer *answer);

/* The world has moved on: those that waited for it go on. */
void api_ops_progress(struct api_ops *ops);

/* The client has left; what is on its way to the store goes on. */
void api_op_forget(struct api_op *op);

/* After store_free(): drops them all without an answer. */
void api_ops_done(struct api_ops *ops);

/* Sends an error out. */
void api_answer_refuse(struct http_exchange *exchange, unsigned status, const char *code,
                       const char *message);

/* Sends 'answer' out; the other with one more header. */
void api_answer_send(struct http_exchange *exchange, const struct api_answer *answer);
void api_answer_send_with(struct http_exchange *exchange, const struct api_answer *answer,
                          const char *name, const char *value);
/* The same with several. */
void api_answer_send_fields(struct http_exchange *exchange, const struct api_answer *answer,
                            const struct http_field *fields, size_t len);
