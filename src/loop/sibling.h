/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where Berth's other programs are: beside the one that asks, as in a build folder, or in the
 * libexec directory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The absolute path of the program 'name' into 'ret', which has 'size' bytes. False if it is
 * nowhere or its path is too long; 'ret' then names the place where it is installed. */
bool sibling_find(const char *name, char *ret, size_t size);
