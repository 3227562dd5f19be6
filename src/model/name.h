/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a node, pool or VM may be called: a letter or digit, then letters, digits, '.', '_', '-'. */
#pragma once

#include "base/error.h"

/* 0, or -EINVAL with a sentence that says what is wrong with 'name', the name of a 'what'. */
int name_check(const char *what, const char *name, struct error *err);
