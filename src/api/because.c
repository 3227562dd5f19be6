/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/because.h"

#include "base/cleanup.h"
#include "model/words.h"
#include "wire/out.h"
#include "wire/record.h"

#include <stdio.h>

static void write_members(struct buf *out, const char *text, const char *code,
                          const char *parameters, const struct cause *cause)
{
    char words[words_max];
    out_text(out, text, words_cause(cause, words));
    out_text(out, code, cause_code_name(cause->code));
    wire_parameters_write(out, parameters, cause);
}

void because_write(struct buf *out, const char *name, const struct cause *cause)
{
    char code[64], parameters[64];
    (void)snprintf(code, sizeof(code), "%s_code", name);
    (void)snprintf(parameters, sizeof(parameters), "%s_parameters", name);
    write_members(out, name, code, parameters, cause);
}

void because_write_reason(struct buf *out, const char *subject, const struct cause *cause)
{
    out_open(out, '{');
    out_text(out, "subject", subject);
    write_members(out, "text", "code", "parameters", cause);
    out_close(out, '}');
}

void because_write_reasons(struct buf *out, const struct vm_placement *placement)
{
    out_key(out, "reasons");
    out_open(out, '[');
    for (size_t i = 0; placement && i < placement->reasons.len; i++) {
        const struct reason *reason = &placement->reasons.items[i];
        because_write_reason(out, reason->node, &reason->cause);
    }
    out_close(out, ']');
}

/* ---- as a tree ---- */

static json_t *parse(const struct buf *out)
{
    return out->failed ? NULL : json_loadb(out->data, out->size, 0, NULL);
}

void because_put(json_t *object, const char *name, const struct cause *cause)
{
    CLEANUP(buf_done) struct buf out = {0};
    out_open(&out, '{');
    because_write(&out, name, cause);
    out_close(&out, '}');
    json_t *members = parse(&out);
    (void)json_object_update(object, members);
    json_decref(members);
}

json_t *because_parameters(const struct cause *cause)
{
    CLEANUP(buf_done) struct buf out = {0};
    wire_parameters_write(&out, NULL, cause);
    return parse(&out);
}

json_t *because_reason(const char *subject, const struct cause *cause)
{
    CLEANUP(buf_done) struct buf out = {0};
    because_write_reason(&out, subject, cause);
    return parse(&out);
}
