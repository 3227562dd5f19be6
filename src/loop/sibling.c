/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop/sibling.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The file 'name' in the directory of this program. */
static bool find_beside(const char *name, char *ret, size_t size)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
    const char *slash = length > 0 ? memrchr(self, '/', (size_t)length) : NULL;
    int written = slash ? snprintf(ret, size, "%.*s%s", (int)(slash - self) + 1, self, name) : -1;
    return written > 0 && (size_t)written < size && access(ret, X_OK) == 0;
}

bool sibling_find(const char *name, char *ret, size_t size)
{
    if (find_beside(name, ret, size)) {
        return true;
    }
    int written = snprintf(ret, size, "%s/%s", BERTH_LIBEXEC_DIR, name);
    return written > 0 && (size_t)written < size && access(ret, X_OK) == 0;
}
