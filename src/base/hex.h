/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes as text: two hexadecimal digits each, small letters. Any thread. */
#pragma once

#include <stddef.h>

/* Into 'ret', which has room for 2 * 'size' + 1 bytes. */
void hex_write(const void *bytes, size_t size, char *ret);

/* How many bytes 'text' stands for, which are in 'ret' then; 0: it is no such text, is empty, or
 * stands for more than 'size_max'. */
size_t hex_read(const char *text, unsigned char *ret, size_t size_max);
