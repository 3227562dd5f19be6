/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tells problems that begin and end, while this host coordinates, in each way that berth.conf
 * names: a webhook, mail (api/notice.h says what). Each way has a thread and a queue of its own, so
 * that none waits for another, and sends its messages in order, one at a time; one that is not
 * accepted is tried again with growing pauses, and dropped after some minutes, which the journal
 * says. At most so many wait: the rest is dropped, too. Test messages have a thread of their own:
 * they are not to wait for what hangs.
 */
#pragma once

#include "api/notice.h"
#include "http/http.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "run/config.h"

enum notify_kind { NOTIFY_WEBHOOK, NOTIFY_MAIL, notify_kind_count };

struct notify_way {
    struct workers *workers;          /* one thread; NULL: this way is not set */
    VEC(struct notice_message) queue; /* the first is being sent, or waits for its next try */
    bool is_sending;
    unsigned tries; /* of the first that failed */
    msec_t next_ms;
};

struct api_notify {
    const struct config *config;
    void (*view)(void *userdata, struct api_view *ret);
    void *userdata;
    struct loop_timer timer;
    struct mailbox *box;
    struct notify_way ways[notify_kind_count];
    struct workers *test_workers; /* one thread; NULL: no way is set */
    struct notices notices;
    VEC(struct http_exchange *) tests; /* whose clients wait; NULL: one has left */
};

/* 'notify' has its first three members, and is not moved. -errno. */
int api_notify_start(struct api_notify *notify, sd_event *event, struct error *err);
void api_notify_done(struct api_notify *notify);

/* Whether there is a way to tell anything. */
bool api_notify_is_on(const struct api_notify *notify);

/* Sends a test message in each way, and answers 'exchange' with what came of it. */
void api_notify_test(struct api_notify *notify, struct http_exchange *exchange);
/* Its client has left. */
void api_notify_forget(struct api_notify *notify, const struct http_exchange *exchange);
