/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/api_notify.h"

#include "loop/clock.h"
#include "loop/memory.h"
#include "notify/webhook.h"
#include "run/api_op.h"
#include "run/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    look_ms = 2500,
    waiting_max = 64,
    tries_max = 8,
    pause_first_ms = 2000, /* doubled with each try: some four minutes in all */
    tests_max = 4,
};

static_assert(notice_hand_over_ms > pause_first_ms * ((1 << (tries_max - 1)) - 1) +
                                        tries_max * (webhook_limit_ms + look_ms),
              "the next coordinator forgets what this one still tries to tell");

/* One message on its way. */
struct post {
    struct task task;
    char path[config_text_size];
    struct buf body;
    int result;
    struct error err;
};

static void post_run(struct task *task)
{
    struct post *post = (struct post *)task;
    struct webhook webhook;
    post->result = webhook_read(post->path, &webhook, &post->err);
    if (post->result == 0) {
        post->result = webhook_post(&webhook, buf_str(&post->body), post->body.size, &post->err);
    }
    explicit_bzero(&webhook, sizeof(webhook));
}

static void post_release(struct task *task)
{
    struct post *post = (struct post *)task;
    buf_done(&post->body);
    free(post);
}

static void post_submit(struct api_notify *notify, const struct buf *body,
                        void (*arrive)(void *userdata, struct task *task))
{
    struct post *post = must(calloc(1, sizeof(*post)));
    post->task = (struct task){.run = post_run, .arrive = arrive, .release = post_release};
    memcpy(post->path, notify->config->webhook_file, sizeof(post->path));
    buf_add(&post->body, body->data, body->size);
    if (post->body.failed) {
        memory_is_out();
    }
    workers_submit(notify->workers, &post->task);
}

/* ---- messages ---- */

static void drop_first(struct api_notify *notify)
{
    buf_done(&notify->queue.items[0]);
    VEC_REMOVE(&notify->queue, 0);
    notify->tries = 0;
    notify->next_ms = 0;
}

static void posted(void *userdata, struct task *task)
{
    struct api_notify *notify = userdata;
    const struct post *post = (const struct post *)task;
    notify->is_posting = false;
    if (post->result == 0) {
        drop_first(notify);
        return;
    }
    notify->tries++;
    /* One that is refused for good must not hold up those behind it. */
    if (post->result == -EBADMSG || notify->tries >= tries_max) {
        journal_line(LOG_ERR, "a message about problems is dropped (tries: %u): %s", notify->tries,
                     post->err.text);
        drop_first(notify);
        return;
    }
    if (notify->tries == 1) {
        journal_line(LOG_WARNING, "a message about problems is tried again: %s", post->err.text);
    }
    notify->next_ms = clock_monotonic_ms() + ((msec_t)pause_first_ms << (notify->tries - 1));
}

static bool is_coordinator(const struct api_notify *notify, const struct world *world)
{
    const struct record *leader = world_find(world, RECORD_LEADER, "");
    return leader && strcmp(leader->leader->node, notify->config->node) == 0;
}

static void see_problems(struct api_notify *notify)
{
    struct api_view view;
    struct buf message = {0};
    notify->view(notify->userdata, &view);
    if (!view.world->is_complete) {
        return;
    }
    if (!notices_look(&notify->notices, &view, is_coordinator(notify, view.world), &message)) {
        memory_is_out();
    }
    if (message.size == 0) {
        return;
    }
    if (notify->queue.len >= waiting_max) {
        journal_line(LOG_ERR, "a message about problems is dropped: %d wait already", waiting_max);
        buf_done(&message);
        return;
    }
    *must(VEC_ADD(&notify->queue)) = message;
}

static void timer_due(void *userdata)
{
    struct api_notify *notify = userdata;
    see_problems(notify);
    if (notify->queue.len > 0 && !notify->is_posting && clock_monotonic_ms() >= notify->next_ms) {
        notify->is_posting = true;
        post_submit(notify, &notify->queue.items[0], posted);
    }
    loop_timer_after(&notify->timer, look_ms);
}

/* ---- the test ---- */

static void answer_test(struct http_exchange *exchange, const struct post *post)
{
    struct api_answer answer = {.status = 200, .content_type = "application/json"};
    if (post->result < 0) {
        api_answer_refuse(exchange, 502, "not-delivered", post->err.text);
        return;
    }
    buf_printf(&answer.body, "{\"message\":\"the webhook accepted the test message\"}\n");
    api_answer_send(exchange, &answer);
    api_answer_done(&answer);
}

/* One thread posts: they come back in order. */
static void test_posted(void *userdata, struct task *task)
{
    struct api_notify *notify = userdata;
    assert(notify->tests.len > 0);
    struct http_exchange *exchange = notify->tests.items[0];
    VEC_REMOVE(&notify->tests, 0);
    if (exchange) {
        answer_test(exchange, (const struct post *)task);
    }
}

void api_notify_test(struct api_notify *notify, struct http_exchange *exchange)
{
    struct api_view view;
    CLEANUP(buf_done) struct buf body = {0};
    assert(notify->workers);
    if (notify->tests.len >= tests_max) {
        api_answer_refuse(exchange, 429, "busy",
                          "other test messages are on their way; try again in a moment");
        return;
    }
    notify->view(notify->userdata, &view);
    notice_test(&view, &body);
    *must(VEC_ADD(&notify->tests)) = exchange;
    post_submit(notify, &body, test_posted);
}

void api_notify_forget(struct api_notify *notify, const struct http_exchange *exchange)
{
    VEC_EACH(&notify->tests, each) {
        if (*each == exchange) {
            *each = NULL;
        }
    }
}

/* ---- beginning and end ---- */

int api_notify_start(struct api_notify *notify, sd_event *event, struct error *err)
{
    if (!notify->config->webhook_file[0]) {
        return 0;
    }
    int r = mailbox_new(event, notify, &notify->box);
    r = r < 0 ? r : workers_new(notify->box, 1, &notify->workers);
    r = r < 0 ? r : loop_timer_init(&notify->timer, event, CLOCK_MONOTONIC, timer_due, notify);
    if (r < 0) {
        return error_set(err, r, "cannot set up the messages about problems: %s", strerror(-r));
    }
    loop_timer_after(&notify->timer, look_ms);
    return 0;
}

void api_notify_done(struct api_notify *notify)
{
    mailbox_close(notify->box);
    notify->workers = workers_free(notify->workers, false);
    notify->box = mailbox_unref(notify->box);
    loop_timer_done(&notify->timer);
    VEC_EACH(&notify->queue, each) {
        buf_done(each);
    }
    VEC_DONE(&notify->queue);
    VEC_DONE(&notify->tests);
    notices_done(&notify->notices);
}
