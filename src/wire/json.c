/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON of anybody, within limits. */
#include "wire/shape.h"

#include "wire/record.h"

#include <errno.h>
#include <string.h>

/*
 * The limits before the parser builds a tree: how deep, and how many values at most. Strings are
 * skipped; whether the rest is JSON at all is the parser's business.
 */
static int check_limits(const char *text, size_t size, struct error *err)
{
    size_t depth = 0, values = 1;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            values++;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else if (c == ',') {
            values++;
        }
        if (depth > wire_depth_max) {
            return error_set(err, -EBADMSG, "nested more than %d deep", wire_depth_max);
        }
        if (values > wire_values_max) {
            return error_set(err, -EBADMSG, "more than %d values", wire_values_max);
        }
    }
    return 0;
}

int wire_json_parse(const void *bytes, size_t size, json_t **ret, struct error *err)
{
    json_error_t fault;
    if (size > wire_document_size_max) {
        return error_set(err, -EBADMSG, "%zu bytes long; at most %d are allowed", size,
                         wire_document_size_max);
    }
    if (size == 0) {
        return error_set(err, -EBADMSG, "the document is empty");
    }
    if (check_limits(bytes, size, err) < 0) {
        return err ? err->code : -EBADMSG;
    }
    json_t *json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &fault);
    if (!json) {
        return error_set(err,
                         json_error_code(&fault) == json_error_out_of_memory ? -ENOMEM : -EBADMSG,
                         "line %d, column %d: %s", fault.line, fault.column, fault.text);
    }
    if (!json_is_object(json)) {
        json_decref(json);
        return error_set(err, -EBADMSG, "not a JSON object");
    }
    *ret = json;
    return 0;
}
