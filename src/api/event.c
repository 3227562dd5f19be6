/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log of who did what and why: lists, and the stream. */
#include "api/api.h"
#include "api/because.h"
#include "api/handlers.h"
#include "api/list.h"
#include "api/show.h"
#include "base/parse.h"
#include "model/words.h"

#include <string.h>

uint64_t event_wall_ms(const struct record *record)
{
    uint64_t wall_ms = 0;
    char digits[15] = "";
    memcpy(digits, record->key.name, strnlen(record->key.name, sizeof(digits) - 1));
    (void)parse_u64(digits, INT64_MAX, &wall_ms);
    return wall_ms;
}

json_t *event_json(const struct record *record)
{
    const struct event_record *event = record->event;
    char words[words_max];
    const struct cause what = {.facts = event->facts};
    json_t *json = json_pack(
        "{s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "id", text_json(record->key.name),
        "time_ms", (json_int_t)event_wall_ms(record), "severity", severity_name(event->severity),
        "actor", text_json(event->actor), "code", text_json(event->code), "parameters",
        because_parameters(&what), "subject", text_json(event->subject), "text",
        text_json(words_event(event, words)), "address", text_json(event->address));
    because_put(json, "cause", &event->cause);
    return json;
}

void api_event_text(const struct record *event, struct buf *ret)
{
    json_t *json = event_json(event);
    CLEANUP(freep) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text) {
        buf_printf(ret, "id: %s\ndata: %s\n\n", event->key.name, text);
    }
}

static bool is_wanted(const struct api_call *call, const struct record *record)
{
    const struct event_record *event = record->event;
    const char *subject = call_param(call, "subject"), *code = call_param(call, "code");
    const char *after = call_param(call, "after"), *before = call_param(call, "before");
    const char *severity = call_param(call, "severity"), *words = call_param(call, "text");
    char sentence[words_max];
    return (!subject || strcmp(event->subject, subject) == 0) &&
           (!code || strcmp(event->code, code) == 0) &&
           (!severity || strcmp(severity_name(event->severity), severity) == 0) &&
           (!words || strcasestr(words_event(event, sentence), words)) &&
           (!after || strcmp(record->key.name, after) > 0) &&
           (!before || strcmp(record->key.name, before) < 0);
}

/* The newest 'limit' of those wanted, the oldest of them first. */
static json_t *list_json(const struct api_call *call, uint64_t limit)
{
    size_t len = call->world->records[RECORD_EVENT].len;
    struct record *const *items = call->world->records[RECORD_EVENT].items;
    size_t first = len;
    for (uint64_t found = 0; first > 0 && found < limit; first--) {
        found += is_wanted(call, items[first - 1]);
    }
    json_t *list = json_array();
    for (; first < len; first++) {
        if (is_wanted(call, items[first])) {
            (void)json_array_append_new(list, event_json(items[first]));
        }
    }
    return list;
}

static void stream(struct api_call *call)
{
    const char *last = call->request->last_event_id;
    const char *after = last ? last : call_param(call, "after");
    size_t len = call->world->records[RECORD_EVENT].len;
    if (!after && len > 0) { /* from now on */
        after = call->world->records[RECORD_EVENT].items[len - 1]->key.name;
    }
    if (after &&
        !copy_text(call->answer->follow_after, sizeof(call->answer->follow_after), after)) {
        call_tell(call, "field", "after", NULL);
        call_refuse(call, 400, "bad-request", "no event has such an id");
        return;
    }
    call->answer->status = 200;
    call->answer->content_type = "text/event-stream";
    call->answer->is_stream = true;
    call->answer->wants_changes = call_param(call, "changes") != NULL;
}

void handle_events_get(struct api_call *call)
{
    uint64_t limit = 100;
    if (call->request->wants_stream || call_param(call, "follow")) {
        stream(call);
        return;
    }
    if (!list_limit(call, &limit)) {
        return;
    }
    call_send_list(call, list_json(call, limit));
}
