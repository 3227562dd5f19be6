/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void journal_line(int priority, const char *format, ...)
{
    struct timespec now;
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    /* "<3>": the priority as sd-daemon(3) reads it */
    (void)fprintf(stderr, "<%d>[%7lld.%03ld] %s\n", priority, (long long)now.tv_sec,
                  now.tv_nsec / 1000000, text);
}
