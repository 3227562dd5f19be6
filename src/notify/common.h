/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What both ways out share. */
#pragma once

#include "base/error.h"
#include "base/types.h"

enum { notify_connect_limit_ms = 5000, notify_limit_ms = 10 * 1000 };

/* The first two lines of 'path', each of printable characters without spaces and shorter than
 * 'size'; the second may be missing, and is empty then. 'key' names the file in what is wrong.
 * -errno, -EINVAL. */
int notify_read_lines(const char *key, const char *path, char *ret_first, char *ret_second,
                      size_t size, struct error *err);

/* Whether 'host', as it stands in a URL, is this host itself. A name that only begins like one of
 * its names is another host, and what stands before an '@' is none. */
bool notify_is_here(const char *host);
