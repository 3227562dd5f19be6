/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/internal.h"

#include "base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { path_max = 768, whole_file_max = 1024 * 1024, entries_max = 4096 };

PRINTF_LIKE(4, 0)
static bool path_v(const struct host_config *config, char *ret, size_t size, const char *format,
                   va_list args)
{
    int root = snprintf(ret, size, "%s", config->root);
    if (root < 0 || (size_t)root >= size) {
        return false;
    }
    int rest = vsnprintf(ret + root, size - (size_t)root, format, args);
    return rest >= 0 && (size_t)(root + rest) < size;
}

/* The path of a function's variable arguments into 'path', or 'path' empty. */
#define PATH_OF_ARGUMENTS(path, config, format)                                                    \
    do {                                                                                           \
        va_list args_;                                                                             \
        va_start(args_, format);                                                                   \
        if (!path_v(config, path, sizeof(path), format, args_)) {                                  \
            (path)[0] = '\0';                                                                      \
        }                                                                                          \
        va_end(args_);                                                                             \
    } while (0)

bool host_path(const struct host_config *config, char *ret, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool fits = path_v(config, ret, size, format, args);
    va_end(args);
    return fits;
}

static int read_file(const char *path, char *ret, size_t size)
{
    ret[0] = '\0';
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    ssize_t got = read(fd, ret, size - 1);
    if (got < 0) {
        return -errno;
    }
    size_t len = (size_t)got;
    while (len > 0 && strchr(" \t\n", ret[len - 1])) {
        len--;
    }
    ret[len] = '\0';
    return 0;
}

int host_read(const struct host_config *config, char *ret, size_t size, const char *format, ...)
{
    char path[path_max];
    PATH_OF_ARGUMENTS(path, config, format);
    return read_file(path, ret, size);
}

bool host_read_all(const struct host_config *config, struct buf *ret, const char *path)
{
    char full[path_max], part[4096];
    if (!host_path(config, full, sizeof(full), "%s", path)) {
        return false;
    }
    CLEANUP(closep) int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd >= 0 && ret->size < whole_file_max) {
        ssize_t got = read(fd, part, sizeof(part));
        if (got <= 0) {
            return got == 0 && !ret->failed;
        }
        buf_add(ret, part, (size_t)got);
    }
    return false;
}

bool host_read_config(const struct host_config *config, struct pci_address address, off_t offset,
                      void *ret, size_t size)
{
    char path[host_path_size + 64], name[pci_address_size];
    if (!host_path(config, path, sizeof(path), "/sys/bus/pci/devices/%s/config",
                   pci_address_format(address, name))) {
        return false;
    }
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && pread(fd, ret, size, offset) == (ssize_t)size;
}

int64_t host_read_number(const struct host_config *config, int64_t otherwise, const char *format,
                         ...)
{
    char path[path_max], text[64];
    PATH_OF_ARGUMENTS(path, config, format);
    uint64_t hex;
    int64_t value;
    if (read_file(path, text, sizeof(text)) < 0) {
        return otherwise;
    }
    if (strncmp(text, "0x", 2) == 0) {
        return parse_hex(text, INT64_MAX, &hex) ? (int64_t)hex : otherwise;
    }
    return parse_i64(text, INT64_MIN, INT64_MAX, &value) ? value : otherwise;
}

static bool read_link(const char *path, char *ret, size_t size)
{
    ssize_t len = readlink(path, ret, size - 1);
    ret[len < 0 || (size_t)len >= size - 1 ? 0 : len] = '\0';
    return ret[0] != '\0';
}

bool host_link(const struct host_config *config, char *ret, size_t size, const char *format, ...)
{
    char path[path_max];
    PATH_OF_ARGUMENTS(path, config, format);
    return read_link(path, ret, size);
}

bool host_link_name(const struct host_config *config, char *ret, size_t size, const char *format,
                    ...)
{
    char path[path_max], target[path_max];
    PATH_OF_ARGUMENTS(path, config, format);
    ret[0] = '\0';
    if (!read_link(path, target, sizeof(target))) {
        return false;
    }
    const char *slash = strrchr(target, '/');
    return copy_text(ret, size, slash ? slash + 1 : target);
}

bool host_exists(const struct host_config *config, const char *format, ...)
{
    char path[path_max];
    PATH_OF_ARGUMENTS(path, config, format);
    return access(path, F_OK) == 0;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct host_entry *)a)->name, ((const struct host_entry *)b)->name);
}

static void closedirp(DIR **dir)
{
    if (*dir) {
        (void)closedir(*dir);
    }
}

host_entries_t host_list(const struct host_config *config, const char *format, ...)
{
    char path[path_max];
    PATH_OF_ARGUMENTS(path, config, format);
    host_entries_t entries = {0};
    CLEANUP(closedirp) DIR *dir = opendir(path);
    const struct dirent *each;
    while (dir && entries.len < entries_max && (each = readdir(dir))) {
        struct host_entry entry;
        if (each->d_name[0] == '.' || !copy_text(entry.name, sizeof(entry.name), each->d_name)) {
            continue;
        }
        struct host_entry *place = VEC_ADD(&entries);
        if (!place) {
            break;
        }
        *place = entry;
    }
    if (entries.len > 1) {
        qsort(entries.items, entries.len, sizeof(entries.items[0]), compare_entries);
    }
    return entries;
}
