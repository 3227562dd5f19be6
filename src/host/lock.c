/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who works on what, by locks that the kernel takes back when their process has ended, and not a
 * moment earlier. Record locks (fcntl), because they tell whose they are. The file says since when.
 */
#include "base/parse.h"
#include "host/internal.h"
#include "loop/clock.h"
#include "loop/retry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { look_again_ms = 50 };

static const char prefix[] = "host-", suffix[] = ".lock";

/* The process that holds the lock of 'fd'; 0: none. */
static pid_t holder_of(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

/* Whether the lock in 'fd' has been held for longer than an operation may take. */
static bool is_overdue(const struct host_config *config, int fd)
{
    char text[32] = "";
    int64_t since_ms;
    ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
    if (size <= 0 || !parse_i64(text, 0, INT64_MAX, &since_ms)) {
        return false; /* it was taken just now */
    }
    return clock_boottime_ms() - since_ms >= config->limit_ms;
}

static bool lock_try(int fd)
{
    char text[32];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        return false;
    }
    int size = snprintf(text, sizeof(text), "%" PRId64, clock_boottime_ms());
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) == size;
}

static int lock_refuse(const struct host_config *config, const char *what, int fd,
                       struct error *err)
{
    pid_t holder = holder_of(fd);
    if (!is_overdue(config, fd)) {
        return error_set(err, -EBUSY, "process %d, begun by an earlier berthd, works on %s", holder,
                         what);
    }
    return error_set(err, -EALREADY, HOST_STUCK_TEXT, what, holder);
}

int lock_take(const struct host_config *config, const char *what, msec_t wait_ms, struct error *err)
{
    char path[2 * host_path_size];
    if (!config->lock_directory[0]) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%s/%s%s%s", config->lock_directory, prefix, what, suffix);
    /* Stays open to the end of this process: that is what the lock is for. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
    }
    struct retry retry = retry_begin(wait_ms, look_again_ms);
    while (!lock_try(fd)) {
        if (!retry_wait(&retry)) {
            return lock_refuse(config, what, fd, err);
        }
    }
    return 0;
}

static void closedirp(DIR **dir)
{
    if (*dir) {
        (void)closedir(*dir);
    }
}

/* The address in "host-ADDRESS.lock". */
static bool address_of(const char *file, struct pci_address *ret)
{
    char name[pci_address_size];
    size_t length = strlen(file), around = strlen(prefix) + strlen(suffix);
    if (strncmp(file, prefix, strlen(prefix)) != 0 || length <= around ||
        length - around >= sizeof(name)) {
        return false;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(length - around), file + strlen(prefix));
    return pci_address_parse(name, ret);
}

bool lock_find_busy(const struct host_config *config, busy_cards_t *ret)
{
    CLEANUP(closedirp)
    DIR *dir = config->lock_directory[0] ? opendir(config->lock_directory) : NULL;
    const struct dirent *each;
    while (dir && (each = readdir(dir))) {
        struct pci_address address;
        if (!address_of(each->d_name, &address)) {
            continue;
        }
        CLEANUP(closep) int fd = openat(dirfd(dir), each->d_name, O_RDONLY | O_CLOEXEC);
        pid_t holder = fd >= 0 ? holder_of(fd) : 0;
        if (holder == 0) {
            continue;
        }
        struct busy_card *place = VEC_ADD(ret);
        if (!place) {
            return false;
        }
        *place = (struct busy_card){
            .address = address,
            .stuck_pid = is_overdue(config, fd) ? holder : 0,
        };
    }
    return true;
}
