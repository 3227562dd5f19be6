/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logging in at the console, and who one is. Sessions are the caller's: here is what is said. */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/requests.h"

#include "api/show.h"
#include "base/parse.h"

#include <stdio.h>

void handle_session_get(struct api_call *call)
{
    const struct api_actor *actor = &call->request->actor;
    if (actor->role == ROLE_NONE) {
        call_refuse(call, 401, "login-needed", "you are not logged in");
        return;
    }
    call_send(call,
              json_pack("{s:o, s:s, s:s, s:o}", "actor", text_json(actor->name), "role",
                        api_role_name(actor->role), "csrf", actor->csrf, "cluster",
                        text_json(world_settings(call->world)->name)),
              0);
}

void handle_session_post(struct api_call *call)
{
    struct login_request asked = {0};
    if (request_read(call, &request_login, &asked)) {
        if (call->world->is_complete) {
            (void)copy_text(call->answer->user, sizeof(call->answer->user), asked.user);
            (void)copy_text(call->answer->password, sizeof(call->answer->password), asked.password);
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
