/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/patch.h"

#include "api/requests.h"
#include "base/cleanup.h"
#include "wire/record.h"

#include <string.h>

/* The value as people read it, short; a password is not for anyone to read. */
static void add_value(const json_t *value, const char *name, struct buf *ret)
{
    enum { shown_max = 60 };
    CLEANUP(freep) char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *shown = json_is_string(value) ? json_string_value(value) : text;
    if (strcmp(name, "fence_parameters") == 0 || strcmp(name, "fence_box") == 0 ||
        strncmp(name, "fence_level_", 12) == 0) {
        shown = "(secret)";
    }
    buf_printf(ret, "%.*s%s", shown_max, shown ? shown : "nothing",
               shown && strlen(shown) > shown_max ? "..." : "");
}

static void patch_tell(const struct record *before, const struct record *after, const json_t *json,
                       struct buf *ret)
{
    struct error err;
    CLEANUP(record_unrefp)
    struct record *fallback = before ? NULL : record_new(after->key.kind, after->key.name, NULL);
    json_t *old = before || fallback ? wire_record_to_json(before ? before : fallback, &err) : NULL;
    json_t *new = wire_record_to_json(after, &err);
    void *at = json_object_iter((json_t *)(uintptr_t)json);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *from = json_object_get(old, name), *to = json_object_get(new, name);
        buf_printf(ret, "%s%s ", ret->size ? ", " : "", name);
        if (json_equal(from, to)) {
            buf_text(ret, "as it was");
            continue;
        }
        add_value(from, name, ret);
        buf_text(ret, " -> ");
        add_value(to, name, ret);
    }
    json_decref(old);
    json_decref(new);
}

struct record *patch_apply(struct api_call *call, const struct record *stored, struct record *next,
                           const json_t *json, struct buf *ret_what)
{
    struct error err;
    if (!next) {
        call_send(call, NULL, 0);
        return NULL;
    }
    if (wire_record_update(next, json, WIRE_REFUSE_UNKNOWN | WIRE_POLICY_ONLY, &err) < 0) {
        call_tell(call, "field", err.place, NULL);
        call_refuse(call, 400, "bad-request", "%s", err.text);
        record_unref(next);
        return NULL;
    }
    if (ret_what) {
        patch_tell(stored, next, json, ret_what);
        buf_text(ret_what, ret_what->size ? "" : "nothing");
    }
    return next;
}

struct record *patch_read(struct api_call *call, const struct record *stored, struct record *next,
                          struct buf *ret_what)
{
    json_t *json = call_matches(call, stored) ? request_json(call) : NULL;
    if (!json) {
        record_unref(next);
        return NULL;
    }
    next = patch_apply(call, stored, next, json, ret_what);
    json_decref(json);
    return next;
}
