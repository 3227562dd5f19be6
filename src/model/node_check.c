/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/record.h"

#include <stdio.h>

struct node_check *node_checks_add(node_checks_t *checks, const char *name, bool is_ok,
                                   const char *format, ...)
{
    struct node_check *check = checks->len < checks_max ? VEC_ADD(checks) : NULL;
    if (!check) {
        return NULL;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(check->detail, sizeof(check->detail), format, args);
    va_end(args);
    (void)snprintf(check->name, sizeof(check->name), "%s", name);
    check->is_ok = is_ok;
    return check;
}
