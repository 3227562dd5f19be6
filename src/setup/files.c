/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>

enum { file_size_max = 256 * 1024 };

const char *setup_path(const struct setup *setup, const char *path, char *ret)
{
    (void)snprintf(ret, setup_path_size, "%s%s", setup->root, path);
    return ret;
}

bool setup_exists(const struct setup *setup, const char *path)
{
    char full[setup_path_size];
    return access(setup_path(setup, path, full), F_OK) == 0;
}

int setup_read(const struct setup *setup, const char *path, char **ret, struct error *err)
{
    char full[setup_path_size];
    CLEANUP(buf_done) struct buf text = {0};
    FILE *file = fopen(setup_path(setup, path, full), "re");
    if (!file) {
        return error_set(err, -errno, "%s: %s", full, strerror(errno));
    }
    char chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0 && text.size < file_size_max) {
        buf_add(&text, chunk, got);
    }
    (void)fclose(file);
    buf_text(&text, "");
    *ret = text.size > 0 ? buf_take(&text) : strdup("");
    return *ret ? 0 : error_set(err, -ENOMEM, "out of memory");
}

/* The directories above 'path'. Those that are missing can be entered by all, whatever the umask:
 * QEMU and our daemons are not root. */
static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) == 0) {
            (void)chmod(path, 0755);
        }
        *slash = '/';
    }
}

static int give_to_group(const struct setup *setup, int fd, const char *group)
{
    const struct group *found = setup_is_real(setup) ? getgrnam(group) : NULL;
    if (setup_is_real(setup) && !found) {
        errno = ESRCH;
        return -1;
    }
    return !found || fchown(fd, 0, found->gr_gid) == 0 ? 0 : -1;
}

int setup_write(const struct setup *setup, const char *path, const char *text, const char *group,
                bool is_public, struct error *err)
{
    char full[setup_path_size], fresh[setup_path_size + 8];
    mode_t mode = is_public ? 0644 : group ? 0640 : 0600;
    setup_path(setup, path, full);
    make_parents(full);
    (void)snprintf(fresh, sizeof(fresh), "%s.new", full);
    (void)unlink(fresh);
    CLEANUP(closep) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t size = strlen(text);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size ||
        (group && give_to_group(setup, fd, group) < 0) || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
        rename(fresh, full) < 0) {
        int r = error_set(err, errno ? -errno : -EIO, "cannot write %s: %s", full,
                          errno == ESRCH ? "its group does not exist; install Berth again"
                                         : strerror(errno));
        (void)unlink(fresh);
        return r;
    }
    return 0;
}

int setup_begin(const struct setup *setup, struct error *err)
{
    CLEANUP(freep) char *conf = NULL;
    int r = setup_read(setup, SETUP_CONF, &conf, err);
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    return setup_write(setup, SETUP_BEGUN, conf ? conf : "", NULL, false, err);
}

int setup_commit(const struct setup *setup, struct error *err)
{
    char full[setup_path_size];
    return unlink(setup_path(setup, SETUP_BEGUN, full)) == 0
               ? 0
               : error_set(err, -errno, "%s: %s", full, strerror(errno));
}

bool setup_is_begun(const struct setup *setup)
{
    return setup_exists(setup, SETUP_BEGUN);
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
    (void)stat, (void)kind, (void)where;
    (void)remove(path);
    return 0;
}

void setup_remove_tree(const struct setup *setup, const char *path)
{
    char full[setup_path_size];
    (void)nftw(setup_path(setup, path, full), remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
