/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/etcd_json.h"

#include <errno.h>
#include <stdlib.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void wire_base64(const void *bytes, size_t size, struct buf *text)
{
    const unsigned char *from = bytes;
    char part[1024];
    size_t used = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = MIN(size - i, (size_t)3);
        uint32_t group = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                         (left > 2 ? from[i + 2] : 0);
        part[used++] = digits[group >> 18];
        part[used++] = digits[group >> 12 & 63];
        part[used++] = left > 1 ? digits[group >> 6 & 63] : '=';
        part[used++] = left > 2 ? digits[group & 63] : '=';
        if (used == sizeof(part)) {
            buf_add(text, part, used);
            used = 0;
        }
    }
    buf_add(text, part, used);
}

/* Value of each digit plus one; 0: no digit. */
static uint8_t value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint8_t)(c - 'A' + 1);
    }
    if (c >= 'a' && c <= 'z') {
        return (uint8_t)(c - 'a' + 27);
    }
    if (c >= '0' && c <= '9') {
        return (uint8_t)(c - '0' + 53);
    }
    return c == '+' ? 63 : c == '/' ? 64 : 0;
}

size_t wire_base64_span(const char *text, size_t size)
{
    static const bool is_digit[256] = {
        ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true,
        ['+'] = true,         ['/'] = true,         ['='] = true,
    };
    size_t span = 0;
    while (span < size && is_digit[(unsigned char)text[span]]) {
        span++;
    }
    return span;
}

int wire_base64_read(const char *text, size_t text_size, char **ret, size_t *ret_size)
{
    size_t padding = 0;
    if (text_size % 4 != 0) {
        return -EBADMSG;
    }
    while (padding < 2 && padding < text_size && text[text_size - 1 - padding] == '=') {
        padding++;
    }
    char *bytes = malloc(text_size / 4 * 3 + 1);
    size_t used = 0;
    if (!bytes) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < text_size; i += 4) {
        uint32_t group = 0;
        size_t real = i + 4 == text_size ? 4 - padding : 4;
        for (size_t k = 0; k < 4; k++) {
            uint8_t value = k < real ? value_of(text[i + k]) : 1;
            if (value == 0) {
                free(bytes);
                return -EBADMSG;
            }
            group = group << 6 | (uint32_t)(value - 1);
        }
        bytes[used++] = (char)(group >> 16);
        bytes[used++] = (char)(group >> 8);
        bytes[used++] = (char)group;
    }
    used -= padding;
    bytes[used] = '\0';
    *ret = bytes;
    *ret_size = used;
    return 0;
}
