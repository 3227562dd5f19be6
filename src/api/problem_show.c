/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Problems as answers show them. */
#include "api/because.h"
#include "api/handlers.h"
#include "api/problem.h"
#include "api/show.h"
#include "model/words.h"
#include "wire/out.h"

static void write_one(struct buf *out, const struct trouble *trouble)
{
    char words[words_max];
    const struct cause what = {.facts = trouble->facts};
    out_open(out, '{');
    out_text(out, "code", trouble_code_name(trouble->code));
    out_text(out, "severity", severity_name(trouble_severity(trouble->code)));
    out_text(out, "of", trouble_of_name(trouble_thing(trouble->code)));
    out_text(out, "subject", trouble->subject);
    out_text(out, "text", words_trouble(trouble->code, trouble->subject, &trouble->facts, words));
    out_tree(out, "parameters", because_parameters(&what));
    because_write(out, "cause", &trouble->cause);
    out_text(out, "advice", words_advice(trouble->code, trouble->subject, &trouble->facts, words));
    if (trouble->since_ms > 0) {
        out_number(out, "since_ms", (int64_t)trouble->since_ms);
    }
    because_write_reasons(out, trouble->reasons);
    if (trouble->hint) {
        out_tree(out, "hint", json_incref(trouble->hint));
    }
    out_close(out, '}');
}

void problems_write(struct buf *out, const struct troubles *troubles, const char *key, size_t max)
{
    static const enum severity order[] = {SEVERITY_ERROR, SEVERITY_WARNING};
    size_t told = 0;
    out_key(out, key);
    out_open(out, '[');
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        VEC_EACH(&troubles->list, each) {
            if (trouble_severity(each->code) == order[i] && told < max) {
                write_one(out, each);
                told++;
            }
        }
    }
    out_close(out, ']');
    out_key(out, "problem_counts");
    out_open(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        out_number(out, severity_name(order[i]), troubles_count(troubles, order[i]));
    }
    out_close(out, '}');
}

void handle_problems_get(struct api_call *call)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(troubles_done) struct troubles troubles;
    out.failed |= !troubles_find(call, &troubles);
    out_open(&out, '{');
    problems_write(&out, &troubles, "items", 2 * troubles_told_max);
    out_number(&out, "revision", call->world->revision);
    call_send_members(call, &out, 0);
}
