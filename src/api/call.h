/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request on its way through the room: what every handler gets, and how it answers. */
#pragma once

#include "api/exchange.h"
#include "api/hint.h"
#include "api/json.h"

#include <jansson.h>

enum { api_parts_max = 8, api_params_max = 16, call_args_max = 3 };

struct api_param {
    const char *name;
    const char *value;
};

struct api_call {
    const struct api_view *view;
    const struct world *world; /* view->world */
    const struct api_request *request;
    struct api_answer *answer;
    char text[api_target_size_max]; /* holds what the pointers below point to */
    const char *parts[api_parts_max];
    size_t part_len;
    struct api_param params[api_params_max];
    size_t param_len;
    json_t *hint;                    /* of the refusal that follows; NULL: none */
    json_t *parameters;              /* the same */
    const char *args[call_args_max]; /* what stands for the ':' parts of the route's pattern */
};

/* The query's parameter, or NULL. */
const char *call_param(const struct api_call *call, const char *name);

/* ---- answers; each is the last thing that a handler does ---- */

/* Sends 'json' (taken over; NULL: out of memory) with 'etag' (0: none). */
void call_send(struct api_call *call, json_t *json, revision_t etag);
/* The same with text that is JSON already; moved out of 'text', which is empty afterwards. */
void call_send_text(struct api_call *call, struct buf *text, revision_t etag);

/* The body of 'answer': 'json', taken over; NULL: out of memory. */
void call_set_body(struct api_answer *answer, unsigned status, json_t *json);

/* The answer is no. 'code' is static, the text says why and what to do. */
void call_refuse(struct api_call *call, unsigned status, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* The same with reasons: a JSON array of {"subject", "text"}, taken over. */
void call_refuse_because(struct api_call *call, unsigned status, const char *code, json_t *reasons,
                         const char *format, ...) PRINTF_LIKE(5, 6);

/* What the refusal that follows is about, for programs: pairs of a name and a text (NULL: not
 * known), up to NULL. "field" is the part of the request that is wrong. What stands in the path is
 * told already. */
void call_tell(struct api_call *call, ...) __attribute__((sentinel));
void call_tell_number(struct api_call *call, const char *name, uint64_t number);

/* What to do about it (hint.h), taken over: goes into the next refusal. */
void call_advise(struct api_call *call, json_t *hint);

/* Adds a reason to such an array. */
void reason_add(json_t *reasons, const char *subject, const char *format, ...) PRINTF_LIKE(3, 4);

/* ---- a change ---- */

/* If the request has If-Match, it must name 'record' (NULL: absent) as it is. False: answered. */
bool call_matches(struct api_call *call, const struct record *record);

/* Puts 'value' in the place of what the world holds under its key, guarded by that revision. */
void call_put(struct api_call *call, struct record *value);
/* This key must not have changed meanwhile. */
void call_guard(struct api_call *call, const struct record_key *key);
void call_guard_name(struct api_call *call, enum record_kind kind, const char *name);
/* Deletes it, guarded in the same way. */
void call_delete(struct api_call *call, const struct record_key *key);
/* Writes the record again as it is: what was decided on it is decided again. */
void call_touch(struct api_call *call, const struct record *record);

/* Nothing had to be done: a message, no transaction. */
void call_unchanged(struct api_call *call, const char *subject, const char *format, ...)
    PRINTF_LIKE(3, 4);
