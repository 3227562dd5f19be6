/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/out.h"

#include "api/call.h"

#include <string.h>

static void separate(struct buf *buf)
{
    char last = buf->size > 0 ? buf->data[buf->size - 1] : '[';
    if (last != '[' && last != '{' && last != ':') {
        buf_char(buf, ',');
    }
}

void out_key(struct buf *buf, const char *key)
{
    separate(buf);
    if (key) {
        buf_char(buf, '"');
        buf_text(buf, key);
        buf_add(buf, "\":", 2);
    }
}

void out_open(struct buf *buf, char bracket)
{
    separate(buf);
    buf_char(buf, bracket);
}

void out_close(struct buf *buf, char bracket)
{
    buf_char(buf, bracket);
}

static bool is_plain(const char *text, size_t *ret_size)
{
    const char *at = text;
    for (; *at; at++) {
        if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f || *at == '"' || *at == '\\') {
            return false;
        }
    }
    *ret_size = (size_t)(at - text);
    return true;
}

void out_text(struct buf *buf, const char *key, const char *text)
{
    size_t size;
    if (!is_plain(text, &size)) {
        out_tree(buf, key, text_json(text));
        return;
    }
    out_key(buf, key);
    buf_char(buf, '"');
    buf_add(buf, text, size);
    buf_char(buf, '"');
}

void out_number(struct buf *buf, const char *key, int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        digits[--at] = '-';
    }
    out_key(buf, key);
    buf_add(buf, digits + at, sizeof(digits) - at);
}

void out_bool(struct buf *buf, const char *key, bool value)
{
    out_key(buf, key);
    buf_text(buf, value ? "true" : "false");
}

static int add_chunk(const char *bytes, size_t size, void *userdata)
{
    buf_add(userdata, bytes, size);
    return 0;
}

void out_tree(struct buf *buf, const char *key, json_t *json)
{
    out_key(buf, key);
    if (!json || json_dump_callback(json, add_chunk, buf, JSON_COMPACT | JSON_ENCODE_ANY) < 0) {
        buf->failed = true;
    }
    json_decref(json);
}
