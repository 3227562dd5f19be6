/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/api_server.h"

#include "api/changes.h"
#include "api/counters.h"
#include "api/survival.h"
#include "base/parse.h"
#include "http/certificate.h"
#include "model/name.h"
#include "run/api_gate.h"
#include "run/api_listen.h"
#include "run/api_op.h"
#include "run/open_store.h"
#include "run/web.h"

#include <systemd/sd-daemon.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    changes_wait_ms = 100, /* what changes together is told together */
    pulse_check_ms = 500,
    timer_accuracy_us = 10 * 1000,
    failures_told_max = 10, /* of logins, in each such span */
    failures_span_ms = 60 * 1000,
    note_limit_ms = 5000,
    http_say_ms = 10 * 1000,
    keep_alive_s = 15, /* a comment in each stream: proxies and clients see that it lives */
};

struct follower {
    struct http_exchange *exchange;
    struct api_who who;
    char last[name_size]; /* the newest event it was sent */
    bool wants_changes;
};

struct api_server {
    const struct config *config;
    sd_event *event;
    sd_event_source *keep_alive, *changes_timer, *pulse_timer;
    struct changes changes;
    struct counters counters;
    struct survival_memo survival_memo;
    struct store *store;
    struct http_server *http, *https;
    struct world world;
    struct liveness liveness;
    bool is_in_snapshot;
    msec_t stale_since_ms;
    uint64_t requests;
    char writer[25];
    struct api_ops ops;
    struct api_gate *gate;
    msec_t failures_since_ms; /* of logins */
    unsigned failures;
    msec_t http_said_ms;
    VEC(struct follower) followers;
};

static msec_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (msec_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A line for the journal. */
PRINTF_LIKE(2, 3) static void say(const char *priority, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs(priority, stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

static void fill_view(void *userdata, struct api_view *ret)
{
    struct api_server *server = userdata;
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    *ret = (struct api_view){
        .world = &server->world,
        .liveness = &server->liveness,
        .now_ms = now_ms(),
        .stale_since_ms = server->stale_since_ms,
        .wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000,
        .counters = &server->counters,
        .survival_memo = &server->survival_memo,
        .writer = server->writer,
        .number = ++server->requests,
    };
    if (getrandom(ret->random, sizeof(ret->random), 0) != (ssize_t)sizeof(ret->random)) {
        abort(); /* so few bytes never fail (getrandom(2)) */
    }
}

/* ---- streams ---- */

/* Sends the event to all; whoever does not keep up is cut off. */
static void tell_followers(struct api_server *server, const struct record *event)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (server->followers.len == 0) {
        return;
    }
    api_event_text(event, &text);
    VEC_EACH(&server->followers, follower) {
        (void)copy_text(follower->last, sizeof(follower->last), event->key.name);
        (void)http_stream_send(follower->exchange, buf_str(&text), text.size);
    }
}

/* What came after the follower's last one. */
static void catch_up(struct api_server *server, struct follower *follower)
{
    CLEANUP(buf_done) struct buf text = {0};
    WORLD_EACH(&server->world, RECORD_EVENT, each) {
        if (strcmp((*each)->key.name, follower->last) > 0) {
            api_event_text(*each, &text);
            (void)copy_text(follower->last, sizeof(follower->last), (*each)->key.name);
        }
    }
    if (text.size > 0) {
        (void)http_stream_send(follower->exchange, buf_str(&text), text.size);
    }
}

/* ---- which things look different ---- */

/* They are told in a moment, together with what changes until then. */
static void tell_changes_soon(struct api_server *server)
{
    int is_due = SD_EVENT_OFF;
    (void)sd_event_source_get_enabled(server->changes_timer, &is_due);
    if (is_due == SD_EVENT_OFF) {
        (void)sd_event_source_set_time_relative(server->changes_timer,
                                                (uint64_t)changes_wait_ms * 1000);
        (void)sd_event_source_set_enabled(server->changes_timer, SD_EVENT_ONESHOT);
    }
}

static int on_changes_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct api_server *server = userdata;
    (void)source, (void)usec;
    changes_take(&server->changes, server->world.revision, &text);
    VEC_EACH(&server->followers, follower) {
        if (follower->wants_changes && text.size > 0) {
            (void)http_stream_send(follower->exchange, buf_str(&text), text.size);
        }
    }
    return 0;
}

static int on_pulse_check(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct api_server *server = userdata;
    struct api_view view;
    (void)usec;
    fill_view(server, &view);
    if (changes_note_pulses(&server->changes, &view)) {
        tell_changes_soon(server);
    }
    (void)sd_event_source_set_time_relative(source, (uint64_t)pulse_check_ms * 1000);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Ends the streams of those who might not begin one any more. */
static void cut_streams(struct api_server *server)
{
    VEC_EACH(&server->followers, follower) {
        if (!api_gate_is_valid(server->gate, &follower->who)) {
            http_stream_end(follower->exchange);
        }
    }
}

static int on_keep_alive(sd_event_source *source, uint64_t usec, void *userdata)
{
    static const char comment[] = ": still here\n\n";
    struct api_server *server = userdata;
    (void)usec;
    cut_streams(server);
    VEC_EACH(&server->followers, follower) {
        (void)http_stream_send(follower->exchange, comment, sizeof(comment) - 1);
    }
    (void)sd_event_source_set_time_relative(source, (uint64_t)keep_alive_s * 1000000);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void begin_stream(struct api_server *server, struct http_exchange *exchange,
                         const struct api_answer *answer, const struct api_who *who)
{
    struct follower *follower = VEC_ADD(&server->followers);
    if (!follower) {
        struct api_answer error = {0};
        api_answer_error(&error, 503, "out-of-memory", "out of memory");
        api_answer_send(exchange, &error);
        api_answer_done(&error);
        return;
    }
    static const char greeting[] = ": events of the cluster, as they happen\n\n";
    follower->exchange = exchange;
    follower->who = *who;
    follower->wants_changes = answer->wants_changes;
    (void)copy_text(follower->last, sizeof(follower->last), answer->follow_after);
    http_stream_begin(exchange, answer->content_type);
    (void)http_stream_send(exchange, greeting, sizeof(greeting) - 1);
    catch_up(server, follower);
}

/* ---- requests ---- */

/* Answers the request of 'who', once it is known who that is. */
static void answer_request(struct api_server *server, struct http_exchange *exchange,
                           const struct api_who *who, const struct api_credential *credential)
{
    const struct http_request *request = http_exchange_request(exchange);
    const char *accept = http_header(exchange, "Accept");
    struct api_request asked = {
        .method = request->method,
        .target = request->target,
        .if_match = http_header(exchange, "If-Match"),
        .if_none_match = http_header(exchange, "If-None-Match"),
        .idempotency_key = http_header(exchange, "Idempotency-Key"),
        .last_event_id = http_header(exchange, "Last-Event-ID"),
        .wants_stream = accept && strstr(accept, "text/event-stream"),
        .body = request->body,
        .body_size = request->body_size,
        .actor = who->actor,
    };
    struct api_view view;
    struct api_answer answer;
    if (credential) {
        asked.credential = *credential;
    }
    fill_view(server, &view);
    api_handle(&view, &asked, &answer);
    if (answer.has_txn) {
        api_op_begin(&server->ops, exchange, &asked, &answer);
    } else if (answer.is_stream) {
        begin_stream(server, exchange, &answer, who);
    } else if (answer.effect == EFFECT_HASH) {
        api_gate_hash(server->gate, exchange, who, answer.password);
    } else if (answer.effect == EFFECT_LOGIN) {
        api_gate_login(server->gate, exchange, who, answer.user, answer.password);
    } else if (answer.effect == EFFECT_LOGOUT) {
        api_answer_send_with(exchange, &answer, "Set-Cookie", api_gate_logout(server->gate, who));
        cut_streams(server);
    } else {
        api_answer_send(exchange, &answer);
    }
    explicit_bzero(&asked.credential, sizeof(asked.credential));
    api_answer_done(&answer);
}

static void on_entered(void *userdata, struct http_exchange *exchange, const struct api_who *who)
{
    answer_request(userdata, exchange, who, NULL);
}

static void on_hashed(void *userdata, struct http_exchange *exchange, const struct api_who *who,
                      const struct api_credential *credential)
{
    answer_request(userdata, exchange, who, credential);
}

/* Who one is now: what GET would answer. */
static void on_logged_in(void *userdata, struct http_exchange *exchange, const struct api_who *who,
                         const char *cookie)
{
    struct api_server *server = userdata;
    const struct api_request asked = {
        .method = "GET", .target = "/v1/session", .actor = who->actor};
    struct api_view view;
    struct api_answer answer;
    fill_view(server, &view);
    api_handle(&view, &asked, &answer);
    api_answer_send_with(exchange, &answer, "Set-Cookie", cookie);
    api_answer_done(&answer);
    say("<6>", "%s logged in from %s", who->actor.name, who->actor.address);
}

static void on_noted(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                     const struct error *error)
{
    /* It is in the journal, too: nothing more is done for it. */
    (void)userdata, (void)id, (void)outcome, (void)revision, (void)error;
}

/* Told in the journal and in the cluster's events; a flood of them only in part. */
static void on_login_failed(void *userdata, const char *name, const char *address)
{
    struct api_server *server = userdata;
    struct api_request asked = {.actor.name = "nobody"};
    struct api_view view;
    struct api_answer answer;
    char text[reason_size];
    if (now_ms() - server->failures_since_ms >= failures_span_ms) {
        server->failures_since_ms = now_ms();
        server->failures = 0;
    }
    if (++server->failures > failures_told_max) {
        return;
    }
    bool is_name = name_check("user's", name, NULL) == 0;
    (void)copy_text(asked.actor.address, sizeof(asked.actor.address), address);
    (void)snprintf(text, sizeof(text), "wrong password or token for %s, from %s%s",
                   is_name ? name : "what is no name", address,
                   server->failures == failures_told_max ? "; more of this is not told now" : "");
    say("<5>", "%s", text);
    if (store_is_stale(server->store)) {
        return;
    }
    fill_view(server, &view);
    api_note(&view, &asked, "login-failed", is_name ? name : "", text, &answer);
    if (answer.has_txn) {
        store_txn(server->store, &answer.txn, note_limit_ms, 0, on_noted, NULL);
    }
    api_answer_done(&answer);
}

static void on_request(void *userdata, struct http_exchange *exchange,
                       const struct http_request *request)
{
    struct api_server *server = userdata;
    if (!web_serve(&web_table, exchange, request)) {
        api_gate_enter(server->gate, exchange);
    }
}

static void on_closed(void *userdata, struct http_exchange *exchange)
{
    struct api_server *server = userdata;
    struct api_op *op = http_tag(exchange);
    counters_answer(&server->counters, http_status(exchange));
    if (op) {
        api_op_forget(op);
    }
    api_gate_forget(server->gate, exchange);
    for (size_t i = 0; i < server->followers.len; i++) {
        if (server->followers.items[i].exchange == exchange) {
            VEC_REMOVE(&server->followers, i);
            return;
        }
    }
}

static void on_http_log(void *userdata, const char *text)
{
    struct api_server *server = userdata;
    /* Strangers who cannot speak TLS make it speak: bounded, as failed logins are. */
    if (now_ms() - server->http_said_ms >= http_say_ms) {
        server->http_said_ms = now_ms();
        say("<4>", "http: %s", text);
    }
}

/* ---- the store ---- */

static void on_reset(void *userdata)
{
    struct api_server *server = userdata;
    server->is_in_snapshot = true;
    world_snapshot_begin(&server->world);
}

static void on_record(void *userdata, struct record *record)
{
    struct api_server *server = userdata;
    if (!server->is_in_snapshot) {
        counters_record(&server->counters, &server->world, record);
    }
    bool is_kept = world_put(&server->world, record);
    if (record->key.kind == RECORD_NODE_ALIVE) {
        is_kept &= liveness_observe(&server->liveness, record, now_ms());
    }
    if (!is_kept) {
        abort(); /* out of memory: started anew, it reads the store again */
    }
    if (!server->is_in_snapshot && changes_note(&server->changes, &record->key)) {
        tell_changes_soon(server);
    }
    if (record->key.kind == RECORD_EVENT && !server->is_in_snapshot) {
        tell_followers(server, record);
    }
    if (record->key.kind == RECORD_ACCESS && !server->is_in_snapshot) {
        cut_streams(server);
    }
}

static void on_removed(void *userdata, const struct record_key *key, revision_t revision)
{
    struct api_server *server = userdata;
    world_remove(&server->world, key, revision);
    if (key->kind == RECORD_ACCESS) {
        cut_streams(server);
    }
    if (changes_note(&server->changes, key)) {
        tell_changes_soon(server);
    }
}

static void on_unreadable(void *userdata, const struct record_key *key)
{
    struct api_server *server = userdata;
    if (!world_mark_unreadable(&server->world, key)) {
        abort(); /* out of memory, as above */
    }
}

static void on_synced(void *userdata, revision_t revision)
{
    struct api_server *server = userdata;
    server->is_in_snapshot = false;
    world_snapshot_end(&server->world, revision);
    changes_note_all(&server->changes);
    tell_changes_soon(server);
    VEC_EACH(&server->followers, follower) {
        catch_up(server, follower);
    }
    cut_streams(server);
    say("<6>", "the store's content is here (revision %lld)", (long long)revision);
    api_ops_progress(&server->ops);
}

static void on_progress(void *userdata, revision_t revision)
{
    struct api_server *server = userdata;
    world_advance(&server->world, revision);
    api_ops_progress(&server->ops);
}

static void on_stale(void *userdata, bool is_stale)
{
    struct api_server *server = userdata;
    server->stale_since_ms = is_stale ? now_ms() : MSEC_NEVER;
    changes_note_all(&server->changes);
    tell_changes_soon(server);
    say(is_stale ? "<4>" : "<6>", "the store %s",
        is_stale ? "is silent: what is shown may be old" : "answers");
}

static void on_bad(void *userdata, const char *key, revision_t revision, const struct error *error)
{
    (void)userdata;
    say("<4>", "%s (revision %lld) cannot be read and is left out: %s", key, (long long)revision,
        error->text);
}

static void on_trouble(void *userdata, const struct error *error)
{
    (void)userdata;
    say("<4>", "store: %s", error->text);
}

static int start_store(struct api_server *server, struct error *err)
{
    static const struct store_observer observer = {
        .reset = on_reset,
        .record = on_record,
        .removed = on_removed,
        .unreadable = on_unreadable,
        .synced = on_synced,
        .progress = on_progress,
        .stale = on_stale,
        .bad = on_bad,
        .trouble = on_trouble,
    };
    return open_store(server->event, server->config, &observer, server, &server->store, err);
}

/* ---- beginning and end ---- */

static int start_http(struct api_server *server, struct error *err)
{
    static const struct http_handler handler = {
        .request = on_request,
        .closed = on_closed,
        .log = on_http_log,
    };
    char fingerprint[certificate_fingerprint_size];
    int r = api_listen_local(server->event, server->config, &handler, server, &server->http, err);
    r = r < 0 ? r
              : api_listen_https(server->event, server->config, &handler, server, &server->https,
                                 fingerprint, err);
    if (r == 0 && server->https) {
        say("<6>", "the console and the API are at https://%s; SHA-256 of the certificate: %s",
            server->config->https_listen, fingerprint);
    }
    return r;
}

static int start_loop(struct api_server *server, struct error *err)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN);
    int r = -sigprocmask(SIG_BLOCK, &signals, NULL);
    r = r < 0 ? -errno : sd_event_new(&server->event);
    r = r < 0 ? r : sd_event_add_signal(server->event, NULL, SIGTERM, NULL, NULL);
    r = r < 0 ? r : sd_event_add_signal(server->event, NULL, SIGINT, NULL, NULL);
    r = r < 0 ? r
              : sd_event_add_time_relative(server->event, &server->keep_alive, CLOCK_MONOTONIC,
                                           (uint64_t)keep_alive_s * 1000000, 0, on_keep_alive,
                                           server);
    r = r < 0 ? r
              : sd_event_add_time_relative(server->event, &server->pulse_timer, CLOCK_MONOTONIC,
                                           (uint64_t)pulse_check_ms * 1000, timer_accuracy_us,
                                           on_pulse_check, server);
    r = r < 0 ? r
              : sd_event_add_time_relative(server->event, &server->changes_timer, CLOCK_MONOTONIC,
                                           0, timer_accuracy_us, on_changes_due, server);
    r = r < 0 ? r : sd_event_set_watchdog(server->event, true);
    return r < 0 ? error_set(err, r, "starting the event loop: %s", strerror(-r)) : 0;
}

static void server_done(struct api_server *server)
{
    /* HTTP first: its open exchanges are told, and their changes forgotten. */
    http_free(server->https);
    http_free(server->http);
    api_gate_free(server->gate);
    store_free(server->store);
    api_ops_done(&server->ops);
    VEC_DONE(&server->followers);
    liveness_done(&server->liveness);
    world_done(&server->world);
    changes_done(&server->changes);
    survival_memo_done(&server->survival_memo);
    sd_event_source_disable_unref(server->keep_alive);
    sd_event_source_disable_unref(server->changes_timer);
    sd_event_source_disable_unref(server->pulse_timer);
    sd_event_unref(server->event);
}

int api_server_run(const struct config *config, struct error *err)
{
    static const struct api_gate_handler gate_handler = {
        .entered = on_entered,
        .logged_in = on_logged_in,
        .hashed = on_hashed,
        .failed = on_login_failed,
    };
    CLEANUP(server_done) struct api_server server = {.config = config, .stale_since_ms = now_ms()};
    (void)snprintf(server.writer, sizeof(server.writer), "api-%.20s", config->node);
    int r = start_loop(&server, err);
    r = r < 0 ? r : start_store(&server, err);
    r = r < 0 ? r
              : api_gate_new(server.event, &server.world, config->session_idle_ms, &gate_handler,
                             &server, &server.gate, err);
    r = r < 0 ? r : start_http(&server, err);
    if (r < 0) {
        return r;
    }
    server.ops = (struct api_ops){
        .event = server.event,
        .store = server.store,
        .world = &server.world,
        .counters = &server.counters,
        .view = fill_view,
        .userdata = &server,
    };
    say("<6>", "berth-api listens at %s", config->api_socket);
    (void)sd_notify(0, "READY=1");
    r = sd_event_loop(server.event);
    (void)sd_notify(0, "STOPPING=1");
    (void)unlink(config->api_socket);
    return r < 0 ? error_set(err, r, "the event loop broke: %s", strerror(-r)) : 0;
}
