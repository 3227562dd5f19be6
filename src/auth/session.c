/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "auth/session.h"

#include "base/hex.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void auth_make_secret(char ret[static auth_secret_size])
{
    unsigned char bytes[auth_secret_len / 2];
    if (gnutls_rnd(GNUTLS_RND_KEY, bytes, sizeof(bytes)) != 0) {
        abort(); /* without randomness there are no secrets */
    }
    hex_write(bytes, sizeof(bytes), ret);
    explicit_bzero(bytes, sizeof(bytes));
}

bool auth_secret_equal(const char *a, const char *b)
{
    size_t len = strlen(a);
    return len > 0 && len == strlen(b) && gnutls_memcmp(a, b, len) == 0;
}

void auth_sessions_done(struct auth_sessions *sessions)
{
    VEC_DONE(&sessions->items);
}

static bool is_over(const struct auth_sessions *sessions, const struct auth_session *session,
                    msec_t now_ms)
{
    return now_ms - session->used_ms >= sessions->idle_ms ||
           now_ms - session->begun_ms >= auth_session_age_ms;
}

static void drop(struct auth_sessions *sessions, size_t i)
{
    explicit_bzero(&sessions->items.items[i], sizeof(sessions->items.items[i]));
    VEC_REMOVE(&sessions->items, i);
}

/* Those that are over, and the user's oldest if there are too many; then the oldest of all. */
static void make_room(struct auth_sessions *sessions, const char *user, msec_t now_ms)
{
    size_t same = 0;
    for (size_t i = sessions->items.len; i > 0; i--) {
        const struct auth_session *session = &sessions->items.items[i - 1];
        bool is_same = strcmp(session->user, user) == 0;
        same += is_same;
        if (is_over(sessions, session, now_ms) || (is_same && same >= auth_sessions_per_user_max)) {
            drop(sessions, i - 1);
        }
    }
    if (sessions->items.len >= auth_sessions_max) {
        drop(sessions, 0);
    }
}

void auth_sessions_sweep(struct auth_sessions *sessions, msec_t now_ms)
{
    for (size_t i = sessions->items.len; i > 0; i--) {
        if (is_over(sessions, &sessions->items.items[i - 1], now_ms)) {
            drop(sessions, i - 1);
        }
    }
}

const struct auth_session *auth_session_begin(struct auth_sessions *sessions, const char *user,
                                              const char *address, uint64_t stamp, msec_t now_ms)
{
    make_room(sessions, user, now_ms);
    struct auth_session *session = VEC_ADD(&sessions->items);
    if (!session) {
        return NULL;
    }
    session->number = ++sessions->last_number;
    session->stamp = stamp;
    session->begun_ms = session->used_ms = now_ms;
    (void)snprintf(session->user, sizeof(session->user), "%s", user);
    (void)snprintf(session->address, sizeof(session->address), "%s", address);
    auth_make_secret(session->id);
    auth_make_secret(session->csrf);
    return session;
}

const struct auth_session *auth_session_find(struct auth_sessions *sessions, const char *id,
                                             bool is_use, msec_t now_ms)
{
    VEC_EACH(&sessions->items, session) {
        if (auth_secret_equal(session->id, id) && !is_over(sessions, session, now_ms)) {
            session->used_ms = is_use ? now_ms : session->used_ms;
            return session;
        }
    }
    return NULL;
}

bool auth_session_is_live(const struct auth_sessions *sessions, uint64_t number, msec_t now_ms)
{
    VEC_EACH(&sessions->items, session) {
        if (session->number == number) {
            return !is_over(sessions, session, now_ms);
        }
    }
    return false;
}

void auth_session_end(struct auth_sessions *sessions, uint64_t number)
{
    for (size_t i = 0; i < sessions->items.len; i++) {
        if (sessions->items.items[i].number == number) {
            drop(sessions, i);
            return;
        }
    }
}
