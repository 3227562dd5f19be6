/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Console sessions, in the memory of one process: a restart ends all of them. One ends when it
 * was not used for 'idle_ms' or is old, when its user's record changes (its stamp is another one
 * then), when its user has begun too many others, or when it is ended. Time comes in with the call.
 */
#pragma once

#include "auth/header.h"
#include "base/vec.h"

enum {
    auth_address_size = 48,
    auth_session_age_ms = 12 * 3600 * 1000,
    auth_sessions_max = 512,
    auth_sessions_per_user_max = 16,
};

struct auth_session {
    uint64_t number; /* names it where its id must not be known; never 0 */
    char id[auth_secret_size];
    char csrf[auth_secret_size];
    char user[name_size];
    char address[auth_address_size]; /* from which it began */
    uint64_t stamp;                  /* of the user's record when it began */
    msec_t begun_ms, used_ms;
};

struct auth_sessions {
    VEC(struct auth_session) items; /* the oldest first */
    uint64_t last_number;
    msec_t idle_ms;
};

void auth_sessions_done(struct auth_sessions *sessions);

/* Lent until the next call; NULL without memory. */
const struct auth_session *auth_session_begin(struct auth_sessions *sessions, const char *user,
                                              const char *address, uint64_t stamp, msec_t now_ms);

/* The live session of that id; lent until the next call. NULL: none. 'is_use': a person asks, which
 * keeps it from being idle; what an open page asks by itself does not. */
const struct auth_session *auth_session_find(struct auth_sessions *sessions, const char *id,
                                             bool is_use, msec_t now_ms);

/* Forgets those that are over. */
void auth_sessions_sweep(struct auth_sessions *sessions, msec_t now_ms);

bool auth_session_is_live(const struct auth_sessions *sessions, uint64_t number, msec_t now_ms);
void auth_session_end(struct auth_sessions *sessions, uint64_t number);

/* 'auth_secret_len' random hexadecimal digits. */
void auth_make_secret(char ret[static auth_secret_size]);

/* Takes the same time wherever they differ. */
bool auth_secret_equal(const char *a, const char *b);
