/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/gate_refusal.h"

#include "run/api_op.h"

#include <stdio.h>

void gate_refuse_for_now(struct http_exchange *exchange, msec_t wait_ms)
{
    char message[160], seconds[24];
    struct api_answer answer = {0};
    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)(wait_ms + 999) / 1000);
    (void)snprintf(message, sizeof(message),
                   "too many attempts that failed, with this name or from your address; try again "
                   "in %s s",
                   seconds);
    api_answer_error(&answer, 429, "too-many-attempts", message);
    api_answer_send_with(exchange, &answer, "Retry-After", seconds);
    api_answer_done(&answer);
}

void gate_refuse_busy(struct http_exchange *exchange)
{
    struct api_answer answer = {0};
    api_answer_error(&answer, 503, "busy",
                     "too many passwords and tokens are being checked; try again in a moment");
    api_answer_send_with(exchange, &answer, "Retry-After", "1");
    api_answer_done(&answer);
}

void gate_refuse_token(struct http_exchange *exchange)
{
    api_answer_refuse(exchange, 401, "bad-token",
                      "there is no such token, or it has expired; \"berth token add\" makes one");
}
