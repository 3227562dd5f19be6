/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool parse_base(const char *text, int base, uint64_t max, uint64_t *ret)
{
    if (!isxdigit((unsigned char)text[0])) {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, base);
    if (errno != 0 || *end != '\0' || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

bool parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
    return parse_base(text, 10, max, ret);
}

bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (!isdigit((unsigned char)digits[0])) {
        return false;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < min || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

bool parse_hex(const char *text, uint64_t max, uint64_t *ret)
{
    if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0) {
        text += 2;
    }
    return parse_base(text, 16, max, ret);
}

bool copy_text(char *ret, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size) {
        ret[0] = '\0';
        return false;
    }
    memcpy(ret, text, len + 1);
    return true;
}
