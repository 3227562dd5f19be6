/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The findings of a validation, as they are added. */
#include "api/validate.h"

#include "api/show.h"

#include <stdarg.h>

ENUM_DEFINE(finding, FINDING_LIST)

void validation_group(struct validation *v, const char *name, const char *about)
{
    v->checks = json_array();
    (void)json_array_append_new(
        v->groups, json_pack("{s:s, s:s, s:o}", "name", name, "about", about, "checks", v->checks));
}

void validation_add(struct validation *v, enum finding finding, const char *subject,
                    const char *check, const char *format, ...)
{
    CLEANUP(buf_done) struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    v->counts[finding]++;
    (void)json_array_append_new(v->checks,
                                json_pack("{s:s, s:o, s:o, s:o}", "result", finding_name(finding),
                                          "subject", text_json(subject), "check", text_json(check),
                                          "text", text_json(buf_str(&text))));
}
