/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who asks? Over the Unix socket the kernel says it: anyone who can open it administers the
 * cluster. Over HTTPS it is a token, or the session of a user who logged in at the console:
 *
 *     request --> api_gate_enter() --local, session, token known--> handler.entered
 *                        '--token--> WORKER --right--> handler.entered
 *                                      '----wrong--> 401
 *     POST /v1/session --> api_gate_login() --> WORKER --right--> handler.logged_in
 *                                                 | '---wrong--> 401
 *                   the user has a second factor, | and the code is right
 *                                                 '--> handler.mark --stored--> handler.logged_in
 *     POST /v1/session/password --> WORKER --right--> WORKER --its hash--> handler.hashed
 *                                     '------wrong--> 403
 *
 * What it refuses it answers itself. The records of users and tokens are the world's; who they are
 * was decided on them as they are now, also while the store is silent.
 */
#pragma once

#include "api/api.h"
#include "auth/header.h"
#include "http/http.h"
#include "run/config.h"

struct api_gate;

/* Someone who may come in, and what that hangs on. */
struct api_who {
    struct api_actor actor;
    char access[name_size]; /* the record; "": none */
    uint64_t stamp;         /* of what matters of it, as it was */
    uint64_t session;       /* 0: none */
};

/* Both may come within the call that asked or later. */
struct api_gate_handler {
    /* The request may go on. 'who' is lent; its role may be none. */
    void (*entered)(void *userdata, struct http_exchange *exchange, const struct api_who *who);
    /* The same, as the answer to a login: the cookies to set, of the session and of the browser. */
    void (*logged_in)(void *userdata, struct http_exchange *exchange, const struct api_who *who,
                      const char *cookie, const char *device);
    /* Has the store note in the record of a user who logs in that the code of 'step' is used, if
     * the record is as it was; then calls api_gate_marked(). */
    void (*mark)(void *userdata, uint64_t job, const struct record *record, uint64_t step);
    /* What api_gate_hash() or api_gate_totp() made. */
    void (*hashed)(void *userdata, struct http_exchange *exchange, const struct api_who *who,
                   const struct api_credential *credential);
    /* Someone guessed wrongly; 'name' need not be one. 'knows_password': but has shown that user's
     * password, and lacks the code. */
    void (*failed)(void *userdata, const char *name, const char *address, bool knows_password);
};

int api_gate_new(sd_event *event, const struct world *world, const struct config *config,
                 const struct api_gate_handler *handler, void *userdata, struct api_gate **ret,
                 struct error *err);
struct api_gate *api_gate_free(struct api_gate *gate);
CLEANUP_POINTER(struct api_gate, api_gate_free)

void api_gate_enter(struct api_gate *gate, struct http_exchange *exchange);
void api_gate_login(struct api_gate *gate, struct http_exchange *exchange,
                    const struct api_who *who, const char *user, const char *password,
                    const char *code);
void api_gate_marked(struct api_gate *gate, uint64_t job, enum txn_outcome outcome);
/* 'password' "": of a secret that is made here. */
void api_gate_hash(struct api_gate *gate, struct http_exchange *exchange, const struct api_who *who,
                   const char *password);
/* The same, if 'password' is that of 'who', a user with a session; else it is refused. */
void api_gate_change_password(struct api_gate *gate, struct http_exchange *exchange,
                              const struct api_who *who, const char *password, const char *next);
/* Seals the second factor of an answer with EFFECT_TOTP, if its code and, where it wants that, the
 * password of 'who' are right; else it is refused. */
void api_gate_totp(struct api_gate *gate, struct http_exchange *exchange, const struct api_who *who,
                   const struct api_answer *answer);
/* The header that takes the cookie back. */
const char *api_gate_logout(struct api_gate *gate, const struct api_who *who);

/* Those that last, the caller's; NULL and 0: none, or no memory. */
struct api_session *api_gate_sessions(struct api_gate *gate, size_t *ret_len);
void api_gate_end(struct api_gate *gate, uint64_t session);

/* The client has left: no answer to it. */
void api_gate_forget(struct api_gate *gate, const struct http_exchange *exchange);

/* Whether 'who' might still enter: nothing it hangs on has ended or changed. */
bool api_gate_is_valid(const struct api_gate *gate, const struct api_who *who);
