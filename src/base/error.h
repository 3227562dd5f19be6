/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The world failed: a negative errno and, where a person will read it, a sentence. The struct
 * lives on the caller's stack; nothing here allocates.
 */
#pragma once

#include "base/types.h"

#include <stdarg.h>

enum { error_text_size = 480, error_place_size = 96 };

struct error {
    int code; /* negative errno, 0: none */
    char text[error_text_size];
    char place[error_place_size]; /* the part of the input that is wrong: "needs[0].count"; "" none
                                   */
};

/* Fills 'err' (may be NULL) with 'code' and the formatted text, cut if too long. Returns 'code',
 * so that `return error_set(err, -EIO, ...)` reads well. 'code' must be negative. */
int error_set(struct error *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "<formatted>: " before the text that 'err' (may be NULL) holds. Returns err->code (or
 * -EIO without one). */
int error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
