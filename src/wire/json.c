/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON of anybody, within limits; and text of anybody as JSON. */
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

/* Bytes of the UTF-8 character at 'text' (RFC 3629), 0 if there is none. 'text' ends with a NUL,
 * which is no continuation, so nothing behind it is read. */
static size_t character_size(const unsigned char *text)
{
    static const struct {
        unsigned char first, last, low, high;
        size_t size;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last) {
            continue;
        }
        bool is_whole = forms[i].size == 1 || (text[1] >= forms[i].low && text[1] <= forms[i].high);
        for (size_t k = 2; is_whole && k < forms[i].size; k++) {
            is_whole = (text[k] & 0xc0) == 0x80;
        }
        return is_whole ? forms[i].size : 0;
    }
    return 0;
}

json_t *json_string_of(const char *text, size_t size_max)
{
    json_t *string = json_string(text);
    if (string) {
        return string;
    }
    CLEANUP(buf_done) struct buf clean = {0};
    for (const char *at = text; *at;) {
        size_t size = character_size((const unsigned char *)at);
        const char *character = size > 0 ? at : "\xef\xbf\xbd";
        size_t added = size > 0 ? size : 3;
        if (clean.size + added > size_max) {
            break;
        }
        buf_add(&clean, character, added);
        at += MAX(size, (size_t)1);
    }
    return clean.failed ? NULL : json_string(buf_str(&clean));
}
