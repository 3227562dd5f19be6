/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logging in at the console, and who one is. Sessions are the caller's: here is what is said. */
#include "api/handlers.h"
#include "api/requests.h"

#include "base/parse.h"

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
