/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether messages arrive: where they go is a file of the host's, so this room only asks for one.
 */
#include "api/handlers.h"
#include "api/requests.h"

void handle_notify_test(struct api_call *call)
{
    if (!request_is_empty(call)) {
        return;
    }
    if (!call->view->can_notify) {
        call_refuse(call, 409, "no-webhook",
                    "neither a webhook nor mail is set on %s: set webhook_file or mail_to in "
                    "berth.conf",
                    call->view->node ? call->view->node : "this host");
        return;
    }
    call->answer->effect = EFFECT_NOTIFY;
}
