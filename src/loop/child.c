/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *            limit                      end
 *   runs ------------> late ------------------------> ended
 *     \                                               ^
 *      +------------- end ----------------------------+
 *
 * A child that was freed before it ended is 'abandoned': only a pidfd is left of it, on a floating
 * event source that waits for its end.
 */
#include "loop/child.h"

#include "base/buf.h"
#include "loop/timer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { environment_max = 8 };

struct capture {
    int fd;
    sd_event_source *source;
    struct buf text;
    size_t size_max;
    bool is_cut;
};

struct child {
    sd_event *event;
    child_done_fn *done;
    void *userdata;
    pid_t pid; /* 0: it has ended */
    int pidfd;
    sd_event_source *exit_source;
    struct capture output, errors;
    struct loop_timer limit;
    struct child_result result;
};

/* ---- capture ---- */

static void capture_read(struct capture *capture)
{
    char part[4096];
    ssize_t got;
    while (capture->fd >= 0 &&
           ((got = read(capture->fd, part, sizeof(part))) > 0 || (got < 0 && errno == EINTR))) {
        size_t size = got > 0 ? (size_t)got : 0;
        size_t room = capture->size_max - capture->text.size;
        capture->is_cut |= size > room;
        buf_add(&capture->text, part, MIN(size, room));
    }
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct capture *capture = userdata;
    (void)fd;
    capture_read(capture);
    if (events & (EPOLLHUP | EPOLLERR)) {
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    return 0;
}

static void capture_end(struct capture *capture)
{
    capture->source = sd_event_source_disable_unref(capture->source);
    closep(&capture->fd);
    capture->fd = -1;
}

/* Our end does not block, the child's does. */
static int capture_begin(struct child *child, struct capture *capture, int *ret_write_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    capture->fd = ends[0];
    *ret_write_end = ends[1];
    return sd_event_add_io(child->event, &capture->source, capture->fd, EPOLLIN, on_output,
                           capture);
}

/* ---- its end ---- */

static void child_report(struct child *child, enum child_end end, int status)
{
    child->result = (struct child_result){
        .end = end,
        .status = status,
        .output = buf_str(&child->output.text),
        .output_size = child->output.text.size,
        .errors = buf_str(&child->errors.text),
        .errors_size = child->errors.text.size,
        .is_cut = child->output.is_cut || child->errors.is_cut || child->output.text.failed ||
                  child->errors.text.failed,
    };
    child->done(child->userdata, &child->result); /* may free the child: nothing comes after it */
}

static int on_child_exit(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct child *child = userdata;
    siginfo_t info = {0};
    (void)source, (void)events;
    capture_read(&child->output);
    capture_read(&child->errors);
    (void)kill(-child->pid, SIGKILL); /* what it left behind; not buried yet: the number is ours */
    (void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
    child->pid = 0;
    capture_end(&child->output);
    capture_end(&child->errors);
    child->exit_source = sd_event_source_disable_unref(child->exit_source);
    loop_timer_done(&child->limit);
    child_report(child, info.si_code == CLD_EXITED ? CHILD_EXITED : CHILD_KILLED, info.si_status);
    return 0;
}

static void child_is_late(void *userdata)
{
    struct child *child = userdata;
    capture_read(&child->output);
    capture_read(&child->errors);
    child_report(child, CHILD_LATE, 0);
}

static int on_abandoned_exit(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    siginfo_t info;
    (void)events, (void)userdata;
    (void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
    return sd_event_source_set_floating(source, false); /* ends the source and closes 'fd' */
}

/* Hands the pidfd to a source that buries the child whenever the kernel lets go of it. */
static void bury_later(struct child *child)
{
    siginfo_t info = {0};
    sd_event_source *source = NULL;
    if ((waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) ||
        sd_event_add_io(child->event, &source, child->pidfd, EPOLLIN, on_abandoned_exit, NULL) <
            0) {
        closep(&child->pidfd);
    } else {
        (void)sd_event_source_set_io_fd_own(source, true);
        (void)sd_event_source_set_floating(source, true);
        (void)sd_event_source_unref(source);
    }
    child->pid = 0;
    child->pidfd = -1;
}

struct child *child_leave(struct child *child)
{
    if (!child) {
        return NULL;
    }
    capture_end(&child->output);
    capture_end(&child->errors);
    child->exit_source = sd_event_source_disable_unref(child->exit_source);
    loop_timer_done(&child->limit);
    if (child->pid != 0) {
        bury_later(child);
    }
    closep(&child->pidfd);
    (void)sd_event_unref(child->event);
    buf_done(&child->output.text);
    buf_done(&child->errors.text);
    free(child);
    return NULL;
}

struct child *child_free(struct child *child)
{
    if (child && child->pid != 0) {
        /* Not buried yet, so the number is still its own. */
        (void)kill(-child->pid, SIGKILL);
        (void)syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0U);
    }
    return child_leave(child);
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

/* ---- its beginning ---- */

/* The read end of a pipe that holds the whole input, already closed for writing: the child may read
 * it or not. Or the socket that was given. */
static int make_input(const struct child_order *order)
{
    int ends[2];
    if (order->has_socket) {
        int copy = fcntl(order->socket, F_DUPFD_CLOEXEC, 3);
        return copy < 0 ? -errno : copy;
    }
    if (order->input_size > child_input_max) {
        return -E2BIG;
    }
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        return -errno;
    }
    ssize_t written = order->input_size ? write(ends[1], order->input, order->input_size) : 0;
    (void)fcntl(ends[0], F_SETFL, 0); /* programs expect to wait for their input */
    closep(&ends[1]);
    if (written != (ssize_t)order->input_size) {
        closep(&ends[0]);
        return -EIO;
    }
    return ends[0];
}

static int child_spawn(struct child *child, const struct child_order *order, int input, int output,
                       int errors)
{
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LC_ALL=C";
    char *environment[environment_max + 3] = {path, language};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    for (size_t i = 0; order->extra && order->extra[i]; i++) {
        assert(i < environment_max);
        environment[i + 2] = (char *)(uintptr_t)order->extra[i];
    }
    sigemptyset(&none);
    sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, input, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, output, 1);
    (void)posix_spawn_file_actions_adddup2(&actions, errors, 2);
    if (!order->program) {
        (void)posix_spawn_file_actions_adddup2(&actions, order->program_fd, 3);
    }
    (void)posix_spawn_file_actions_addclosefrom_np(&actions, order->program ? 3 : 4);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    int failed = posix_spawn(&child->pid, order->program ? order->program : "/proc/self/fd/3",
                             &actions, &attributes, order->arguments, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        child->pid = 0;
    }
    return -failed;
}

/* Without a pidfd it could not be killed safely later: do it now. */
static int watch_exit(struct child *child)
{
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0U);
    int r = child->pidfd < 0 ? -errno
                             : sd_event_add_io(child->event, &child->exit_source, child->pidfd,
                                               EPOLLIN, on_child_exit, child);
    if (r < 0) {
        (void)kill(-child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
        child->pid = 0;
    }
    return r;
}

static int child_begin(struct child *child, const struct child_order *order)
{
    CLEANUP(closep) int input = make_input(order);
    CLEANUP(closep) int output = -1;
    CLEANUP(closep) int errors = -1;
    if (input < 0) {
        return input;
    }
    int r = capture_begin(child, &child->output, &output);
    if (r < 0) {
        return r;
    }
    r = capture_begin(child, &child->errors, &errors);
    if (r < 0) {
        return r;
    }
    r = loop_timer_init(&child->limit, child->event, CLOCK_MONOTONIC, child_is_late, child);
    if (r < 0) {
        return r;
    }
    if (order->limit_ms != MSEC_NEVER) {
        loop_timer_after(&child->limit, order->limit_ms);
    }
    r = child_spawn(child, order, input, output, errors);
    if (r < 0) {
        return r;
    }
    return watch_exit(child);
}

int child_start(sd_event *event, const struct child_order *order, child_done_fn *done,
                void *userdata, struct child **ret)
{
    CLEANUP(child_freep) struct child *child = calloc(1, sizeof(*child));
    if (!child) {
        return -ENOMEM;
    }
    child->event = sd_event_ref(event);
    child->done = done;
    child->userdata = userdata;
    child->pidfd = child->output.fd = child->errors.fd = -1;
    child->output.size_max = child->errors.size_max = order->output_max;
    int r = child_begin(child, order);
    if (r < 0) {
        return r;
    }
    *ret = TAKE(child);
    return 0;
}
