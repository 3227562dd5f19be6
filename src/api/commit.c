/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/commit.h"

#include "api/api.h"
#include "api/operation.h"
#include "api/repeat.h"
#include "base/parse.h"
#include "model/words.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The log is bounded: what is too old goes with the next change, a few at a time. Unguarded: two
 * that delete the same old event agree. */
static void trim_events(struct api_call *call)
{
    enum { at_a_time = 4 };
    size_t len = call->world->records[RECORD_EVENT].len;
    for (size_t i = 0; i < at_a_time && len > events_max + i; i++) {
        txn_delete(&call->answer->txn, &call->world->records[RECORD_EVENT].items[i]->key);
    }
}

/* The same for events that strangers write: the oldest of that code make room. */
static void trim_strangers(struct api_call *call, const char *code)
{
    enum { at_a_time = 4 };
    const struct record *oldest[at_a_time] = {0};
    size_t len = 0;
    WORLD_EACH(call->world, RECORD_EVENT, each) {
        if (strcmp((*each)->event->code, code) == 0) {
            if (len < at_a_time) {
                oldest[len] = *each;
            }
            len++;
        }
    }
    for (size_t i = 0; i < at_a_time && len >= events_of_strangers_max + i; i++) {
        if (oldest[i]) {
            txn_delete(&call->answer->txn, &oldest[i]->key);
        }
    }
}

/* The audit event of this change; NULL without memory. */
static struct record *make_event(struct api_call *call, const struct note *note)
{
    const struct api_view *view = call->view;
    char name[name_size];
    (void)snprintf(name, sizeof(name), "%014llu-%.24s-%llu", (unsigned long long)view->wall_ms,
                   view->writer, (unsigned long long)view->number);
    struct record *event = record_new(RECORD_EVENT, name, NULL);
    if (event) {
        call->answer->event = event->key;
        (void)copy_text(event->event->actor, sizeof(event->event->actor),
                        call->request->actor.name);
        (void)copy_text(event->event->address, sizeof(event->event->address),
                        call->request->actor.address);
        (void)copy_text(event->event->code, sizeof(event->event->code), note_code_name(note->code));
        (void)copy_text(event->event->subject, sizeof(event->event->subject), note->subject);
        event->event->severity = note_severity(note->code);
        event->event->way = note_code_way(note->code);
        event->event->facts = note->facts;
        event->event->cause = note->cause;
    }
    return event;
}

/* {"message", "subject", "operation", and what is in 'extra', taken over}. */
static json_t *change_json(const struct api_call *call, const struct note *note, json_t *extra)
{
    char words[words_max];
    json_t *operation = operation_link(note_code_name(note->code), &call->answer->event);
    json_t *json = json_pack("{s:o, s:o, s:o*}", "message", text_json(words_note(note, words)),
                             "subject", text_json(note->subject), "operation", operation);
    if (extra && json) {
        (void)json_object_update(json, extra);
    }
    json_decref(extra);
    return json;
}

struct note call_note(enum note_code code, const char *subject)
{
    struct note note = {.code = code};
    (void)copy_text(note.subject, sizeof(note.subject), subject);
    return note;
}

/* What an administrator orders is decided on what was shown: a write that does not demand it would
 * undo what another one ordered meanwhile. Anyone may delete old events. */
static bool is_guarded(const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        if (write->key.kind != RECORD_EVENT && !txn_demands(txn, &write->key)) {
            return false;
        }
    }
    return true;
}

void call_commit_with(struct api_call *call, unsigned status, json_t *extra,
                      const struct note *note)
{
    trim_events(call);
    CLEANUP(record_unrefp) struct record *event = make_event(call, note);
    call_set_body(call->answer, status, change_json(call, note, extra));
    if (!event || !repeat_keep(call, event->event)) {
        call->answer->txn.failed = true;
    } else {
        txn_guard(&call->answer->txn, &event->key, 0);
        txn_put(&call->answer->txn, TAKE(event));
    }
    call->answer->has_txn = !call->answer->txn.failed && call->answer->status < 300;
    assert(!call->answer->has_txn || is_guarded(&call->answer->txn));
    if (!call->answer->has_txn) {
        call_send(call, NULL, 0);
    }
}

void call_commit(struct api_call *call, const struct note *note)
{
    call_commit_with(call, 200, NULL, note);
}

void api_note(const struct api_view *view, const struct api_request *request,
              const struct note *note, struct api_answer *ret)
{
    *ret = (struct api_answer){0};
    CLEANUP(freep) struct api_call *call = calloc(1, sizeof(*call));
    if (call) {
        call->view = view;
        call->world = view->world;
        call->request = request;
        call->answer = ret;
        trim_events(call);
        trim_strangers(call, note_code_name(note->code));
        struct record *event = make_event(call, note);
        if (event) {
            txn_guard(&ret->txn, &event->key, 0);
        }
        txn_put(&ret->txn, event);
        ret->has_txn = !ret->txn.failed;
    }
}
