/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/patch.h"

#include "api/body.h"
#include "wire/record.h"

#include <string.h>

static bool is_among(const char *name, const char *const *fields, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(fields[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool patch_apply(struct api_call *call, struct record *record, const json_t *json,
                 const char *const *fields, size_t len)
{
    struct error err;
    const char *name;
    void *at = json_object_iter((json_t *)(uintptr_t)json);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
        name = json_object_iter_key(at);
        if (!is_among(name, fields, len)) {
            CLEANUP(buf_done) struct buf known = {0};
            call_refuse(call, 400, "bad-request", "$.%.60s: no such field here; %s", name,
                        fields_text(fields, len, &known));
            return false;
        }
    }
    if (wire_record_update(record, json, WIRE_REFUSE_UNKNOWN, &err) < 0) {
        call_refuse(call, 400, "bad-request", "$.%s", err.text);
        return false;
    }
    return true;
}

void patch_names(const json_t *json, struct buf *ret)
{
    void *at = json_object_iter((json_t *)(uintptr_t)json);
    for (bool is_first = true; at; at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
        buf_printf(ret, "%s%s", is_first ? "" : ", ", json_object_iter_key(at));
        is_first = false;
    }
}
