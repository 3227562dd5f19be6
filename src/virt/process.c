/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virt/process.h"

#include "base/buf.h"
#include "base/parse.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

static const char marker_argument[] = "name=" DOMAIN_FW_CFG ",string=";

void virt_processes_done(processes_t *processes)
{
    VEC_EACH(processes, each) {
        closep(&each->pidfd);
    }
    VEC_DONE(processes);
}

bool virt_process_marker(const char *command_line, size_t size, struct domain_marker *ret)
{
    bool is_value = false;
    for (size_t at = 0; at < size;) {
        const char *argument = command_line + at;
        size_t len = strnlen(argument, size - at);
        if (at + len == size) {
            return false; /* cut off */
        }
        if (is_value && strncmp(argument, marker_argument, sizeof(marker_argument) - 1) == 0) {
            return domain_marker_parse(argument + sizeof(marker_argument) - 1, ret);
        }
        is_value = strcmp(argument, "-fw_cfg") == 0;
        at += len + 1;
    }
    return false;
}

/* 1: read into 'text', 0: the process is gone, or negative. */
static int read_command_line(int proc_fd, const char *pid, struct buf *text)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/cmdline", pid);
    CLEANUP(closep) int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ESRCH ? 0 : -errno;
    }
    buf_clear(text);
    for (;;) {
        char part[4096];
        ssize_t size = read(fd, part, sizeof(part));
        if (size < 0 && errno != EINTR) {
            return errno == ESRCH ? 0 : -errno;
        }
        if (size == 0) {
            return text->failed ? -ENOMEM : 1;
        }
        if (size > 0) {
            buf_add(text, part, (size_t)size);
        }
    }
}

/*
 * Adds the process 'name' if it is one of ours. The pidfd comes first: if the process still lives
 * after its command line was read, both are of the same process.
 */
static int look_at(int proc_fd, const char *name, const char *node, struct buf *text,
                   processes_t *ret)
{
    uint64_t pid;
    struct domain_marker marker;
    if (!parse_u64(name, INT32_MAX, &pid)) {
        return 0;
    }
    int r = read_command_line(proc_fd, name, text);
    if (r <= 0 || text->size == 0 || !virt_process_marker(text->data, text->size, &marker) ||
        strcmp(marker.node, node) != 0) {
        return r < 0 ? r : 0;
    }
    CLEANUP(closep) int pidfd = pidfd_open((pid_t)pid, 0);
    if (pidfd < 0) {
        return errno == ESRCH ? 0 : -errno;
    }
    r = read_command_line(proc_fd, name, text);
    if (r <= 0 || virt_process_has_ended(pidfd) || text->size == 0 ||
        !virt_process_marker(text->data, text->size, &marker)) {
        return r < 0 ? r : 0;
    }
    struct process *process = VEC_ADD(ret);
    if (!process) {
        return -ENOMEM;
    }
    *process = (struct process){.pid = (pid_t)pid, .pidfd = pidfd, .marker = marker};
    pidfd = -1;
    return 0;
}

static void close_directory(DIR **directory)
{
    if (*directory) {
        closedir(*directory);
    }
}

int virt_process_scan(const char *proc, const char *node, processes_t *ret, struct error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(close_directory) DIR *directory = opendir(proc);
    if (!directory) {
        return error_set(err, -errno, "opening %s: %s", proc, strerror(errno));
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry) {
            return errno ? error_set(err, -errno, "reading %s: %s", proc, strerror(errno)) : 0;
        }
        int r = look_at(dirfd(directory), entry->d_name, node, &text, ret);
        if (r < 0) {
            return error_set(err, r, "reading process %s: %s", entry->d_name, strerror(-r));
        }
    }
}

bool virt_process_has_ended(int pidfd)
{
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

int virt_process_kill(int pidfd)
{
    return pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0 || errno == ESRCH ? 0 : -errno;
}
