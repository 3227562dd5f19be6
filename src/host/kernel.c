/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways in which this room changes something: a write into sysfs, and modprobe. */
#include "host/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int kernel_write_file(const char *path, const char *text)
{
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    size_t size = strlen(text);
    ssize_t done = write(fd, text, size);
    return done < 0 ? -errno : (size_t)done == size ? 0 : -EIO;
}

int kernel_write(const struct host_config *config, const char *text, const char *format, ...)
{
    char rest[host_path_size], path[2 * host_path_size];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(rest, sizeof(rest), format, args);
    va_end(args);
    if (!host_path(config, path, sizeof(path), "%s", rest)) {
        return -ENAMETOOLONG;
    }
    return config->kernel.write ? config->kernel.write(config->kernel.userdata, path, text)
                                : kernel_write_file(path, text);
}

/* Waits until the process ends, kills it at the limit. Its exit status, -1 if it was killed. */
static int wait_for(pid_t pid, msec_t limit_ms)
{
    int status = 0;
    CLEANUP(closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0) {
        int ready;
        do {
            ready = poll(&poller, 1, (int)MIN(limit_ms, (msec_t)INT32_MAX));
        } while (ready < 0 && errno == EINTR);
        if (ready == 0) {
            (void)kill(-pid, SIGKILL);
        }
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The last line of what there is to read in 'fd', without a control character. */
static void last_line(int fd, char *ret, size_t size)
{
    char text[4096];
    ssize_t len = lseek(fd, 0, SEEK_END);
    (void)lseek(fd, len > (ssize_t)sizeof(text) - 1 ? len - (ssize_t)sizeof(text) + 1 : 0,
                SEEK_SET);
    len = read(fd, text, sizeof(text) - 1);
    text[MAX(len, (ssize_t)0)] = '\0';
    for (ssize_t i = len; i-- > 0 && (text[i] == '\n' || text[i] == ' ');) {
        text[i] = '\0';
    }
    const char *line = strrchr(text, '\n');
    (void)snprintf(ret, size, "%s", line ? line + 1 : text);
    for (char *at = ret; *at; at++) {
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    }
}

/* It leads a process group, which is killed with it: what it started must not go on. */
static int spawn(const char *program, char *const *arguments, int errors_fd, pid_t *ret)
{
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *environment[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (errors_fd >= 0) {
        posix_spawn_file_actions_adddup2(&actions, errors_fd, 2);
    } else {
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    }
    /* This thread has its signals blocked; the program must not. */
    sigset_t none;
    posix_spawnattr_t attributes;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int failed = posix_spawn(ret, program, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

int kernel_run(const char *program, char *const *arguments, msec_t limit_ms, char *ret_errors,
               size_t size, struct error *err)
{
    pid_t pid;
    CLEANUP(closep) int errors = size > 0 ? memfd_create("errors", MFD_CLOEXEC) : -1;
    int failed = spawn(program, arguments, errors, &pid);
    if (failed != 0) {
        return error_set(err, failed == EPERM ? -EACCES : -failed, "%s cannot be run: %s", program,
                         strerror(failed));
    }
    int status = wait_for(pid, limit_ms);
    if (errors >= 0) {
        last_line(errors, ret_errors, size);
    }
    return status;
}

int kernel_load_module(const struct host_config *config, const char *module, struct error *err)
{
    char program[host_path_size], name[64], quiet[] = "-q";
    char *arguments[] = {program, quiet, name, NULL};
    (void)snprintf(program, sizeof(program), "%s", config->modprobe);
    (void)snprintf(name, sizeof(name), "%s", module);
    int status = kernel_run(program, arguments, config->limit_ms, NULL, 0, err);
    if (status < -1) {
        struct error why = *err;
        return error_set(err, -ENOENT, "the module %s is not loaded, and %s", module, why.text);
    }
    if (status != 0) {
        return error_set(err, -ENOENT,
                         "the module %s cannot be loaded (%s ended with %d): does this kernel have "
                         "it? Try `modprobe %s`",
                         module, program, status, module);
    }
    return 0;
}
