/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/facts.h"

ENUM_DEFINE(cause_code, CAUSE_LIST)
ENUM_DEFINE(severity, SEVERITY_LIST)

struct cause cause_make(enum cause_code code, const char *node, const char *who, const char *detail)
{
    struct cause cause = {.code = code};
    (void)facts_set(&cause.facts, node, who, detail);
    return cause;
}

bool cause_is_stuck(const struct cause *cause)
{
    return cause->code == CAUSE_DRAIN_NO_HOST || cause->code == CAUSE_GPU_NO_HOST ||
           cause->code == CAUSE_MOVE_NO_HOST;
}

#define NOTE_NAME_(id, text, severity)     [id] = (text),
#define NOTE_SEVERITY_(id, text, severity) [id] = SEVERITY_##severity,

const char *note_code_name(enum note_code code)
{
    static const char *const names[note_code_count] = {NOTE_LIST(NOTE_NAME_)};
    return names[code];
}

enum severity note_severity(enum note_code code)
{
    static const enum severity severities[note_code_count] = {NOTE_LIST(NOTE_SEVERITY_)};
    return severities[code];
}
