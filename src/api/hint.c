/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/hint.h"

#include "api/json.h"

#include <stdarg.h>

json_t *hint_make(const char *action, ...)
{
    json_t *subject = json_array();
    const char *word;
    va_list args;
    va_start(args, action);
    while ((word = va_arg(args, const char *))) {
        (void)json_array_append_new(subject, text_json(word));
    }
    va_end(args);
    return json_pack("{s:s, s:o}", "action", action, "subject", subject);
}

json_t *hint_with(json_t *hint, const char *option, const char *value)
{
    if (!json_object_get(hint, "options")) {
        (void)json_object_set_new(hint, "options", json_object());
    }
    (void)json_object_set_new(json_object_get(hint, "options"), option,
                              value ? text_json(value) : json_true());
    return hint;
}

void hint_put(json_t *list, json_t *hint)
{
    size_t len = json_array_size(list);
    if (hint && len > 0) {
        (void)json_object_set_new(json_array_get(list, len - 1), "hint", hint);
    } else {
        json_decref(hint);
    }
}

json_t *hint_of_away(const struct world *world, const char *vm)
{
    const char *there;
    return hint_make(world_sighting(world, vm, &there) ? "vm-adopt" : "vm-confirm-gone", vm, NULL);
}
