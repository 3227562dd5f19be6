/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logging in at the console, and who one is. Sessions are the caller's: here is what is said. */
#include "api/body.h"
#include "api/handlers.h"

#include "base/parse.h"

void handle_session_get(struct api_call *call)
{
    const struct api_actor *actor = &call->request->actor;
    if (actor->role == ROLE_NONE) {
        call_refuse(call, 401, "login-needed", "nobody is logged in");
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
    CLEANUP(body_done) struct body body;
    body_init(&body, call);
    body_need(&body, "user");
    body_need(&body, "password");
    /* Any text may be tried as a name: what is none belongs to nobody. */
    const char *user = body_text(&body, "user", name_size);
    const char *password = body_text(&body, "password", api_password_size);
    if (!body_end(&body, call)) {
        return;
    }
    if (!call->world->is_complete) {
        call_refuse(call, 503, "store-down",
                    "nobody can log in: the store has not answered since this API started; see "
                    "that etcd runs, then try again");
        return;
    }
    if (!user || !password) {
        call_refuse(call, 400, "bad-request", "$: user and password must be strings");
        return;
    }
    (void)copy_text(call->answer->user, sizeof(call->answer->user), user);
    (void)copy_text(call->answer->password, sizeof(call->answer->password), password);
    call->answer->effect = EFFECT_LOGIN;
}

void handle_session_delete(struct api_call *call)
{
    call->answer->effect = EFFECT_LOGOUT;
    call_send(call, json_pack("{s:s}", "message", "logged out"), 0);
}
