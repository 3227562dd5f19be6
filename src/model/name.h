/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a node, pool or VM may be called: a letter or digit, then letters, digits, '.', '_', '-'. */
#pragma once

#include "base/error.h"

/* The nearest name to 'text', which people or libvirt gave: "Windows 10" is Windows-10, "Büro" is
 * Buero. Always sound; "vm" if nothing of it can stay. 'ret' has name_size bytes; returns 'ret'. */
const char *name_from_text(const char *text, char *ret);

/* 0, or -EINVAL with a sentence that says what is wrong with 'name', the name of a 'what'. */
int name_check(const char *what, const char *name, struct error *err);
