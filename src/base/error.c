/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        err->place[0] = '\0';
        (void)vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
    return code;
}

int error_wrap(struct error *err, const char *format, ...)
{
    if (!err) {
        return -EIO;
    }
    char inner[error_text_size];
    memcpy(inner, err->text, sizeof(inner));
    va_list args;
    va_start(args, format);
    int len = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    size_t used = len < 0 ? 0 : MIN((size_t)len, sizeof(err->text) - 1);
    (void)snprintf(err->text + used, sizeof(err->text) - used, ": %.*s", (int)(sizeof(inner) - 1),
                   inner);
    return err->code < 0 ? err->code : -EIO;
}
