/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virt/process.h"

#include "base/buf.h"
#include "base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

enum { small_file_size = 16 * 1024 };

static const char marker_argument[] = "name=" DOMAIN_FW_CFG ",string=";

void virt_processes_done(processes_t *processes)
{
    VEC_EACH(processes, each) {
        closep(&each->pidfd);
        closep(&each->scope_fd);
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

/* ---- reading /proc ---- */

static bool is_gone(int error)
{
    return error == ENOENT || error == ESRCH;
}

/* The first 'size_max' bytes of a process's file 'name' into 'text'. 1, 0: the process is gone, or
 * negative. */
static int read_file(int proc_fd, const char *pid, const char *name, size_t size_max,
                     struct buf *text)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/%s", pid, name);
    CLEANUP(closep) int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return is_gone(errno) ? 0 : -errno;
    }
    buf_clear(text);
    while (text->size < size_max) {
        char part[4096];
        ssize_t size = read(fd, part, MIN(sizeof(part), size_max - text->size));
        if (size < 0 && errno != EINTR) {
            return errno == ESRCH ? 0 : -errno;
        }
        if (size == 0) {
            break;
        }
        if (size > 0) {
            buf_add(text, part, (size_t)size);
        }
    }
    return text->failed ? -ENOMEM : 1;
}

/* The number 'field' of what its stat says, from 3 on (proc(5)): behind the name, the second, which
 * stands in brackets and may hold anything. False: there is none. */
static bool stat_number(const struct buf *stat, int field, uint64_t *ret)
{
    char number[24] = "";
    const char *rest = stat->size > 0 ? strrchr(stat->data, ')') : NULL;
    for (int i = 2; rest && i < field; i++) {
        rest = strchr(rest + 1, ' ');
    }
    size_t len = rest ? strcspn(rest + 1, " ") : sizeof(number);
    if (len >= sizeof(number) || rest[1 + len] != ' ') {
        return false;
    }
    memcpy(number, rest + 1, len);
    return parse_u64(number, UINT64_MAX, ret);
}

bool virt_process_measure(int proc_fd, pid_t pid, uint64_t *ret_cpu_ms, uint64_t *ret_memory_mib)
{
    const uint64_t tick_ms = 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    const uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    CLEANUP(buf_done) struct buf text = {0};
    char name[16];
    uint64_t user, system;
    (void)snprintf(name, sizeof(name), "%d", (int)pid);
    if (read_file(proc_fd, name, "stat", small_file_size, &text) <= 0 ||
        !stat_number(&text, 14, &user) || !stat_number(&text, 15, &system)) {
        return false;
    }
    *ret_cpu_ms = (user + system) * tick_ms;
    /* "size resident ..." in pages */
    bool is_read = read_file(proc_fd, name, "statm", small_file_size, &text) > 0;
    const char *resident = is_read && text.size > 0 ? strchr(buf_str(&text), ' ') : NULL;
    *ret_memory_mib = resident ? strtoull(resident, NULL, 10) * page_kib / 1024 : 0;
    return true;
}

/* ---- whose is it? ---- */

static bool is_user(const struct process_search *search, uint64_t user)
{
    for (size_t i = 0; i < search->user_len; i++) {
        if (search->users[i] == user) {
            return true;
        }
    }
    return user == 0 || user == geteuid();
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    return len >= strlen(end) && memcmp(text + len - strlen(end), end, strlen(end)) == 0;
}

/* systemd: /machine.slice/machine-qemu\x2d1\x2dVM.scope/libvirt/emulator; without it:
 * /machine/qemu-1-VM.libvirt-qemu/emulator. What is below a user's own tree, or below another
 * scope or service, anybody may have named. The
 * length of the path up to the scope; 0: there is none. */
static size_t scope_len(const char *path)
{
    const char *start = path;
    while (*path == '/') {
        const char *name = path + 1;
        size_t len = strcspn(name, "/\n");
        if (begins_with(name, "user.slice") || len == 0) {
            return 0;
        }
        if ((begins_with(name, "machine-qemu\\x2d") && ends_with(name, len, ".scope")) ||
            ends_with(name, len, ".libvirt-qemu")) {
            return (size_t)(name + len - start);
        }
        bool is_above = ends_with(name, len, ".slice") || ends_with(name, len, ".partition") ||
                        (len == strlen("machine") && begins_with(name, "machine"));
        if (!is_above) {
            return 0;
        }
        path = name + len;
    }
    return 0;
}

bool virt_process_is_in_scope(const char *path)
{
    return scope_len(path) > 0;
}

/* cgroup v2: what ends all of the scope at once, QEMU's helpers too. Held, so that it is that very
 * scope for ever, and not the next of its name. -1: there is none. */
static int open_scope_kill(const struct process_search *search, int proc_fd, const char *pid,
                           struct buf *text)
{
    char path[4096];
    const char *line = read_file(proc_fd, pid, "cgroup", small_file_size, text) > 0
                           ? strstr(buf_str(text), "0::/")
                           : NULL;
    size_t len = line && (line == text->data || line[-1] == '\n') ? scope_len(line + 3) : 0;
    int size =
        len > 0 && len < sizeof(path)
            ? snprintf(path, sizeof(path), "%s%.*s/cgroup.kill",
                       search->cgroup ? search->cgroup : "/sys/fs/cgroup", (int)len, line + 3)
            : 0;
    return size > 0 && (size_t)size < sizeof(path) ? open(path, O_WRONLY | O_CLOEXEC) : -1;
}

/* Lines of "NUMBER:CONTROLLERS:PATH". */
static bool names_scope(const char *cgroups)
{
    for (const char *line = cgroups; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *colon = strchr(line, ':');
        colon = colon ? strchr(colon + 1, ':') : NULL;
        if (colon && virt_process_is_in_scope(colon + 1)) {
            return true;
        }
    }
    return false;
}

/* "Uid: real effective saved filesystem": all four. */
static bool has_our_users(const struct process_search *search, const char *status)
{
    const char *line = strstr(status, "\nUid:");
    unsigned long users[4];
    if (!line ||
        sscanf(line, "\nUid: %lu %lu %lu %lu", &users[0], &users[1], &users[2], &users[3]) != 4) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        if (!is_user(search, users[i])) {
            return false;
        }
    }
    return true;
}

/* 1, 0 or negative. */
static int is_qemu_program(int proc_fd, const char *pid)
{
    char path[64], program[4096];
    (void)snprintf(path, sizeof(path), "%s/exe", pid);
    ssize_t len = readlinkat(proc_fd, path, program, sizeof(program) - 1);
    if (len < 0) {
        return is_gone(errno) ? 0 : -errno;
    }
    program[len] = '\0';
    const char *slash = strrchr(program, '/');
    return begins_with(slash ? slash + 1 : program, "qemu");
}

/* 1, 0 or negative. */
static int is_in_scope(int proc_fd, const char *pid, struct buf *text)
{
    int r = read_file(proc_fd, pid, "cgroup", small_file_size, text);
    return r <= 0 ? r : names_scope(buf_str(text));
}

/* Whether its command line may be looked at: to read memory that another user has made can take for
 * ever. 1, 0 or negative. */
static int is_readable(const struct process_search *search, int proc_fd, const char *pid,
                       struct buf *text)
{
    struct stat status;
    if (fstatat(proc_fd, pid, &status, 0) < 0) {
        return is_gone(errno) ? 0 : -errno;
    }
    return is_user(search, status.st_uid) ? 1 : is_in_scope(proc_fd, pid, text);
}

/* Whether what it says of itself counts: 1, 0 or negative. */
static int is_believable(const struct process_search *search, int proc_fd, const char *pid,
                         struct buf *text)
{
    int r = is_in_scope(proc_fd, pid, text);
    if (r != 0) {
        return r;
    }
    r = read_file(proc_fd, pid, "status", small_file_size, text);
    if (r <= 0 || !has_our_users(search, buf_str(text))) {
        return MIN(r, 0);
    }
    return is_qemu_program(proc_fd, pid);
}

/* The file alone: a directory service that does not answer would hold up every scan. */
void virt_process_usual_users(struct process_search *search)
{
    static const char *const names[] = {"libvirt-qemu", "qemu"};
    FILE *file = fopen("/etc/passwd", "re");
    for (const struct passwd *each; file && (each = fgetpwent(file));) {
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            if (strcmp(each->pw_name, names[i]) == 0 && search->user_len < qemu_users_max) {
                search->users[search->user_len++] = each->pw_uid;
            }
        }
    }
    if (file) {
        (void)fclose(file);
    }
}

/* ---- what was noted of it ---- */

/* When it began, which tells it from the next process of its number. 1, 0: gone, or negative. */
static int read_start(int proc_fd, const char *pid, struct buf *text, uint64_t *ret)
{
    int r = read_file(proc_fd, pid, "stat", small_file_size, text);
    return r <= 0 ? r : stat_number(text, 22, ret) ? 1 : -EIO;
}

/* Whether a note says whose process 'pid' is, and when that began. */
static bool recall(int notes_fd, const char *pid, uint64_t *ret_start, struct domain_marker *ret)
{
    char text[domain_marker_text_size + 24], *marker;
    CLEANUP(closep) int fd = notes_fd < 0 ? -1 : openat(notes_fd, pid, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (size < 0) {
        return false;
    }
    text[size] = '\0';
    marker = strchr(text, ' ');
    if (!marker) {
        return false;
    }
    *marker++ = '\0';
    return parse_u64(text, UINT64_MAX, ret_start) && domain_marker_parse(marker, ret);
}

/* In one write: a note that is cut off is none. If it cannot be written, a restarted berthd only
 * does not see this process while it ends. */
static void note(int notes_fd, const char *pid, uint64_t start, const struct domain_marker *marker)
{
    char text[domain_marker_text_size + 24], name[domain_marker_text_size];
    CLEANUP(closep)
    int fd =
        notes_fd < 0 ? -1 : openat(notes_fd, pid, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)snprintf(text, sizeof(text), "%llu %s", (unsigned long long)start,
                       domain_marker_format(marker, name));
        ssize_t ignored = write(fd, text, strlen(text));
        (void)ignored;
    }
}

static void close_directory(DIR **directory)
{
    if (*directory) {
        closedir(*directory);
    }
}

/* Drops the notes of processes that are no more. */
static void forget_ended(int proc_fd, int notes_fd, struct buf *text)
{
    int fd = notes_fd < 0 ? -1 : openat(notes_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(close_directory) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        uint64_t pid, start, noted;
        struct domain_marker marker;
        if (!parse_u64(entry->d_name, INT32_MAX, &pid)) {
            continue;
        }
        int r = read_start(proc_fd, entry->d_name, text, &start);
        if (r == 0 ||
            (r > 0 && (!recall(notes_fd, entry->d_name, &noted, &marker) || noted != start))) {
            (void)unlinkat(notes_fd, entry->d_name, 0);
        }
    }
}

/* ---- the scan ---- */

/* 1: 'pid' is one of ours, as which '*ret' says; 0: it is not, or no more; or negative. */
static int identify(const struct process_search *search, int proc_fd, int notes_fd, const char *pid,
                    struct buf *text, struct domain_marker *ret)
{
    uint64_t start, noted;
    if (recall(notes_fd, pid, &noted, ret)) {
        int r = read_start(proc_fd, pid, text, &start);
        if (r <= 0 || start == noted) {
            return r;
        }
    }
    int r = is_readable(search, proc_fd, pid, text);
    r = r <= 0 ? r : read_file(proc_fd, pid, "cmdline", command_line_size_max, text);
    if (r <= 0 || !virt_process_marker(buf_str(text), text->size, ret)) {
        return MIN(r, 0);
    }
    return is_believable(search, proc_fd, pid, text);
}

static int processes_add(processes_t *processes, struct process process)
{
    struct process *place = VEC_ADD(processes);
    if (place) {
        *place = process;
    }
    return place ? 0 : -ENOMEM;
}

/* Adds the process 'name' if it is one of ours, or of another cluster. The pidfd comes first: if
 * the process still lives after it was looked at again, both are of the same process. */
static int look_at(const struct process_search *search, int proc_fd, int notes_fd, const char *name,
                   struct buf *text, processes_t *ret)
{
    uint64_t pid, start;
    struct domain_marker marker;
    if (!parse_u64(name, INT32_MAX, &pid)) {
        return 0;
    }
    int r = identify(search, proc_fd, notes_fd, name, text, &marker);
    if (r <= 0) {
        return r;
    }
    if (!domain_marker_is_of(&marker, search->cluster)) {
        return processes_add(ret, (struct process){.pid = (pid_t)pid,
                                                   .pidfd = -1,
                                                   .scope_fd = -1,
                                                   .marker = marker,
                                                   .is_foreign = true});
    }
    CLEANUP(closep) int pidfd = pidfd_open((pid_t)pid, 0);
    if (pidfd < 0) {
        return errno == ESRCH ? 0 : -errno;
    }
    r = identify(search, proc_fd, notes_fd, name, text, &marker);
    r = r <= 0 ? r : read_start(proc_fd, name, text, &start);
    if (r <= 0 || virt_process_has_ended(pidfd) || !domain_marker_is_of(&marker, search->cluster)) {
        return MIN(r, 0);
    }
    CLEANUP(closep) int scope_fd = open_scope_kill(search, proc_fd, name, text);
    r = processes_add(
        ret, (struct process){
                 .pid = (pid_t)pid, .pidfd = pidfd, .scope_fd = scope_fd, .marker = marker});
    if (r == 0) {
        note(notes_fd, name, start, &marker);
        pidfd = scope_fd = -1;
    }
    return r;
}

/* -1: none are kept, or none can be. */
static int open_notes(const char *path)
{
    if (!path[0]) {
        return -1;
    }
    (void)mkdir(path, 0700);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int virt_process_scan(const struct process_search *search, processes_t *ret, struct error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(close_directory) DIR *directory = opendir(search->proc);
    if (!directory) {
        return error_set(err, -errno, "opening %s: %s", search->proc, strerror(errno));
    }
    CLEANUP(closep) int notes_fd = open_notes(search->notes);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry && errno) {
            return error_set(err, -errno, "reading %s: %s", search->proc, strerror(errno));
        }
        if (!entry) {
            forget_ended(dirfd(directory), notes_fd, &text);
            return 0;
        }
        int r = look_at(search, dirfd(directory), notes_fd, entry->d_name, &text, ret);
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
