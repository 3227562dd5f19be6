/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing string of bytes, always followed by a NUL. Start with {0}. If memory runs out the
 * buffer turns 'failed', keeps what it has, and takes nothing more: build the whole text, then ask
 * once.
 */
#pragma once

#include "base/types.h"

#include <stdarg.h>

struct buf {
    char *data;  /* NULL while empty; else NUL terminated */
    size_t size; /* bytes used, without the NUL */
    size_t capacity;
    bool failed;
};

void buf_done(struct buf *buf);
void buf_clear(struct buf *buf);                 /* keeps the memory */
void buf_truncate(struct buf *buf, size_t size); /* to what it was when it had 'size' bytes */

void buf_add(struct buf *buf, const void *bytes, size_t size);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args) PRINTF_LIKE(2, 0);

/* The text so far ("" if empty), lent until the next call on 'buf'. */
const char *buf_str(const struct buf *buf);

/* Hands the text over as a heap string (the caller frees it); the buffer is empty afterwards.
 * NULL if memory ran out at any time. */
char *buf_take(struct buf *buf);
