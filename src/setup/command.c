/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "setup/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;

/* Its exit code, and the end of what it wrote in 'ret' of 'size' bytes; -errno. */
static int run(const char *const *words, char *ret, size_t size)
{
    int ends[2], status;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    ret[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    int r = posix_spawnp(&pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    size_t used = 0;
    ssize_t got = r == 0 ? 1 : 0;
    while (got > 0) {
        char spare[256];
        bool is_full = used + 1 >= size;
        got =
            read(ends[0], is_full ? spare : ret + used, is_full ? sizeof(spare) : size - 1 - used);
        used += got > 0 && !is_full ? (size_t)got : 0;
    }
    ret[used] = '\0';
    (void)close(ends[0]);
    if (r != 0) {
        return -r;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* Below the root of a test, else on the PATH. */
static const char *program_of(const struct setup *setup, const char *name,
                              char ret[setup_path_size])
{
    (void)snprintf(ret, setup_path_size, "%s%s%s", setup->root, setup_is_real(setup) ? "" : "/",
                   name);
    return ret;
}

static int systemctl(const struct setup *setup, const char *verb, const char *unit, char *ret,
                     size_t size)
{
    char program[setup_path_size];
    program_of(setup, "systemctl", program);
    const char *const words[] = {program, verb, unit, NULL};
    const char *const now[] = {program, verb, "--now", unit, NULL};
    bool is_now = strcmp(verb, "enable") == 0 || strcmp(verb, "disable") == 0;
    return run(is_now ? now : words, ret, size);
}

int setup_systemctl(const struct setup *setup, const char *verb, const char *unit,
                    struct error *err)
{
    char text[300];
    int r = systemctl(setup, verb, unit, text, sizeof(text));
    text[strcspn(text, "\n")] = '\0';
    return r == 0  ? 0
           : r < 0 ? error_set(err, r, "cannot run systemctl: %s", strerror(-r))
                   : error_set(err, -EIO, "systemctl %s %s failed: %s", verb, unit, text);
}

bool setup_systemctl_says(const struct setup *setup, const char *verb, const char *unit)
{
    char text[80];
    return systemctl(setup, verb, unit, text, sizeof(text)) == 0;
}

int setup_reload_libvirt(const struct setup *setup, struct error *err)
{
    static const char *const daemons[] = {"libvirtd", "virtproxyd"};
    char socket[40], uri[40], program[setup_path_size], text[300];
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
        (void)snprintf(socket, sizeof(socket), "%s-tls.socket", daemons[i]);
        if (!setup_systemctl_says(setup, "is-active", socket)) {
            continue;
        }
        (void)snprintf(uri, sizeof(uri), "%s:///system", daemons[i]);
        const char *const words[] = {program_of(setup, "virt-admin", program),
                                     "-c",
                                     uri,
                                     "server-update-tls",
                                     daemons[i],
                                     NULL};
        int r = run(words, text, sizeof(text));
        text[strcspn(text, "\n")] = '\0';
        if (r != 0) {
            return r < 0 ? error_set(err, r, "cannot run virt-admin: %s", strerror(-r))
                         : error_set(err, -EIO, "virt-admin server-update-tls: %s", text);
        }
    }
    return 0;
}

bool setup_has_program(const char *name)
{
    const char *path = getenv("PATH");
    CLEANUP(freep) char *copy = strdup(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
    char full[setup_path_size], *rest = NULL;
    for (char *at = copy ? strtok_r(copy, ":", &rest) : NULL; at; at = strtok_r(NULL, ":", &rest)) {
        (void)snprintf(full, sizeof(full), "%s/%s", at, name);
        if (access(full, X_OK) == 0) {
            return true;
        }
    }
    return false;
}
