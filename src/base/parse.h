/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text to numbers, strictly: the whole text, no sign where none belongs, no overflow. */
#pragma once

#include "base/types.h"

/* Decimal digits only. False, '*ret' untouched, if 'text' is anything else or above 'max'. */
bool parse_u64(const char *text, uint64_t max, uint64_t *ret);

/* A signed decimal number within [min, max]. */
bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret);

/* Hexadecimal digits, with or without 0x. */
bool parse_hex(const char *text, uint64_t max, uint64_t *ret);

/* Copies 'text' into 'ret' of 'size' bytes; false, 'ret' empty, if it does not fit. */
bool copy_text(char *ret, size_t size, const char *text);
