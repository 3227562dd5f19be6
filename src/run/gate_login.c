/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* People: logging in and out, one's own password and second factor. */
#include "run/gate_internal.h"

#include "base/parse.h"
#include "loop/clock.h"
#include "run/api_op.h"
#include "run/gate_refusal.h"

#include <stdio.h>
#include <string.h>

#define DEVICE_COOKIE "__Host-berth_device"
#define COOKIE_ENDS   "; Path=/; Secure; HttpOnly; SameSite=Strict"

enum {
    /* Guesses without a delay. */
    login_free_len = 5,
    /* Of all addresses that are new to a user together. */
    name_budget = 30,
    name_window_ms = 60 * 1000,
    device_life_s = 180 * 24 * 3600,
    cookie_size = 200,
};

/* ---- logging in and out ---- */

/*
 * How long a login must wait. A browser in which this user has logged in before has a budget of its
 * own: no one who guesses elsewhere can keep its owner out. All others are counted by their
 * address, and together by the name, with a budget that one address cannot use up.
 */
static msec_t login_wait_ms(struct api_gate *gate, const struct api_who *who, const char *user,
                            const char *device)
{
    char key[auth_limit_key_size];
    msec_t now_ms = clock_monotonic_ms();
    if (device[0]) {
        (void)snprintf(key, sizeof(key), "device %.64s", device);
        return auth_limit_try(&gate->limit, key, login_free_len, now_ms);
    }
    auth_limit_address(who->actor.address, key);
    msec_t wait_ms = auth_limit_try(&gate->limit, key, login_free_len, now_ms);
    (void)snprintf(key, sizeof(key), "user %.63s", user);
    return wait_ms > 0 ? wait_ms
                       : auth_limit_spend(&gate->limit, key, name_budget, name_window_ms, now_ms);
}

void api_gate_login(struct api_gate *gate, struct http_exchange *exchange,
                    const struct api_who *who, const char *user, const char *password,
                    const char *code)
{
    char device[auth_secret_size] = "";
    const char *cookie = http_header(exchange, "Cookie");
    if (!who->actor.address[0]) {
        api_answer_refuse(exchange, 409, "is-local",
                          "no login is needed on this socket: its users are known already");
        return;
    }
    if (!cookie || !auth_cookie(cookie, DEVICE_COOKIE, device) ||
        !auth_known_has(&gate->devices, user, 0, device)) {
        device[0] = '\0';
    }
    msec_t wait_ms = login_wait_ms(gate, who, user, device);
    if (wait_ms > 0) {
        gate_refuse_for_now(exchange, wait_ms);
        return;
    }
    const struct record *record = gate_find_access(gate, user, ACCESS_USER);
    struct gate_wait *wait = gate_wait_new(gate, exchange, PURPOSE_LOGIN, who);
    if (!wait) {
        return;
    }
    (void)copy_text(wait->name, sizeof(wait->name), user);
    (void)copy_text(wait->device, sizeof(wait->device), device);
    (void)copy_text(wait->code, sizeof(wait->code), code);
    wait->who.stamp = record ? gate_stamp(record) : 0;
    if (!auth_worker_check(gate->worker, wait->job, password,
                           record ? record->access->hash : NULL)) {
        gate_not_taken(gate, wait);
    }
}

const char *api_gate_logout(struct api_gate *gate, const struct api_who *who)
{
    auth_session_end(&gate->sessions, who->session);
    return COOKIE_NAME "=; Max-Age=0" COOKIE_ENDS;
}

static void begin_session(struct api_gate *gate, struct gate_wait *wait,
                          const struct record *record)
{
    char cookie[cookie_size], device[cookie_size], key[auth_limit_key_size];
    struct api_who who = wait->who;
    const struct auth_session *session =
        auth_session_begin(&gate->sessions, record->key.name, who.actor.address, gate_stamp(record),
                           clock_monotonic_ms());
    if (!session) {
        api_answer_refuse(wait->exchange, 503, "out-of-memory", "out of memory");
        return;
    }
    gate_become(&who, record);
    who.session = session->number;
    (void)copy_text(who.actor.csrf, sizeof(who.actor.csrf), session->csrf);
    (void)snprintf(cookie, sizeof(cookie), COOKIE_NAME "=%s" COOKIE_ENDS, session->id);
    auth_limit_address(who.actor.address, key);
    if (wait->device[0]) {
        (void)snprintf(key, sizeof(key), "device %.64s", wait->device);
    } else {
        auth_make_secret(wait->device);
        auth_known_add(&gate->devices, wait->name, 0, wait->device);
    }
    auth_limit_forgive(&gate->limit, key);
    (void)snprintf(device, sizeof(device), DEVICE_COOKIE "=%s; Max-Age=%d" COOKIE_ENDS,
                   wait->device, device_life_s);
    gate->handler.logged_in(gate->userdata, wait->exchange, &who, cookie, device);
    explicit_bzero(cookie, sizeof(cookie));
    explicit_bzero(device, sizeof(device));
}

/* The record that was checked, if the user may still log in. */
static const struct record *find_checked(const struct api_gate *gate, const struct gate_wait *wait)
{
    const struct record *record = gate_find_access(gate, wait->name, ACCESS_USER);
    bool is_it = record && gate_stamp(record) == wait->who.stamp &&
                 !access_has_expired(record->access, (uint64_t)clock_wall_ms());
    return is_it ? record : NULL;
}

/* Six digits are few: someone who has the password, and comes from many addresses, must not try
 * many of them. A browser in which the user has logged in has guesses of its own, as for passwords.
 */
static void code_key(const struct gate_wait *wait, char ret[static auth_limit_key_size])
{
    const char *kind = wait->device[0] ? "device" : "user";
    (void)snprintf(ret, auth_limit_key_size, "code %s %.64s", kind,
                   wait->device[0] ? wait->device : wait->name);
}

/* The password was right: is the code, too? It counts once it is noted as used. */
static void check_code(struct api_gate *gate, const struct gate_wait *wait,
                       const struct record *record)
{
    uint64_t step;
    bool is_guess = false;
    char key[auth_limit_key_size];
    code_key(wait, key);
    msec_t wait_ms =
        wait->code[0] ? auth_limit_try_code(&gate->limit, key, clock_monotonic_ms()) : 0;
    if (wait_ms > 0) {
        gate_refuse_for_now(wait->exchange, wait_ms);
    } else if (!wait->code[0]) {
        /* Someone at the console sends the code second, so of a browser that the user has used this
         * says nothing. Else the password may be a stranger's by now, who stops here. */
        if (!wait->device[0]) {
            gate->handler.failed(gate->userdata, wait->name, wait->who.actor.address, true);
        }
        api_answer_refuse(wait->exchange, 401, "code-needed",
                          "this user has a second factor: its code is needed, too");
    } else if (gate_totp_check(&gate->totp, record, wait->code, wait->exchange, &step, &is_guess)) {
        struct gate_wait *mark = gate_wait_new(gate, wait->exchange, PURPOSE_MARK, &wait->who);
        if (mark) {
            (void)copy_text(mark->name, sizeof(mark->name), wait->name);
            (void)copy_text(mark->device, sizeof(mark->device), wait->device);
            gate->handler.mark(gate->userdata, mark->job, record, step);
        }
    } else if (is_guess) {
        gate->handler.failed(gate->userdata, wait->name, wait->who.actor.address, true);
    }
}

void api_gate_marked(struct api_gate *gate, uint64_t job, enum txn_outcome outcome)
{
    struct gate_wait *wait = gate_take(gate, job, NULL);
    const struct record *record = wait ? find_checked(gate, wait) : NULL;
    if (wait && record && outcome == TXN_COMMITTED) {
        char key[auth_limit_key_size];
        code_key(wait, key);
        auth_limit_forgive(&gate->limit, key);
        begin_session(gate, wait, record);
    } else if (wait) {
        gate_totp_refuse_unmarked(wait->exchange, record ? outcome : TXN_REFUSED);
    }
    if (wait) {
        gate_wait_drop(wait);
    }
}

void gate_end_login(struct api_gate *gate, struct gate_wait *wait, bool is_right)
{
    const struct record *record = is_right ? find_checked(gate, wait) : NULL;
    if (record && record->access->totp[0]) {
        check_code(gate, wait, record);
    } else if (record) {
        begin_session(gate, wait, record);
    } else {
        gate->handler.failed(gate->userdata, wait->name, wait->who.actor.address, false);
        api_answer_refuse(wait->exchange, 401, "login-failed",
                          "the name or the password is wrong, or the user has expired");
    }
}

/* ---- one's own password and second factor ---- */

/* Guesses are counted for each session's user: it may be open on a screen that its owner left. */
static void own_key(const struct api_who *who, char ret[static auth_limit_key_size])
{
    (void)snprintf(ret, auth_limit_key_size, "own %.63s", who->access);
}

/* Has the worker check whether 'password' is that of 'who'. NULL: it is answered. */
static struct gate_wait *prove(struct api_gate *gate, struct http_exchange *exchange,
                               enum purpose purpose, const struct api_who *who,
                               const char *password)
{
    char key[auth_limit_key_size];
    own_key(who, key);
    msec_t wait_ms = auth_limit_try(&gate->limit, key, login_free_len, clock_monotonic_ms());
    if (wait_ms > 0) {
        gate_refuse_for_now(exchange, wait_ms);
        return NULL;
    }
    const struct record *record = gate_find_access(gate, who->access, ACCESS_USER);
    struct gate_wait *wait = gate_wait_new(gate, exchange, purpose, who);
    if (wait && !auth_worker_check(gate->worker, wait->job, password,
                                   record ? record->access->hash : NULL)) {
        gate_not_taken(gate, wait);
        return NULL;
    }
    return wait;
}

void api_gate_change_password(struct api_gate *gate, struct http_exchange *exchange,
                              const struct api_who *who, const char *password, const char *next)
{
    struct gate_wait *wait = prove(gate, exchange, PURPOSE_PROVE, who, password);
    if (wait) {
        (void)copy_text(wait->next_password, sizeof(wait->next_password), next);
    }
}

/* Whether it was the password; else it is answered. */
bool gate_is_proven(struct api_gate *gate, const struct gate_wait *wait, bool is_right)
{
    char key[auth_limit_key_size];
    if (!is_right || !api_gate_is_valid(gate, &wait->who)) {
        gate->handler.failed(gate->userdata, wait->who.access, wait->who.actor.address, false);
        api_answer_refuse(wait->exchange, 403, "wrong-password",
                          "the present password is wrong; nothing was changed");
        return false;
    }
    own_key(&wait->who, key);
    auth_limit_forgive(&gate->limit, key);
    return true;
}

void gate_set_totp(struct api_gate *gate, struct http_exchange *exchange, const struct api_who *who,
                   const char *user, const char *secret, const char *code)
{
    struct api_credential made;
    if (gate_totp_make(&gate->totp, user, secret, code, exchange, &made)) {
        gate->handler.hashed(gate->userdata, exchange, who, &made);
    }
}

void api_gate_totp(struct api_gate *gate, struct http_exchange *exchange, const struct api_who *who,
                   const struct api_answer *answer)
{
    if (!answer->wants_proof) {
        gate_set_totp(gate, exchange, who, answer->user, answer->totp, answer->code);
        return;
    }
    struct gate_wait *wait = prove(gate, exchange, PURPOSE_TOTP, who, answer->password);
    if (wait) {
        (void)copy_text(wait->totp, sizeof(wait->totp), answer->totp);
        (void)copy_text(wait->code, sizeof(wait->code), answer->code);
    }
}
