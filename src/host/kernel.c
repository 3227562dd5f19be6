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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { output_max = 64 * 1024 };

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
static int spawn(const char *program, char *const *arguments, int output_fd, int errors_fd,
                 pid_t *ret)
{
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *environment[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (output_fd >= 0) {
        posix_spawn_file_actions_adddup2(&actions, output_fd, 1);
    } else {
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    }
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

int kernel_check_program(const char *program, struct error *err)
{
    struct stat info;
    if (stat(program, &info) < 0) {
        return error_set(err, -ENOENT, "%s: %s", program, strerror(errno));
    }
    if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() ||
        (info.st_mode & (S_IWGRP | S_IWOTH))) {
        return error_set(err, -EPERM, "%s must be a file that only root can write to", program);
    }
    return 0;
}

/* All that there is in 'fd', up to output_max. False: it is more, or there is no memory. */
static bool read_output(int fd, struct buf *ret)
{
    char text[4096];
    ssize_t len;
    (void)lseek(fd, 0, SEEK_SET);
    while ((len = read(fd, text, sizeof(text))) > 0 && ret->size <= output_max) {
        buf_add(ret, text, (size_t)len);
    }
    return len == 0 && !ret->failed;
}

int kernel_run_output(const char *program, char *const *arguments, msec_t limit_ms,
                      struct buf *ret_output, char *ret_errors, size_t size, struct error *err)
{
    pid_t pid;
    CLEANUP(closep) int output = ret_output ? memfd_create("output", MFD_CLOEXEC) : -1;
    CLEANUP(closep) int errors = size > 0 ? memfd_create("errors", MFD_CLOEXEC) : -1;
    if (ret_output && output < 0) {
        return error_set(err, -ENOMEM, "no memory for what %s says", program);
    }
    int failed = spawn(program, arguments, output, errors, &pid);
    if (failed != 0) {
        return error_set(err, failed == EPERM ? -EACCES : -failed, "%s cannot be run: %s", program,
                         strerror(failed));
    }
    int status = wait_for(pid, limit_ms);
    if (errors >= 0) {
        last_line(errors, ret_errors, size);
    }
    return status == 0 && ret_output && !read_output(output, ret_output)
               ? error_set(err, -E2BIG, "%s says too much", program)
               : status;
}

int kernel_run(const char *program, char *const *arguments, msec_t limit_ms, char *ret_errors,
               size_t size, struct error *err)
{
    return kernel_run_output(program, arguments, limit_ms, NULL, ret_errors, size, err);
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
