/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/out.h"

#include "base/cleanup.h"

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

void out_clean(struct buf *buf, const char *text, size_t size_max)
{
    size_t before = buf->size;
    for (const char *at = text; *at;) {
        size_t size = character_size((const unsigned char *)at);
        const char *character = size > 0 ? at : "\xef\xbf\xbd";
        size_t added = size > 0 ? size : 3;
        if (buf->size - before + added > size_max || buf->failed) {
            break;
        }
        buf_add(buf, character, added);
        at += MAX(size, (size_t)1);
    }
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f && c != '"' && c != '\\';
}

/* What RFC 8259 wants escaped, of text that is UTF-8. */
static void add_escaped(struct buf *buf, const char *text)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    for (const char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < sizeof(letters) && !letters[c]) {
            buf_printf(buf, "\\u%04x", c);
        } else if (c < sizeof(letters) || c == '"' || c == '\\') {
            buf_char(buf, '\\');
            buf_char(buf, c < sizeof(letters) ? letters[c] : *at);
        } else {
            buf_char(buf, *at);
        }
    }
}

void out_text_cut(struct buf *buf, const char *key, const char *text, size_t size_max)
{
    size_t size = 0;
    while (is_plain(text[size])) {
        size++;
    }
    out_key(buf, key);
    buf_char(buf, '"');
    if (text[size] == '\0' && size <= size_max) {
        buf_add(buf, text, size);
    } else {
        CLEANUP(buf_done) struct buf clean = {0};
        out_clean(&clean, text, size_max);
        add_escaped(buf, buf_str(&clean));
        buf->failed |= clean.failed;
    }
    buf_char(buf, '"');
}

void out_text(struct buf *buf, const char *key, const char *text)
{
    out_text_cut(buf, key, text, SIZE_MAX);
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

void out_null(struct buf *buf, const char *key)
{
    out_key(buf, key);
    buf_text(buf, "null");
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
