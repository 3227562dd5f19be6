/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Longer than most: it connects the parts of berth-api, and is little but what each calls back. */
#include "run/identity.h"
#include "run/api_server.h"

#include "api/counters.h"
#include "api/survival.h"
#include "api/use.h"
#include "base/parse.h"
#include "loop/clock.h"
#include "loop/memory.h"
#include "model/name.h"
#include "run/api_gate.h"
#include "run/api_listen.h"
#include "run/api_notify.h"
#include "run/api_op.h"
#include "run/api_screens.h"
#include "run/api_seal.h"
#include "run/api_streams.h"
#include "run/journal.h"
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
    failures_told_max = 10, /* of logins, in each such span */
    failures_span_ms = 60 * 1000,
    note_limit_ms = 5000,
    http_say_ms = 10 * 1000,
};

struct api_server {
    const struct config *config;
    sd_event *event;
    struct counters counters;
    struct domain_policy policy;
    struct survival_memo survival_memo;
    struct store *store;
    struct api_seal seal;
    struct http_server *http, *https;
    struct world world;
    struct liveness liveness;
    struct use_history use;
    bool is_in_snapshot;
    msec_t stale_since_ms;
    uint64_t requests;
    uint64_t certificate_until_ms; /* wall clock; 0: there is no HTTPS */
    char writer[25];
    struct identity_look contradiction;
    struct api_ops ops;
    struct api_streams streams;
    struct api_screens screens;
    struct api_notify notify;
    struct api_gate *gate;
    msec_t failures_since_ms; /* of logins */
    unsigned failures;
    msec_t http_said_ms;
};

static void fill_view(void *userdata, struct api_view *ret)
{
    struct api_server *server = userdata;
    *ret = (struct api_view){
        .world = &server->world,
        .liveness = &server->liveness,
        .now_ms = clock_monotonic_ms(),
        .stale_since_ms = server->stale_since_ms,
        .wall_ms = (uint64_t)clock_wall_ms(),
        .counters = &server->counters,
        .survival_memo = &server->survival_memo,
        .certificate_until_ms = server->certificate_until_ms,
        .policy = &server->policy,
        .use = &server->use,
        .version = BERTH_VERSION,
        .writer = server->writer,
        .number = ++server->requests,
        .node = server->config->node,
        .can_notify = api_notify_is_on(&server->notify),
    };
    ret->contradiction =
        identity_look(&server->contradiction, server->config->run_dir, ret->now_ms);
    if (getrandom(ret->random, sizeof(ret->random), 0) != (ssize_t)sizeof(ret->random)) {
        abort(); /* so few bytes never fail (getrandom(2)) */
    }
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
        .wants_socket = http_wants_websocket(exchange),
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
    bool is_about_sessions = strncmp(asked.target, "/v1/sessions", 12) == 0;
    CLEANUP(freep)
    struct api_session *sessions =
        is_about_sessions ? api_gate_sessions(server->gate, &view.session_len) : NULL;
    view.sessions = sessions;
    api_handle(&view, &asked, &answer);
    if (answer.effect == EFFECT_END_SESSION) {
        api_gate_end(server->gate, answer.session);
        api_streams_check(&server->streams);
    }
    if (answer.socket_kind && !api_screens_expect(&server->screens, exchange, &answer, who)) {
        api_answer_done(&answer);
        return;
    }
    if (answer.has_txn) {
        api_op_begin(&server->ops, exchange, &asked, &answer);
    } else if (answer.is_stream) {
        api_streams_add(&server->streams, exchange, &answer, who);
    } else if (answer.effect == EFFECT_HASH) {
        api_gate_hash(server->gate, exchange, who, answer.password);
    } else if (answer.effect == EFFECT_NOTIFY) {
        api_notify_test(&server->notify, exchange);
    } else if (answer.effect == EFFECT_LOGIN) {
        api_gate_login(server->gate, exchange, who, answer.user, answer.password, answer.code);
    } else if (answer.effect == EFFECT_TOTP) {
        api_gate_totp(server->gate, exchange, who, &answer);
    } else if (answer.effect == EFFECT_PASSWORD) {
        api_gate_change_password(server->gate, exchange, who, answer.password,
                                 answer.next_password);
    } else if (answer.effect == EFFECT_LOGOUT) {
        api_answer_send_with(exchange, &answer, "Set-Cookie", api_gate_logout(server->gate, who));
        api_streams_check(&server->streams);
    } else {
        api_answer_send(exchange, &answer);
    }
    explicit_bzero(&asked.credential, sizeof(asked.credential));
    api_answer_done(&answer);
}

static void on_entered(void *userdata, struct http_exchange *exchange, const struct api_who *who)
{
    if (who->access[0]) {
        http_vouch(exchange);
    }
    answer_request(userdata, exchange, who, NULL);
}

static void on_hashed(void *userdata, struct http_exchange *exchange, const struct api_who *who,
                      const struct api_credential *credential)
{
    answer_request(userdata, exchange, who, credential);
}

/* Who one is now: what GET would answer. */
static void on_logged_in(void *userdata, struct http_exchange *exchange, const struct api_who *who,
                         const char *cookie, const char *device)
{
    struct api_server *server = userdata;
    const struct api_request asked = {
        .method = "GET", .target = "/v1/session", .actor = who->actor};
    struct api_view view;
    struct api_answer answer;
    fill_view(server, &view);
    api_handle(&view, &asked, &answer);
    const struct http_field cookies[] = {{"Set-Cookie", device}, {"Set-Cookie", cookie}};
    api_answer_send_fields(exchange, &answer, cookies, ARRAY_LEN(cookies));
    api_answer_done(&answer);
    journal_line(LOG_INFO, "%s logged in from %s", who->actor.name, who->actor.address);
}

static void on_marked(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                      const struct error *error)
{
    struct api_server *server = userdata;
    (void)revision, (void)error;
    api_gate_marked(server->gate, id, outcome);
}

static void on_mark(void *userdata, uint64_t job, const struct record *record, uint64_t step)
{
    struct api_server *server = userdata;
    CLEANUP(txn_done) struct txn txn = {0};
    struct record *next = record_copy(record);
    if (next) {
        next->access->totp_step = step;
    }
    txn_guard(&txn, &record->key, record->revision);
    txn_put(&txn, next);
    if (txn.failed) {
        memory_is_out();
    }
    store_txn(server->store, &txn, note_limit_ms, job, on_marked, server);
}

static void on_noted(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                     const struct error *error)
{
    /* It is in the journal, too: nothing more is done for it. */
    (void)userdata, (void)id, (void)outcome, (void)revision, (void)error;
}

/* Told in the journal and in the cluster's events; a flood of them only in part. */
static void on_login_failed(void *userdata, const char *name, const char *address,
                            bool knows_password)
{
    struct api_server *server = userdata;
    struct api_request asked = {.actor.name = "nobody"};
    struct api_view view;
    struct api_answer answer;
    char text[reason_size];
    if (clock_monotonic_ms() - server->failures_since_ms >= failures_span_ms) {
        server->failures_since_ms = clock_monotonic_ms();
        server->failures = 0;
    }
    if (++server->failures > failures_told_max) {
        return;
    }
    bool is_name = name_check("user's", name, NULL) == 0;
    (void)copy_text(asked.actor.address, sizeof(asked.actor.address), address);
    (void)snprintf(text, sizeof(text), "%s %s, from %s%s",
                   knows_password ? "right password, but wrong or no code of"
                                  : "wrong password or token for",
                   is_name ? name : "what is no name", address,
                   server->failures == failures_told_max ? "; more of this is not told now" : "");
    journal_line(LOG_NOTICE, "%s", text);
    if (store_is_stale(server->store)) {
        return;
    }
    fill_view(server, &view);
    struct note note = {.code = knows_password ? NOTE_CODE_FAILED
                                : is_name      ? NOTE_LOGIN_FAILED
                                               : NOTE_LOGIN_FAILED_UNNAMED};
    (void)copy_text(note.subject, sizeof(note.subject), is_name ? name : "");
    (void)facts_set(&note.facts, NULL, address, NULL);
    api_note(&view, &asked, &note, &answer);
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
    api_streams_forget(&server->streams, exchange);
    api_screens_forget(&server->screens, exchange);
    api_notify_forget(&server->notify, exchange);
}

static void on_opened(void *userdata, struct http_exchange *exchange, struct http_socket *socket,
                      int fd)
{
    struct api_server *server = userdata;
    api_screens_opened(&server->screens, exchange, socket, fd);
}

static void on_closing(void *userdata, struct http_exchange *exchange)
{
    struct api_server *server = userdata;
    api_screens_close(&server->screens, exchange);
}

/* Someone's rights may have ended. */
static void on_checked(void *userdata)
{
    struct api_server *server = userdata;
    api_screens_check(&server->screens);
}

static void on_socket(void *userdata, struct http_exchange *exchange)
{
    struct api_server *server = userdata;
    api_screens_begin(&server->screens, exchange);
}

static void on_http_log(void *userdata, const char *text)
{
    struct api_server *server = userdata;
    /* Strangers who cannot speak TLS make it speak: bounded, as failed logins are. */
    if (clock_monotonic_ms() - server->http_said_ms >= http_say_ms) {
        server->http_said_ms = clock_monotonic_ms();
        journal_line(LOG_WARNING, "http: %s", text);
    }
}

/* ---- the store ---- */

static void on_reset(void *userdata)
{
    struct api_server *server = userdata;
    server->is_in_snapshot = true;
    liveness_reset(&server->liveness);
    world_snapshot_begin(&server->world);
}

static void on_record(void *userdata, struct record *record)
{
    struct api_server *server = userdata;
    if (!server->is_in_snapshot) {
        counters_record(&server->counters, &server->world, record);
    }
    bool is_kept = world_put(&server->world, record);
    is_kept &= liveness_observe(&server->liveness, &server->world, record, clock_monotonic_ms());
    if (!server->is_in_snapshot) { /* of what is in one no one knows how old it is */
        is_kept &= use_history_add(&server->use, record, clock_monotonic_ms());
    }
    if (!is_kept) {
        abort(); /* out of memory: started again, it reads the store again */
    }
    if (!server->is_in_snapshot) {
        api_streams_note(&server->streams, &record->key);
    }
    if (record->key.kind == RECORD_EVENT && !server->is_in_snapshot) {
        api_streams_tell(&server->streams, record);
    }
}

static void on_removed(void *userdata, const struct record_key *key, revision_t revision)
{
    struct api_server *server = userdata;
    world_remove(&server->world, key, revision);
    api_streams_note(&server->streams, key);
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
    liveness_synced(&server->liveness, clock_monotonic_ms());
    api_streams_catch_up(&server->streams);
    api_seal_look(&server->seal, &server->world, server->store);
    journal_line(LOG_INFO, "the store's content is here (revision %lld)", (long long)revision);
    api_ops_progress(&server->ops);
}

static void on_progress(void *userdata, revision_t revision)
{
    struct api_server *server = userdata;
    world_advance(&server->world, revision);
    api_seal_look(&server->seal, &server->world, server->store);
    api_ops_progress(&server->ops);
}

static void on_stale(void *userdata, bool is_stale)
{
    struct api_server *server = userdata;
    server->stale_since_ms = is_stale ? clock_monotonic_ms() : MSEC_NEVER;
    api_streams_note_all(&server->streams);
    journal_line(is_stale ? LOG_WARNING : LOG_INFO, "the store %s",
                 is_stale ? "is silent: what is shown may be old" : "answers");
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
    };
    int r = open_store(server->event, server->config, &observer, 0, server, &server->store, err);
    if (r == 0) {
        store_watch_summary(server->store);
    }
    return r;
}

/* ---- beginning and end ---- */

static const struct http_handler http_handler = {
    .request = on_request,
    .closed = on_closed,
    .opened = on_opened,
    .closing = on_closing,
    .log = on_http_log,
};

static int start_https(struct api_server *server, struct error *err)
{
    struct certificate_facts facts;
    int r = api_listen_https(server->event, server->config, &http_handler, server, &server->https,
                             &facts, err);
    if (r < 0 || !server->https) {
        return r;
    }
    server->certificate_until_ms = facts.until_ms;
    journal_line(
        LOG_INFO,
        "the console and the API are at https://%s, with a certificate until %s; SHA-256 of the "
        "certificate: %s",
        server->config->https_listen, facts.until, facts.fingerprint);
    if (!facts.is_valid_now) {
        journal_line(
            LOG_WARNING,
            "browsers and programs will refuse that certificate: its time is over or has not "
            "begun; renew it, then 'systemctl reload berth-api'");
    }
    return 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct api_server *server = userdata;
    struct error err;
    (void)source, (void)info;
    if (start_https(server, &err) < 0) {
        journal_line(LOG_ERR, "%s; %s", err.text,
                     server->https ? "the certificate of before is served on"
                                   : "HTTPS is not served now");
    }
    return 0;
}

static int start_http(struct api_server *server, struct error *err)
{
    int r =
        api_listen_local(server->event, server->config, &http_handler, server, &server->http, err);
    return r < 0 ? r : start_https(server, err);
}

static int start_loop(struct api_server *server, struct error *err)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    int r = sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
    r = r < 0 ? r : sd_event_new(&server->event);
    r = r < 0 ? r : sd_event_add_signal(server->event, NULL, SIGTERM, NULL, NULL);
    r = r < 0 ? r : sd_event_add_signal(server->event, NULL, SIGINT, NULL, NULL);
    r = r < 0 ? r : sd_event_add_signal(server->event, NULL, SIGHUP, on_hangup, server);
    r = r < 0 ? r : sd_event_set_watchdog(server->event, true);
    return r < 0 ? error_set(err, r, "starting the event loop: %s", strerror(-r)) : 0;
}

static void server_done(struct api_server *server)
{
    /* HTTP first: its open exchanges are told, and their changes forgotten. */
    http_free(server->https);
    http_free(server->http);
    api_screens_done(&server->screens);
    api_notify_done(&server->notify);
    api_gate_free(server->gate);
    store_free(server->store);
    api_ops_done(&server->ops);
    api_streams_done(&server->streams);
    liveness_done(&server->liveness);
    world_done(&server->world);
    use_history_done(&server->use);
    survival_memo_done(&server->survival_memo);
    sd_event_unref(server->event);
}

int api_server_run(const struct config *config, struct error *err)
{
    static const struct api_gate_handler gate_handler = {
        .entered = on_entered,
        .logged_in = on_logged_in,
        .mark = on_mark,
        .hashed = on_hashed,
        .failed = on_login_failed,
    };
    CLEANUP(server_done)
    struct api_server server = {
        .config = config, .liveness = liveness_none, .stale_since_ms = clock_monotonic_ms()};
    config_domain_policy(config, &server.policy);
    (void)snprintf(server.writer, sizeof(server.writer), "api-%.20s", config->node);
    int r = start_loop(&server, err);
    r = r < 0 ? r : start_store(&server, err);
    r = r < 0 ? r
              : api_gate_new(server.event, &server.world, config, &gate_handler, &server,
                             &server.gate, err);
    server.streams = (struct api_streams){
        .world = &server.world,
        .gate = server.gate,
        .view = fill_view,
        .checked = on_checked,
        .userdata = &server,
    };
    server.screens.event = server.event;
    server.screens.gate = server.gate;
    if (r == 0) {
        api_screens_start(&server.screens, config);
    }
    server.notify.config = config;
    server.notify.view = fill_view;
    server.notify.userdata = &server;
    r = r < 0 ? r : api_notify_start(&server.notify, server.event, err);
    r = r < 0 ? r : api_streams_start(&server.streams, server.event, err);
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
        .socket = on_socket,
        .userdata = &server,
    };
    journal_line(LOG_INFO, "berth-api listens at %s", config->api_socket);
    (void)sd_notify(0, "READY=1");
    r = sd_event_loop(server.event);
    (void)sd_notify(0, "STOPPING=1");
    (void)unlink(config->api_socket);
    return r < 0 ? error_set(err, r, "the event loop broke: %s", strerror(-r)) : 0;
}
