/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/call.h"

#include "base/parse.h"
#include "wire/out.h"

#include <stdio.h>
#include <string.h>

const char *call_param(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->param_len; i++) {
        if (strcmp(call->params[i].name, name) == 0) {
            return call->params[i].value;
        }
    }
    return NULL;
}

/* ---- answers ---- */

static int dump_chunk(const char *bytes, size_t size, void *userdata)
{
    buf_add(userdata, bytes, size);
    return 0;
}

void call_set_body(struct api_answer *answer, unsigned status, json_t *json)
{
    answer->status = status;
    answer->content_type = "application/json";
    buf_clear(&answer->body);
    if (json) {
        (void)json_dump_callback(json, dump_chunk, &answer->body, JSON_COMPACT);
        json_decref(json);
    } else {
        answer->status = 500;
        buf_text(&answer->body, "{\"code\":\"out-of-memory\",\"message\":\"out of memory\","
                                "\"parameters\":{},\"reasons\":[]}");
    }
    buf_char(&answer->body, '\n');
}

/* Takes over what it is given; of these NULL: none. */
static json_t *error_json(const char *code, json_t *parameters, const char *message,
                          json_t *reasons, json_t *hint)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o*}", "code", code, "parameters",
                     parameters ? parameters : json_object(), "message", text_json(message),
                     "reasons", reasons ? reasons : json_array(), "hint", hint);
}

void api_answer_error(struct api_answer *ret, unsigned status, const char *code,
                      const char *message)
{
    call_set_body(ret, status, error_json(code, NULL, message, NULL, NULL));
}

void call_send(struct api_call *call, json_t *json, revision_t etag)
{
    call_set_body(call->answer, 200, json);
    call->answer->etag = etag;
}

void call_send_text(struct api_call *call, struct buf *text, revision_t etag)
{
    if (text->failed) {
        call_send(call, NULL, 0);
        return;
    }
    struct api_answer *answer = call->answer;
    answer->status = 200;
    answer->content_type = "application/json";
    answer->etag = etag;
    buf_done(&answer->body);
    answer->body = *text;
    *text = (struct buf){0};
    buf_char(&answer->body, '\n');
}

static void drop_change(struct api_answer *answer)
{
    txn_done(&answer->txn);
    answer->txn = (struct txn){0};
    answer->has_txn = false;
    answer->socket_kind = NULL;
}

static void PRINTF_LIKE(5, 0)
    answer_refusal(struct api_call *call, unsigned status, const char *code, json_t *reasons,
                   const char *format, va_list args)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_vprintf(&text, format, args);
    drop_change(call->answer);
    call_set_body(call->answer, status,
                  error_json(code, call->parameters, buf_str(&text), reasons, call->hint));
    call->hint = call->parameters = NULL;
}

static json_t *parameters_of(struct api_call *call)
{
    if (!call->parameters) {
        call->parameters = json_object();
    }
    return call->parameters;
}

void call_tell(struct api_call *call, ...)
{
    const char *name, *value;
    va_list args;
    va_start(args, call);
    while ((name = va_arg(args, const char *))) {
        value = va_arg(args, const char *);
        if (value && value[0]) {
            (void)json_object_set_new(parameters_of(call), name, text_json(value));
        }
    }
    va_end(args);
}

void call_tell_number(struct api_call *call, const char *name, uint64_t number)
{
    (void)json_object_set_new(parameters_of(call), name, json_integer((json_int_t)number));
}

void call_advise(struct api_call *call, json_t *hint)
{
    json_decref(call->hint);
    call->hint = hint;
}

void call_refuse(struct api_call *call, unsigned status, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    answer_refusal(call, status, code, NULL, format, args);
    va_end(args);
}

void call_refuse_because(struct api_call *call, unsigned status, const char *code, json_t *reasons,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    answer_refusal(call, status, code, reasons, format, args);
    va_end(args);
}

void reason_add(json_t *reasons, const char *subject, const char *format, ...)
{
    CLEANUP(buf_done) struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    (void)json_array_append_new(reasons, json_pack("{s:o, s:o}", "subject", text_json(subject),
                                                   "text", text_json(buf_str(&text))));
}

/* ---- a change ---- */

bool call_matches(struct api_call *call, const struct record *record)
{
    const char *want = call->request->if_match;
    if (!want || strcmp(want, "*") == 0) {
        return true;
    }
    char have[32];
    (void)snprintf(have, sizeof(have), "\"%lld", record ? (long long)record->revision : 0LL);
    size_t size = strlen(have);
    /* A change decided on one revision must not be decided again on another. */
    call->answer->may_retry = false;
    if (strncmp(want, have, size) == 0 && (want[size] == '"' || want[size] == '-')) {
        return true;
    }
    call_tell(call, "field", "If-Match", NULL);
    call_refuse(call, 412, "changed",
                "it was changed since you read it (If-Match %.60s, now %s\"): read it again, then "
                "decide",
                want, have);
    return false;
}

void call_guard(struct api_call *call, const struct record_key *key)
{
    VEC_EACH(&call->answer->txn.guards, guard) {
        if (record_key_compare(&guard->key, key) == 0) {
            return;
        }
    }
    txn_guard(&call->answer->txn, key, world_revision(call->world, key));
}

void call_guard_name(struct api_call *call, enum record_kind kind, const char *name)
{
    struct record_key key = {.kind = kind};
    (void)copy_text(key.name, sizeof(key.name), name);
    call_guard(call, &key);
}

void call_put(struct api_call *call, struct record *value)
{
    if (value) {
        call_guard(call, &value->key);
    }
    txn_put(&call->answer->txn, value);
}

void call_delete(struct api_call *call, const struct record_key *key)
{
    call_guard(call, key);
    txn_delete(&call->answer->txn, key);
}

void call_touch(struct api_call *call, const struct record *record)
{
    VEC_EACH(&call->answer->txn.writes, write) {
        if (record_key_compare(&write->key, &record->key) == 0) {
            return;
        }
    }
    call_put(call, record_copy(record));
}

void call_unchanged(struct api_call *call, const char *subject, const char *format, ...)
{
    CLEANUP(buf_done) struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    drop_change(call->answer);
    call_send(call,
              json_pack("{s:o, s:o, s:b}", "message", text_json(buf_str(&text)), "subject",
                        text_json(subject), "unchanged", 1),
              0);
}

void api_answer_uncommitted(struct api_answer *answer, enum txn_outcome outcome, const char *why)
{
    drop_change(answer);
    switch (outcome) {
    case TXN_COMMITTED:
        break;
    case TXN_REFUSED:
        api_answer_error(answer, 409, "busy",
                         "nothing was changed: others kept changing the same things; try again");
        break;
    case TXN_UNKNOWN:
        api_answer_error(answer, 504, "unknown",
                         "the store did not answer: whether this was done is unknown; "
                         "look again once the store answers, then decide");
        break;
    case TXN_IMPOSSIBLE: {
        CLEANUP(buf_done) struct buf text = {0};
        buf_printf(&text,
                   "nothing was changed: the store could not be asked%s%s; see that etcd "
                   "runs and is reachable, then try again",
                   why ? ": " : "", why ? why : "");
        api_answer_error(answer, 503, "store-down", buf_str(&text));
        break;
    }
    }
}

void api_answer_done(struct api_answer *answer)
{
    drop_change(answer);
    if (answer->body.size > 0) {
        explicit_bzero(answer->body.data, answer->body.size); /* may hold a new token */
    }
    buf_done(&answer->body);
    explicit_bzero(answer->password, sizeof(answer->password));
    explicit_bzero(answer->next_password, sizeof(answer->next_password));
}
