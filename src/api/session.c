/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logging in at the console, and who one is. Sessions are the caller's: here is what is said. */
#include "api/access.h"
#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"

#include "api/show.h"
#include "base/parse.h"

#include <stdio.h>
#include <string.h>

void handle_session_get(struct api_call *call)
{
    const struct api_actor *actor = &call->request->actor;
    if (actor->role == ROLE_NONE) {
        call_refuse(call, 401, "login-needed", "you are not logged in");
        return;
    }
    const struct record *record =
        actor->csrf[0] ? world_find(call->world, RECORD_ACCESS, actor->name) : NULL;
    call_send(call,
              json_pack("{s:o, s:s, s:s, s:o, s:s, s:b}", "actor", text_json(actor->name), "role",
                        api_role_name(actor->role), "csrf", actor->csrf, "cluster",
                        text_json(world_settings(call->world)->name), "version",
                        call->view->version ? call->view->version : "", "totp",
                        record && record->access->totp[0] != '\0'),
              0);
}

void handle_session_post(struct api_call *call)
{
    struct login_request asked = {0};
    if (request_read(call, &request_login, &asked)) {
        if (call->world->is_complete) {
            (void)copy_text(call->answer->user, sizeof(call->answer->user), asked.user);
            (void)copy_text(call->answer->password, sizeof(call->answer->password), asked.password);
            (void)copy_text(call->answer->code, sizeof(call->answer->code), asked.code);
            call->answer->effect = EFFECT_LOGIN;
        } else {
            call_refuse(call, 503, "store-down",
                        "logging in is not possible: the store has not answered since this API "
                        "started; check that etcd runs, then try again");
        }
    }
    shape_done(&request_login, &asked);
}

void handle_session_delete(struct api_call *call)
{
    call->answer->effect = EFFECT_LOGOUT;
    call_send(call, json_pack("{s:s}", "message", "logged out"), 0);
}

/* ---- one's own password and second factor ---- */

/* Of a user in a session: a token has none, and on the socket the kernel says who one is. */
static const struct record *own_record(struct api_call *call)
{
    const struct api_actor *actor = &call->request->actor;
    const struct record *record = world_find(call->world, RECORD_ACCESS, actor->name);
    if (actor->csrf[0] && record && record->access->kind == ACCESS_USER) {
        return record;
    }
    call_refuse(call, 409, "no-session",
                "only a user who has logged in has a password and a second factor to change "
                "here; an administrator changes those of another user");
    return NULL;
}

static void put_password(struct api_call *call, const struct record *record)
{
    struct record *next = record_copy(record);
    if (next) {
        (void)copy_text(next->access->hash, sizeof(next->access->hash),
                        call->request->credential.hash);
    }
    call_put(call, next);
    struct note note = call_note(NOTE_ACCESS_CHANGED, record->key.name);
    (void)facts_set(&note.facts, NULL, access_kind_name(ACCESS_USER), "a new password");
    call_commit(call, &note);
    call->answer->may_retry = false; /* the proof was of the password that is being replaced */
}

static void try_password(struct api_call *call, const struct own_password_request *asked)
{
    if (!request_has_good_password(call, "new_password", asked->next)) {
        return;
    }
    const struct record *record = own_record(call);
    if (!record) {
        return;
    }
    struct api_answer *answer = call->answer;
    if (call->request->credential.hash[0]) {
        put_password(call, record);
    } else if (copy_text(answer->user, sizeof(answer->user), record->key.name) &&
               copy_text(answer->password, sizeof(answer->password), asked->password) &&
               copy_text(answer->next_password, sizeof(answer->next_password), asked->next)) {
        answer->effect = EFFECT_PASSWORD;
    }
}

void handle_session_password(struct api_call *call)
{
    struct own_password_request asked = {0};
    if (request_read(call, &request_own_password, &asked)) {
        try_password(call, &asked);
    }
    shape_done(&request_own_password, &asked);
    explicit_bzero(&asked, sizeof(asked));
}

void handle_session_totp(struct api_call *call)
{
    struct totp_request asked = {0};
    if (request_read(call, &request_own_totp, &asked)) {
        const struct record *record = own_record(call);
        if (record) {
            access_set_totp(call, record, &asked, true);
        }
    }
    shape_done(&request_own_totp, &asked);
    explicit_bzero(&asked, sizeof(asked));
}

/* ---- those of others ---- */

static json_t *session_json(const struct api_session *session)
{
    char id[24];
    (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)session->number);
    return json_pack("{s:s, s:s, s:s, s:I, s:I}", "id", id, "user", session->user, "peer",
                     session->address, "begun_ms", (json_int_t)session->begun_ms, "used_ms",
                     (json_int_t)session->used_ms);
}

void handle_sessions_get(struct api_call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; i < call->view->session_len; i++) {
        (void)json_array_append_new(list, session_json(&call->view->sessions[i]));
    }
    call_send_list(call, list);
}

void handle_session_end(struct api_call *call)
{
    uint64_t number = 0;
    bool is_number = parse_u64(call->args[0], UINT64_MAX, &number);
    for (size_t i = 0; is_number && i < call->view->session_len; i++) {
        const struct api_session *session = &call->view->sessions[i];
        if (session->number == number) {
            struct note note = call_note(NOTE_SESSION_ENDED, session->user);
            (void)facts_set(&note.facts, NULL, session->address, NULL);
            call->answer->effect = EFFECT_END_SESSION;
            call->answer->session = number;
            call_commit(call, &note);
            return;
        }
    }
    call_refuse(call, 404, "no-such-session",
                "this host's berth-api has no session \"%s\"; GET /v1/sessions lists them",
                call->args[0]);
}
