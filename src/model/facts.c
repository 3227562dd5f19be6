/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/facts.h"

#include <string.h>

ENUM_DEFINE(cause_code, CAUSE_LIST)
ENUM_DEFINE(severity, SEVERITY_LIST)

struct cause cause_make(enum cause_code code, const char *node, const char *who, const char *detail)
{
    struct cause cause = {.code = code};
    (void)facts_set(&cause.facts, node, who, detail);
    return cause;
}

bool facts_equal(const struct facts *a, const struct facts *b)
{
    return strcmp(a->node, b->node) == 0 && strcmp(a->who, b->who) == 0 &&
           strcmp(a->pool, b->pool) == 0 && strcmp(a->device, b->device) == 0 &&
           strcmp(a->label, b->label) == 0 && a->count == b->count && a->need == b->need &&
           a->have == b->have && a->total == b->total && a->ms == b->ms &&
           a->limit_ms == b->limit_ms;
}

bool cause_equal(const struct cause *a, const struct cause *b)
{
    return a->code == b->code && facts_equal(&a->facts, &b->facts);
}

struct cause cause_told(enum cause_code code, const char *words)
{
    return cause_make(words && words[0] ? CAUSE_SAID : code, NULL, NULL, words);
}

bool cause_is_stuck(const struct cause *cause)
{
    return cause->code == CAUSE_DRAIN_NO_HOST || cause->code == CAUSE_GPU_NO_HOST ||
           cause->code == CAUSE_MOVE_NO_HOST || cause->code == CAUSE_RULE_TOGETHER ||
           cause->code == CAUSE_RULE_APART || cause->code == CAUSE_LIVE_FAILED;
}

#define NOTE_NAME_(id, text, severity)     [id] = (text),
#define NOTE_SEVERITY_(id, text, severity) [id] = SEVERITY_##severity,

const char *note_code_name(enum note_code code)
{
    static const char *const names[note_code_count] = {NOTE_LIST(NOTE_NAME_)
                                                           ORDER_LIST(NOTE_NAME_)};
    return names[code];
}

uint32_t note_code_way(enum note_code code)
{
    uint32_t way = 0;
    for (enum note_code each = NOTE_NONE; each < code; each++) {
        way += strcmp(note_code_name(each), note_code_name(code)) == 0;
    }
    return way;
}

enum note_code note_code_find(const char *name, uint32_t way)
{
    for (enum note_code each = NOTE_NONE + 1; each < note_code_count; each++) {
        if (strcmp(note_code_name(each), name) == 0 && way-- == 0) {
            return each;
        }
    }
    return NOTE_NONE;
}

enum severity note_severity(enum note_code code)
{
    static const enum severity severities[note_code_count] = {NOTE_LIST(NOTE_SEVERITY_)
                                                                  ORDER_LIST(NOTE_SEVERITY_)};
    return severities[code];
}
