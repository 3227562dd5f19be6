/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/name.h"

#include "model/limits.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static bool is_name_char(char c, bool is_first)
{
    return isalnum((unsigned char)c) || (!is_first && (c == '.' || c == '_' || c == '-'));
}

int name_check(const char *what, const char *name, struct error *err)
{
    size_t len = strlen(name);
    if (len == 0) {
        return error_set(err, -EINVAL, "the %s name is empty", what);
    }
    if (len >= name_size) {
        return error_set(err, -EINVAL, "the %s name has %zu characters; at most %d are allowed",
                         what, len, name_size - 1);
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_name_char(name[i], i == 0)) {
            return error_set(err, -EINVAL,
                             "the %s name \"%s\" may not %s; allowed are letters, digits, '.', "
                             "'_' and '-', the first one a letter or digit",
                             what, name, i == 0 ? "begin so" : "hold that character");
        }
    }
    return 0;
}
