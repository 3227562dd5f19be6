/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two halves of the gate share: api_gate.c lets requests in, gate_login.c people. */
#pragma once

#include "auth/known.h"
#include "auth/limit.h"
#include "auth/session.h"
#include "auth/worker.h"
#include "run/api_gate.h"
#include "run/gate_totp.h"

/* "__Host-": browsers take it from this very host and port only by HTTPS, for all paths. */
#define COOKIE_NAME "__Host-berth_session"

enum purpose {
    PURPOSE_ENTER,
    PURPOSE_LOGIN,
    PURPOSE_MARK, /* a login, whose code the store is to note as used */
    PURPOSE_PROVE,
    PURPOSE_TOTP,
    PURPOSE_HASH,
};

/* One exchange that waits for the worker or, to mark, for the store. */
struct gate_wait {
    struct gate_wait *next;
    struct http_exchange *exchange;
    uint64_t job; /* several that came with the same token share one */
    enum purpose purpose;
    struct api_who who; /* as it will be if the secret is right */
    char name[name_size];
    char secret[auth_secret_size]; /* the token's, or the new one's */
    char device[auth_secret_size]; /* of a login: the browser's cookie; "": it has none yet */
    char next_password[api_password_size]; /* to be hashed once the present one has proven right */
    char code[api_code_size];              /* of the second factor; "": none was given */
    char totp[api_totp_size];              /* to be sealed once the password has proven right */
};

struct api_gate {
    const struct world *world;
    struct api_gate_handler handler;
    void *userdata;
    struct auth_worker *worker;
    struct gate_totp totp;
    struct auth_known known;
    struct auth_known devices; /* browsers in which a user has logged in: a name and their cookie */
    struct auth_sessions sessions;
    struct auth_limit limit;
    struct gate_wait *waits;
    uint64_t last_job;
};

/* One that waits, for a job of its own. NULL: it is answered. */
struct gate_wait *gate_wait_new(struct api_gate *gate, struct http_exchange *exchange,
                                enum purpose purpose, const struct api_who *who);
void gate_wait_drop(struct gate_wait *wait);
/* Takes the first out that is of 'job', or, without one, of 'exchange'. NULL: none. */
struct gate_wait *gate_take(struct api_gate *gate, uint64_t job,
                            const struct http_exchange *exchange);
/* The worker has no room for it: answers, and frees it. */
void gate_not_taken(struct api_gate *gate, struct gate_wait *wait);

/* What logins and sessions hang on: not the note, nor which code was used last. */
uint64_t gate_stamp(const struct record *record);
/* The user or token of that name as it is now; NULL: there is none. */
const struct record *gate_find_access(const struct api_gate *gate, const char *name,
                                      enum access_kind kind);
void gate_become(struct api_who *who, const struct record *record);

/* A login whose password the worker has checked. */
void gate_end_login(struct api_gate *gate, struct gate_wait *wait, bool is_right);
/* Whether it was one's own password; else it is answered. */
bool gate_is_proven(struct api_gate *gate, const struct gate_wait *wait, bool is_right);
void gate_set_totp(struct api_gate *gate, struct http_exchange *exchange, const struct api_who *who,
                   const char *user, const char *secret, const char *code);
