/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program built without the console. */
#include "run/web.h"

const struct web_table web_table = {0};
