/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/hex.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

void hex_write(const void *bytes, size_t size, char *ret)
{
    const unsigned char *from = bytes;
    for (size_t i = 0; i < size; i++) {
        ret[2 * i] = digits[from[i] >> 4];
        ret[2 * i + 1] = digits[from[i] & 15];
    }
    ret[2 * size] = '\0';
}

size_t hex_read(const char *text, unsigned char *ret, size_t size_max)
{
    size_t len = strlen(text);
    if (len % 2 != 0 || len / 2 > size_max) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        const char *at = strchr(digits, text[i]);
        if (!at) {
            return 0;
        }
        ret[i / 2] = (unsigned char)(i % 2 == 0 ? (at - digits) << 4 : ret[i / 2] | (at - digits));
    }
    return len / 2;
}
