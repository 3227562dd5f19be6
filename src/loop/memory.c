/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop/memory.h"

#include <stdlib.h>
#include <unistd.h>

void memory_is_out(void)
{
    static const char text[] = "out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)ignored;
    abort();
}
