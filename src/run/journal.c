/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/journal.h"

#include "loop/clock.h"

#include <stdarg.h>
#include <stdio.h>

void journal_line(int priority, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    msec_t now_ms = clock_boottime_ms();
    /* "<3>": the priority as sd-daemon(3) reads it */
    (void)fprintf(stderr, "<%d>[%7lld.%03lld] %s\n", priority, (long long)now_ms / 1000,
                  (long long)now_ms % 1000, text);
}
