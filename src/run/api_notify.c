/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/api_notify.h"

#include "base/parse.h"
#include "loop/clock.h"
#include "loop/memory.h"
#include "notify/common.h"
#include "notify/webhook.h"
#include "run/api_op.h"
#include "run/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
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
                                        tries_max * (notify_limit_ms + look_ms),
              "the next coordinator forgets what this one still tries to tell");
static_assert((int)mail_text_size >= (int)config_text_size, "every address and server fits");

/* One message on its way, with all that its thread needs: one that hangs is left behind. */
struct post {
    struct task task;
    bool is_wanted[notify_kind_count];
    bool is_test;
    char webhook_file[config_text_size];
    char mail_password_file[config_text_size];
    struct mail mail;
    int64_t seconds; /* wall clock */
    struct notice_message message;
    int result;
    struct error err;
};

/* ---- the thread ---- */

static int post_to_webhook(struct post *post)
{
    struct webhook webhook;
    int r = webhook_read(post->webhook_file, &webhook, &post->err);
    if (r == 0) {
        r = webhook_post(&webhook, buf_str(&post->message.json), post->message.json.size,
                         &post->err);
    }
    explicit_bzero(&webhook, sizeof(webhook));
    return r;
}

static int post_by_mail(struct post *post)
{
    int r = post->mail_password_file[0]
                ? mail_read_login(post->mail_password_file, &post->mail, &post->err)
                : 0;
    return r < 0 ? r
                 : mail_send(&post->mail, buf_str(&post->message.text), post->seconds,
                             post->is_test, &post->err);
}

/* A test goes both ways: that one fails does not hide what the other one says. */
static void post_run(struct task *task)
{
    struct post *post = (struct post *)task;
    int r = post->is_wanted[NOTIFY_WEBHOOK] ? post_to_webhook(post) : 0;
    const struct error first = post->err;
    post->result = post->is_wanted[NOTIFY_MAIL] ? post_by_mail(post) : 0;
    if (r < 0 && post->is_wanted[NOTIFY_MAIL]) {
        const struct error second = post->err;
        (void)error_set(&post->err, r, "%s; %s", first.text,
                        post->result < 0 ? second.text : "the mail server accepted it");
    }
    post->result = r < 0 ? r : post->result;
}

static void post_release(struct task *task)
{
    struct post *post = (struct post *)task;
    notice_message_done(&post->message);
    explicit_bzero(&post->mail, sizeof(post->mail));
    free(post);
}

/* ---- what goes to it ---- */

static void address_mail(struct mail *mail, const struct config *config)
{
    (void)copy_text(mail->server, sizeof(mail->server), config->mail_server);
    (void)snprintf(mail->from, sizeof(mail->from), "berth@%s", config->node);
    if (config->mail_from[0]) {
        (void)copy_text(mail->from, sizeof(mail->from), config->mail_from);
    }
    mail->to_len = config->mail_to_len;
    for (size_t i = 0; i < config->mail_to_len; i++) {
        (void)copy_text(mail->to[i], sizeof(mail->to[i]), config->mail_to[i].text);
    }
}

static struct post *post_new(const struct api_notify *notify, const struct notice_message *message,
                             void (*arrive)(void *userdata, struct task *task))
{
    struct post *post = must(calloc(1, sizeof(*post)));
    post->task = (struct task){.run = post_run, .arrive = arrive, .release = post_release};
    memcpy(post->webhook_file, notify->config->webhook_file, sizeof(post->webhook_file));
    memcpy(post->mail_password_file, notify->config->mail_password_file,
           sizeof(post->mail_password_file));
    address_mail(&post->mail, notify->config);
    post->seconds = (int64_t)clock_wall_ms() / 1000;
    buf_add(&post->message.json, message->json.data, message->json.size);
    buf_add(&post->message.text, message->text.data, message->text.size);
    if (post->message.json.failed || post->message.text.failed) {
        memory_is_out();
    }
    return post;
}

/* ---- messages ---- */

static void drop_first(struct notify_way *way)
{
    notice_message_done(&way->queue.items[0]);
    VEC_REMOVE(&way->queue, 0);
    way->tries = 0;
    way->next_ms = 0;
}

static void end_try(struct notify_way *way, const struct post *post)
{
    way->is_sending = false;
    if (post->result == 0) {
        drop_first(way);
        return;
    }
    way->tries++;
    /* One that is refused for good must not hold up those behind it. */
    if (post->result == -EBADMSG || way->tries >= tries_max) {
        journal_line(LOG_ERR, "a message about problems is dropped (tries: %u): %s", way->tries,
                     post->err.text);
        drop_first(way);
        return;
    }
    if (way->tries == 1) {
        journal_line(LOG_WARNING, "a message about problems is tried again: %s", post->err.text);
    }
    way->next_ms = clock_monotonic_ms() + ((msec_t)pause_first_ms << (way->tries - 1));
}

static void posted(void *userdata, struct task *task)
{
    struct api_notify *notify = userdata;
    const struct post *post = (const struct post *)task;
    for (size_t i = 0; i < notify_kind_count; i++) {
        if (post->is_wanted[i]) {
            end_try(&notify->ways[i], post);
        }
    }
}

static bool is_coordinator(const struct api_notify *notify, const struct world *world)
{
    const struct record *leader = world_find(world, RECORD_LEADER, "");
    return leader && strcmp(leader->leader->node, notify->config->node) == 0;
}

static void enqueue(struct notify_way *way, const struct notice_message *message)
{
    if (way->queue.len >= waiting_max) {
        journal_line(LOG_ERR, "a message about problems is dropped: %d wait already", waiting_max);
        return;
    }
    struct notice_message *place = must(VEC_ADD(&way->queue));
    *place = (struct notice_message){0};
    buf_add(&place->json, message->json.data, message->json.size);
    buf_add(&place->text, message->text.data, message->text.size);
    if (place->json.failed || place->text.failed) {
        memory_is_out();
    }
}

static void see_problems(struct api_notify *notify)
{
    struct api_view view;
    CLEANUP(notice_message_done) struct notice_message message = {0};
    notify->view(notify->userdata, &view);
    if (!view.world->is_complete) {
        return;
    }
    if (!notices_look(&notify->notices, &view, is_coordinator(notify, view.world), &message)) {
        memory_is_out();
    }
    for (size_t i = 0; message.json.size > 0 && i < notify_kind_count; i++) {
        if (notify->ways[i].workers) {
            enqueue(&notify->ways[i], &message);
        }
    }
}

static void timer_due(void *userdata)
{
    struct api_notify *notify = userdata;
    see_problems(notify);
    for (size_t i = 0; i < notify_kind_count; i++) {
        struct notify_way *way = &notify->ways[i];
        if (way->queue.len > 0 && !way->is_sending && clock_monotonic_ms() >= way->next_ms) {
            struct post *post = post_new(notify, &way->queue.items[0], posted);
            post->is_wanted[i] = true;
            way->is_sending = true;
            workers_submit(way->workers, &post->task);
        }
    }
    loop_timer_after(&notify->timer, look_ms);
}

/* ---- the test ---- */

static void answer_test(struct http_exchange *exchange, const struct post *post)
{
    struct api_answer answer = {.status = 200, .content_type = "application/json"};
    bool by_webhook = post->is_wanted[NOTIFY_WEBHOOK], by_mail = post->is_wanted[NOTIFY_MAIL];
    if (post->result < 0) {
        api_answer_refuse(exchange, 502, "not-delivered", post->err.text);
        return;
    }
    buf_printf(&answer.body, "{\"message\":\"%s%s%s accepted the test message\"}\n",
               by_webhook ? "the webhook" : "", by_webhook && by_mail ? " and " : "",
               by_mail ? "the mail server" : "");
    api_answer_send(exchange, &answer);
    api_answer_done(&answer);
}

/* One thread sends them: they come back in order. */
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
    CLEANUP(notice_message_done) struct notice_message message = {0};
    assert(notify->test_workers);
    if (notify->tests.len >= tests_max) {
        api_answer_refuse(exchange, 429, "busy",
                          "other test messages are on their way; try again in a moment");
        return;
    }
    notify->view(notify->userdata, &view);
    notice_test(&view, &message);
    struct post *post = post_new(notify, &message, test_posted);
    post->is_test = true;
    for (size_t i = 0; i < notify_kind_count; i++) {
        post->is_wanted[i] = notify->ways[i].workers != NULL;
    }
    *must(VEC_ADD(&notify->tests)) = exchange;
    workers_submit(notify->test_workers, &post->task);
}

void api_notify_forget(struct api_notify *notify, const struct http_exchange *exchange)
{
    VEC_EACH(&notify->tests, each) {
        if (*each == exchange) {
            *each = NULL;
        }
    }
}

bool api_notify_is_on(const struct api_notify *notify)
{
    return notify->test_workers;
}

/* ---- beginning and end ---- */

int api_notify_start(struct api_notify *notify, sd_event *event, struct error *err)
{
    const bool is_set[notify_kind_count] = {
        [NOTIFY_WEBHOOK] = notify->config->webhook_file[0] != '\0',
        [NOTIFY_MAIL] = notify->config->mail_to_len > 0,
    };
    if (!is_set[NOTIFY_WEBHOOK] && !is_set[NOTIFY_MAIL]) {
        return 0;
    }
    int r = mailbox_new(event, notify, &notify->box);
    for (size_t i = 0; i < notify_kind_count; i++) {
        r = r < 0 || !is_set[i] ? r : workers_new(notify->box, 1, &notify->ways[i].workers);
    }
    r = r < 0 ? r : workers_new(notify->box, 1, &notify->test_workers);
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
    for (size_t i = 0; i < notify_kind_count; i++) {
        struct notify_way *way = &notify->ways[i];
        way->workers = workers_free(way->workers, false);
        VEC_EACH(&way->queue, each) {
            notice_message_done(each);
        }
        VEC_DONE(&way->queue);
    }
    notify->test_workers = workers_free(notify->test_workers, false);
    notify->box = mailbox_unref(notify->box);
    loop_timer_done(&notify->timer);
    VEC_DONE(&notify->tests);
    notices_done(&notify->notices);
}
