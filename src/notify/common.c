/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "notify/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One line without its end; false: it does not fit, or has what it must not have. */
static bool read_line(FILE *file, char *ret, size_t size)
{
    if (!fgets(ret, (int)size, file)) {
        ret[0] = '\0';
        return !ferror(file);
    }
    size_t len = strcspn(ret, "\r\n");
    bool is_whole = ret[len] != '\0' || feof(file);
    ret[len] = '\0';
    for (const char *at = ret; *at; at++) {
        is_whole &= (unsigned char)*at > ' ' && (unsigned char)*at < 0x7f;
    }
    return is_whole;
}

int notify_read_lines(const char *key, const char *path, char *ret_first, char *ret_second,
                      size_t size, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return error_set(err, -errno, "cannot read %s %s: %s", key, path, strerror(errno));
    }
    bool is_read = read_line(file, ret_first, size) && read_line(file, ret_second, size);
    (void)fclose(file);
    return is_read ? 0
                   : error_set(err, -EINVAL,
                               "%s %s: a line is too long, or has spaces or other characters that "
                               "it must not have",
                               key, path);
}

bool notify_is_here(const char *host)
{
    static const char *const own[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        size_t size = strlen(own[i]);
        if (strncmp(host, own[i], size) == 0 && strcspn(host + size, "/:?#") == 0) {
            return host[strcspn(host, "/@")] != '@';
        }
    }
    return false;
}
