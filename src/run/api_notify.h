/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells problems that begin and end to the webhook of this host, while this host coordinates
 * (api/notice.h says what). Messages are posted by a thread, in order, one at a time; one that is
 * not accepted is tried again with growing pauses, and dropped after some minutes, which the
 * journal says. At most so many wait: the rest is dropped, too.
 */
#pragma once

#include "api/notice.h"
#include "http/http.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "run/config.h"

struct api_notify {
    const struct config *config;
    void (*view)(void *userdata, struct api_view *ret);
    void *userdata;
    struct loop_timer timer;
    struct mailbox *box;
    struct workers *workers; /* NULL: no webhook is set */
    struct notices notices;
    VEC(struct buf) queue; /* the first is being posted, or waits for its next try */
    bool is_posting;
    unsigned tries; /* of the first that failed */
    msec_t next_ms;
    VEC(struct http_exchange *) tests; /* whose clients wait; NULL: one has left */
};

/* 'notify' has its first three members, and is not moved. -errno. */
int api_notify_start(struct api_notify *notify, sd_event *event, struct error *err);
void api_notify_done(struct api_notify *notify);

/* Posts a test message, and answers 'exchange' with what came of it. */
void api_notify_test(struct api_notify *notify, struct http_exchange *exchange);
/* Its client has left. */
void api_notify_forget(struct api_notify *notify, const struct http_exchange *exchange);
