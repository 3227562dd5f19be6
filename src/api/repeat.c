/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/repeat.h"

#include "base/parse.h"
#include "base/hash.h"

#include <string.h>

static uint64_t hash_of(const struct api_request *request)
{
    uint64_t hash = hash_bytes(hash_begin, request->method, strlen(request->method) + 1);
    hash = hash_bytes(hash, request->target, strlen(request->target) + 1);
    return hash_bytes(hash, request->body, request->body_size) & INT64_MAX;
}

static bool is_key(const char *key)
{
    size_t len = 0;
    while (key[len] > ' ' && key[len] <= '~') {
        len++;
    }
    return len > 0 && len < name_size && key[len] == '\0';
}

static const struct event_record *repeat_find(const struct api_call *call, const char *key)
{
    for (size_t i = call->world->records[RECORD_EVENT].len; i-- > 0;) {
        const struct event_record *event = call->world->records[RECORD_EVENT].items[i]->event;
        if (event->request_key[0] && strcmp(event->request_key, key) == 0 &&
            strcmp(event->actor, call->request->actor.name) == 0) {
            return event;
        }
    }
    return NULL;
}

bool repeat_answers(struct api_call *call)
{
    const char *key = call->request->idempotency_key;
    if (!key) {
        return false;
    }
    if (!is_key(key)) {
        call_tell(call, "field", "Idempotency-Key", NULL);
        call_refuse(call, 400, "bad-request",
                    "Idempotency-Key: must be 1 to %d visible characters without blanks",
                    name_size - 1);
        return true;
    }
    const struct event_record *event = repeat_find(call, key);
    if (!event) {
        return false;
    }
    if (event->request_hash != hash_of(call->request)) {
        call_tell(call, "field", "Idempotency-Key", NULL);
        call_refuse(call, 422, "key-reused",
                    "Idempotency-Key %s was used for another request: take a new key for each "
                    "change",
                    key);
        return true;
    }
    CLEANUP(buf_done) struct buf text = {0};
    buf_text(&text, event->answer ? event->answer : "");
    call_send_text(call, &text, 0);
    call->answer->status = event->answer_status;
    return true;
}

bool repeat_keep(const struct api_call *call, struct event_record *event)
{
    const char *key = call->request->idempotency_key;
    const struct buf *body = &call->answer->body;
    if (!key || body->size > event_answer_max) {
        return true;
    }
    (void)copy_text(event->request_key, sizeof(event->request_key), key);
    event->request_hash = hash_of(call->request);
    event->answer_status = call->answer->status;
    event->answer = strdup(buf_str(body));
    if (event->answer) {
        event->answer[strcspn(event->answer, "\n")] = '\0'; /* the one at its end */
    }
    return event->answer != NULL;
}
