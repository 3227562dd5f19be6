/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/gate_internal.h"

#include "base/hash.h"
#include "base/parse.h"
#include "loop/clock.h"
#include "run/api_op.h"
#include "run/audit.h"
#include "run/gate_refusal.h"

#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Guesses of a program without a delay: no one guesses 256 bits, so that only the work of checking
 * them is bounded. */
enum { token_free_len = 20 };

static_assert((int)auth_password_size >= (int)api_password_size, "every password fits");
static_assert((int)api_address_size >= (int)http_address_size, "every address fits");
static_assert((int)api_csrf_size >= (int)auth_secret_size &&
                  (int)api_secret_size >= (int)auth_secret_size,
              "every secret fits");

/* ---- what waits for the worker ---- */

struct gate_wait *gate_wait_new(struct api_gate *gate, struct http_exchange *exchange,
                                enum purpose purpose, const struct api_who *who)
{
    struct gate_wait *wait = calloc(1, sizeof(*wait));
    if (!wait) {
        api_answer_refuse(exchange, 503, "out-of-memory", "out of memory");
        return NULL;
    }
    wait->exchange = exchange;
    wait->purpose = purpose;
    wait->who = *who;
    wait->job = ++gate->last_job;
    wait->next = gate->waits;
    gate->waits = wait;
    return wait;
}

void gate_wait_drop(struct gate_wait *wait)
{
    explicit_bzero(wait, sizeof(*wait));
    free(wait);
}

struct gate_wait *gate_take(struct api_gate *gate, uint64_t job,
                            const struct http_exchange *exchange)
{
    for (struct gate_wait **place = &gate->waits; *place; place = &(*place)->next) {
        struct gate_wait *wait = *place;
        if (job ? wait->job == job : wait->exchange == exchange) {
            *place = wait->next;
            return wait;
        }
    }
    return NULL;
}

void gate_not_taken(struct api_gate *gate, struct gate_wait *wait)
{
    struct http_exchange *exchange = wait->exchange;
    gate_wait_drop(gate_take(gate, wait->job, NULL));
    gate_refuse_busy(exchange);
}

void api_gate_forget(struct api_gate *gate, const struct http_exchange *exchange)
{
    struct gate_wait *wait = gate_take(gate, 0, exchange);
    if (wait) {
        gate_wait_drop(wait);
    }
}

/* ---- records ---- */

uint64_t gate_stamp(const struct record *record)
{
    const struct access *access = record->access;
    uint64_t hash = hash_bytes(hash_begin, &access->kind, sizeof(access->kind));
    hash = hash_bytes(hash, &access->role, sizeof(access->role));
    hash = hash_bytes(hash, &access->expires_ms, sizeof(access->expires_ms));
    hash = hash_bytes(hash, access->hash, strlen(access->hash) + 1);
    return hash_bytes(hash, access->totp, strlen(access->totp) + 1);
}

const struct record *gate_find_access(const struct api_gate *gate, const char *name,
                                      enum access_kind kind)
{
    const struct record *record = world_find(gate->world, RECORD_ACCESS, name);
    return record && record->access->kind == kind ? record : NULL;
}

void gate_become(struct api_who *who, const struct record *record)
{
    (void)copy_text(who->actor.name, sizeof(who->actor.name), record->key.name);
    (void)copy_text(who->access, sizeof(who->access), record->key.name);
    who->actor.role = record->access->role;
    who->stamp = gate_stamp(record);
}

bool api_gate_is_valid(const struct api_gate *gate, const struct api_who *who)
{
    if (!who->access[0]) {
        return true;
    }
    const struct record *record = world_find(gate->world, RECORD_ACCESS, who->access);
    return record && gate_stamp(record) == who->stamp &&
           !access_has_expired(record->access, (uint64_t)clock_wall_ms()) &&
           (who->session == 0 ||
            auth_session_is_live(&gate->sessions, who->session, clock_monotonic_ms()));
}

/* ---- entering ---- */

static void enter_locally(struct api_gate *gate, struct http_exchange *exchange,
                          const struct http_request *request)
{
    struct api_who who = {.actor.role = ROLE_ADMINISTRATOR, .actor.is_root = request->uid == 0};
    const struct passwd *user = getpwuid(request->uid);
    if (!user || !copy_text(who.actor.name, sizeof(who.actor.name), user->pw_name)) {
        (void)snprintf(who.actor.name, sizeof(who.actor.name), "uid %u", (unsigned)request->uid);
    }
    audit_login(request->pid, request->uid, who.actor.login);
    gate->handler.entered(gate->userdata, exchange, &who);
}

/* Another request came with the same token and is being checked: this one waits for that. */
static struct gate_wait *find_same(struct api_gate *gate, const struct api_who *who,
                                   const char *secret)
{
    for (struct gate_wait *wait = gate->waits; wait; wait = wait->next) {
        if (wait->purpose == PURPOSE_ENTER && strcmp(wait->who.access, who->access) == 0 &&
            wait->who.stamp == who->stamp && auth_secret_equal(wait->secret, secret)) {
            return wait;
        }
    }
    return NULL;
}

/* Each token by itself, apart from logins: a program with an old one keeps no other out. */
static void token_key(const char *address, const char *token, char ret[static auth_limit_key_size])
{
    char from[auth_limit_key_size];
    auth_limit_address(address, from);
    (void)snprintf(ret, auth_limit_key_size, "token %.63s %.60s", token, from);
}

static void check_token(struct api_gate *gate, struct http_exchange *exchange,
                        const struct api_who *who, const struct auth_token *token,
                        const struct record *record)
{
    char key[auth_limit_key_size];
    const struct gate_wait *same = find_same(gate, who, token->secret);
    uint64_t job = same ? same->job : 0;
    token_key(who->actor.address, token->name, key);
    msec_t wait_ms =
        job ? 0 : auth_limit_try(&gate->limit, key, token_free_len, clock_monotonic_ms());
    if (wait_ms > 0) {
        gate_refuse_for_now(exchange, wait_ms);
        return;
    }
    struct gate_wait *wait = gate_wait_new(gate, exchange, PURPOSE_ENTER, who);
    if (!wait) {
        return;
    }
    (void)copy_text(wait->name, sizeof(wait->name), token->name);
    (void)copy_text(wait->secret, sizeof(wait->secret), token->secret);
    if (job) {
        wait->job = job;
    } else if (!auth_worker_check(gate->worker, wait->job, token->secret, record->access->hash)) {
        gate_not_taken(gate, wait);
    }
}

static void enter_by_token(struct api_gate *gate, struct http_exchange *exchange,
                           struct api_who *who, const char *header)
{
    struct auth_token token;
    if (!auth_bearer(header, &token)) {
        api_answer_refuse(
            exchange, 401, "bad-token",
            "the header Authorization must be \"Bearer \" and a token, such as berth_ci_...");
        return;
    }
    if (!gate->world->is_complete) {
        api_answer_refuse(
            exchange, 503, "store-down",
            "the token cannot be checked: the store has not answered since this API started");
        return;
    }
    const struct record *record = gate_find_access(gate, token.name, ACCESS_TOKEN);
    if (record && access_has_expired(record->access, (uint64_t)clock_wall_ms())) {
        record = NULL;
    }
    if (record) {
        gate_become(who, record);
    }
    if (record && auth_known_has(&gate->known, token.name, gate_stamp(record), token.secret)) {
        gate->handler.entered(gate->userdata, exchange, who);
    } else if (!record) {
        /* No work and no limit: 256 random bits are not guessed. */
        gate->handler.failed(gate->userdata, token.name, who->actor.address, false);
        gate_refuse_token(exchange);
    } else {
        check_token(gate, exchange, who, &token, record);
    }
    explicit_bzero(&token, sizeof(token));
}

static bool is_read(const struct http_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

/* What an open page of the console asks by itself: its reads say so, its stream has no header of
 * its own but is known by what it accepts. A person's session must be able to end beside them. */
static bool is_use(struct http_exchange *exchange)
{
    const char *accept = http_header(exchange, "Accept");
    return !http_header(exchange, "X-Berth-Background") &&
           !(accept && strcmp(accept, "text/event-stream") == 0);
}

static void enter_by_session(struct api_gate *gate, struct http_exchange *exchange,
                             struct api_who *who, const char *id)
{
    const struct http_request *request = http_exchange_request(exchange);
    const char *csrf = http_header(exchange, "X-CSRF-Token");
    const struct auth_session *session =
        auth_session_find(&gate->sessions, id, is_use(exchange), clock_monotonic_ms());
    const struct record *record =
        session ? gate_find_access(gate, session->user, ACCESS_USER) : NULL;
    if (record && gate_stamp(record) == session->stamp &&
        !access_has_expired(record->access, (uint64_t)clock_wall_ms())) {
        gate_become(who, record);
        who->session = session->number;
        (void)copy_text(who->actor.csrf, sizeof(who->actor.csrf), session->csrf);
        if (!is_read(request) && !(csrf && auth_secret_equal(session->csrf, csrf))) {
            api_answer_refuse(
                exchange, 403, "csrf",
                "a change from the console must carry the header X-CSRF-Token of its session");
            return;
        }
    } else if (session) {
        auth_session_end(&gate->sessions, session->number);
    }
    gate->handler.entered(gate->userdata, exchange, who);
}

void api_gate_enter(struct api_gate *gate, struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    const char *authorization = http_header(exchange, "Authorization");
    const char *cookie = http_header(exchange, "Cookie");
    const char *origin = http_header(exchange, "Origin");
    char id[auth_secret_size];
    struct api_who who = {.actor.name = "nobody"};
    if (request->has_peer) {
        enter_locally(gate, exchange, request);
        return;
    }
    (void)copy_text(who.actor.address, sizeof(who.actor.address), request->address);
    if (authorization) {
        enter_by_token(gate, exchange, &who, authorization);
        return;
    }
    bool is_ours_alone = !is_read(request) || http_wants_websocket(exchange);
    if (origin && is_ours_alone && !auth_origin_is(origin, http_header(exchange, "Host"))) {
        api_answer_refuse(exchange, 403, "csrf", "this came from a page of another site");
        return;
    }
    /* Logging in again works with whatever cookie is left. */
    bool is_login =
        strcmp(request->method, "POST") == 0 && strcmp(request->target, "/v1/session") == 0;
    if (!is_login && cookie && auth_cookie(cookie, COOKIE_NAME, id)) {
        enter_by_session(gate, exchange, &who, id);
        return;
    }
    gate->handler.entered(gate->userdata, exchange, &who);
}

/* ---- what the worker found ---- */

static void end_token(struct api_gate *gate, struct gate_wait *wait, bool is_right)
{
    char key[auth_limit_key_size];
    if (!is_right || !api_gate_is_valid(gate, &wait->who)) {
        gate->handler.failed(gate->userdata, wait->name, wait->who.actor.address, false);
        gate_refuse_token(wait->exchange);
        return;
    }
    token_key(wait->who.actor.address, wait->name, key);
    auth_limit_forgive(&gate->limit, key);
    auth_known_add(&gate->known, wait->name, wait->who.stamp, wait->secret);
    gate->handler.entered(gate->userdata, wait->exchange, &wait->who);
}

static void end_hash(struct api_gate *gate, struct gate_wait *wait, const char *hash)
{
    struct api_credential credential = {0};
    (void)copy_text(credential.secret, sizeof(credential.secret), wait->secret);
    if (!copy_text(credential.hash, sizeof(credential.hash), hash) || !hash[0]) {
        api_answer_refuse(wait->exchange, 500, "no-hash",
                          "the hash could not be made; see the journal");
        return;
    }
    gate->handler.hashed(gate->userdata, wait->exchange, &wait->who, &credential);
    explicit_bzero(&credential, sizeof(credential));
}

static void on_done(void *userdata, uint64_t id, bool is_right, const char *hash)
{
    struct api_gate *gate = userdata;
    for (struct gate_wait *wait; (wait = gate_take(gate, id, NULL)) != NULL; gate_wait_drop(wait)) {
        switch (wait->purpose) {
        case PURPOSE_ENTER:
            end_token(gate, wait, is_right);
            break;
        case PURPOSE_LOGIN:
            gate_end_login(gate, wait, is_right);
            break;
        case PURPOSE_PROVE:
            if (gate_is_proven(gate, wait, is_right)) {
                api_gate_hash(gate, wait->exchange, &wait->who, wait->next_password);
            }
            break;
        case PURPOSE_TOTP:
            if (gate_is_proven(gate, wait, is_right)) {
                gate_set_totp(gate, wait->exchange, &wait->who, wait->who.access, wait->totp,
                              wait->code);
            }
            break;
        case PURPOSE_MARK: /* the store has that one */
            assert(false);
            break;
        case PURPOSE_HASH:
            end_hash(gate, wait, hash);
            break;
        }
    }
}

void api_gate_hash(struct api_gate *gate, struct http_exchange *exchange, const struct api_who *who,
                   const char *password)
{
    struct gate_wait *wait = gate_wait_new(gate, exchange, PURPOSE_HASH, who);
    if (!wait) {
        return;
    }
    if (!password[0]) {
        auth_make_secret(wait->secret);
    }
    if (!auth_worker_hash(gate->worker, wait->job, password[0] ? password : wait->secret)) {
        gate_not_taken(gate, wait);
    }
}

/* ---- sessions of others ---- */

struct api_session *api_gate_sessions(struct api_gate *gate, size_t *ret_len)
{
    msec_t now_ms = clock_monotonic_ms();
    uint64_t wall_ms = (uint64_t)clock_wall_ms();
    *ret_len = 0;
    auth_sessions_sweep(&gate->sessions, now_ms);
    size_t len = gate->sessions.items.len;
    struct api_session *list = len > 0 ? calloc(len, sizeof(*list)) : NULL;
    for (size_t i = 0; list && i < len; i++) {
        const struct auth_session *session = &gate->sessions.items.items[i];
        list[i].number = session->number;
        (void)copy_text(list[i].user, sizeof(list[i].user), session->user);
        (void)copy_text(list[i].address, sizeof(list[i].address), session->address);
        list[i].begun_ms = wall_ms - (uint64_t)(now_ms - session->begun_ms);
        list[i].used_ms = wall_ms - (uint64_t)(now_ms - session->used_ms);
        *ret_len = i + 1;
    }
    return list;
}

void api_gate_end(struct api_gate *gate, uint64_t session)
{
    auth_session_end(&gate->sessions, session);
}

/* ---- beginning and end ---- */

int api_gate_new(sd_event *event, const struct world *world, const struct config *config,
                 const struct api_gate_handler *handler, void *userdata, struct api_gate **ret,
                 struct error *err)
{
    CLEANUP(freep) struct api_gate *gate = calloc(1, sizeof(*gate));
    if (!gate || !auth_known_init(&gate->known) || !auth_known_init(&gate->devices)) {
        return error_set(err, -ENOMEM, "out of memory or randomness");
    }
    gate->world = world;
    gate->handler = *handler;
    gate->userdata = userdata;
    gate->sessions.idle_ms = config->session_idle_ms;
    gate_totp_start(&gate->totp, config);
    int r = auth_worker_new(event, on_done, gate, &gate->worker, err);
    if (r == 0) {
        *ret = TAKE(gate);
    }
    return r;
}

struct api_gate *api_gate_free(struct api_gate *gate)
{
    if (!gate) {
        return NULL;
    }
    auth_worker_free(gate->worker);
    while (gate->waits) {
        struct gate_wait *wait = gate->waits;
        gate->waits = wait->next;
        gate_wait_drop(wait);
    }
    auth_sessions_done(&gate->sessions);
    explicit_bzero(gate, sizeof(*gate));
    free(gate);
    return NULL;
}
