/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virt/files.h"

#include "base/cleanup.h"
#include "base/parse.h"
#include "loop/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { layers_max = 64, backing_size_max = 1023 };

struct files {
    char *xml;
    struct domain_policy policy;
};

struct files *virt_files_new(const char *xml, const struct domain_policy *policy)
{
    struct files *files = must(calloc(1, sizeof(*files)));
    files->xml = must(strdup(xml));
    files->policy = *policy;
    return files;
}

struct files *virt_files_free(struct files *files)
{
    if (files) {
        free(files->xml);
        free(files);
    }
    return NULL;
}

static bool is_device(const char *directory)
{
    return strncmp(directory, "/dev/", 5) == 0;
}

/* The place of 'path' with every link followed; of a file that is not there yet, that of its
 * directory. Below /dev the last link stays: LVM's names are links to nodes elsewhere, and only
 * root makes links there. */
static bool resolve(const char *path, bool follows_last, char ret[PATH_MAX])
{
    if (follows_last && realpath(path, ret)) {
        return true;
    }
    char parent[PATH_MAX], whole[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct stat status;
    if (!slash || (follows_last && (errno != ENOENT || lstat(path, &status) == 0))) {
        return false; /* a link to nowhere, which could lead anywhere later */
    }
    int size = snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path) + 1, path);
    if (size < 0 || size >= PATH_MAX || !realpath(parent, whole)) {
        return false;
    }
    size = snprintf(ret, PATH_MAX, "%s/%s", whole, slash + 1);
    return size > 0 && size < PATH_MAX;
}

/* Whether 'path' is below a directory of disks, wherever its links lead. */
static bool is_inside(const struct domain_policy *policy, const char *path)
{
    for (size_t i = 0; i < policy->directory_len; i++) {
        struct domain_policy one = {.kind = policy->kind, .directory_len = 1};
        char directory[PATH_MAX], real[PATH_MAX];
        if (!realpath(policy->directories[i], directory) ||
            !copy_text(one.directories[0], sizeof(one.directories[0]), directory) ||
            !resolve(path, !is_device(directory), real)) {
            continue;
        }
        if (domain_policy_has_path(&one, real)) {
            return true;
        }
    }
    return false;
}

/* ---- qcow2 ---- */

static uint64_t big_endian(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* The name of the image behind 'path' into 'ret', "" if there is none. Source: QEMU's
 * docs/interop/qcow2.txt. -EPERM: it names a file in a way that cannot be judged. */
static int read_backing(const char *path, char ret[backing_size_max + 1])
{
    uint8_t header[104] = {0};
    struct stat status;
    memset(ret, 0, backing_size_max + 1);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0 ||
        (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) ||
        pread(fd, header, sizeof(header), 0) < 72 || memcmp(header, "QFI\xfb", 4) != 0) {
        return 0;
    }
    enum { external_data = 4 };
    uint64_t offset = big_endian(header + 8, 8), size = big_endian(header + 16, 4);
    if (big_endian(header + 4, 4) >= 3 && big_endian(header + 72, 8) & external_data) {
        return -EPERM;
    }
    if (offset == 0 || size == 0) {
        return 0;
    }
    if (size > backing_size_max || offset > INT64_MAX ||
        pread(fd, ret, size, (off_t)offset) != (ssize_t)size || strlen(ret) != size) {
        return -EPERM;
    }
    return 0;
}

/* Makes 'backing', as an image at 'path' names it, absolute: relative names start beside it. */
static bool absolute(const char *path, const char *backing, char ret[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int size = backing[0] == '/'
                   ? snprintf(ret, PATH_MAX, "%s", backing)
                   : snprintf(ret, PATH_MAX, "%.*s/%s", (int)(slash - path), path, backing);
    /* "json:..." and "nbd://..." name anything at all. */
    return size > 0 && size < PATH_MAX && !strchr(backing, ':');
}

/* Not even its directory exists. */
static bool is_nowhere(const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash ? snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path) + 1, path) : -1;
    return size > 0 && size < PATH_MAX && access(parent, F_OK) < 0 && errno == ENOENT;
}

static int check_path(void *userdata, const char *first, struct error *err)
{
    const struct files *files = userdata;
    char path[PATH_MAX], backing[backing_size_max + 1];
    if (!domain_policy_has_path(&files->policy, first)) {
        return 0; /* firmware, which the policy accepted by its text */
    }
    (void)copy_text(path, sizeof(path), first);
    for (int layer = 0; layer < layers_max; layer++) {
        char next[PATH_MAX];
        if (is_nowhere(path)) {
            return 0;
        }
        if (!is_inside(&files->policy, path)) {
            return error_set(err, -EPERM,
                             "%.120s%s%.120s leads out of the directories of disks; see "
                             "disk_directories in berth.conf(5)",
                             first, layer ? ": the image behind it, " : "", layer ? path : "");
        }
        int r = read_backing(path, backing);
        if (r == 0 && !backing[0]) {
            return 0;
        }
        if (r < 0 || !absolute(path, backing, next)) {
            return error_set(err, -EPERM,
                             "%.200s names another file in a way that cannot be checked", path);
        }
        (void)copy_text(path, sizeof(path), next);
    }
    return error_set(err, -EPERM, "%.200s has more than %d images behind it", first, layers_max);
}

int virt_files_check(const struct files *files, struct error *err)
{
    return domain_policy_files(files->xml, &files->policy, check_path, (void *)(uintptr_t)files,
                               err);
}
