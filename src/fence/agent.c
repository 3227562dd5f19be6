/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of one request:
 *
 *     act (the action itself) --ok, off or on--> confirm (status) --as wanted--> done
 *                                                  |  ^
 *                                                  +--+ not yet: again after a pause, some times
 *
 * One agent runs at a time. Its input is written into the pipe before it starts, so it may read it
 * or not. It leads a process group, so that what it started goes with it.
 */
#include "fence/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
    capture_size_max = 256 * 1024, /* a description is some 40 KiB */
    confirm_tries_max = 5,
    confirm_pause_ms = 500,
    quote_size = 160,
    text_size = 400,
};

enum step { STEP_ACT, STEP_CONFIRM, STEP_PAUSE };

struct capture {
    int fd;
    sd_event_source *source;
    struct buf text;
};

struct fence_run {
    sd_event *event;
    struct fence_plan plan;
    fence_done_fn *done;
    void *userdata;
    enum step step;
    unsigned confirm_tries;
    enum fence_power power;

    pid_t pid; /* 0: no agent runs */
    int pidfd;
    sd_event_source *exit_source;
    struct capture output, errors;

    sd_event_source *limit_source, *pause_source;
};

static int begin_step(struct fence_run *run, enum step step, struct error *err);

/* ---- capture ---- */

/* Takes what is there; what exceeds the limit is read and thrown away. */
static void drain(struct capture *capture)
{
    char part[4096];
    ssize_t got;
    while (capture->fd >= 0 &&
           ((got = read(capture->fd, part, sizeof(part))) > 0 || (got < 0 && errno == EINTR))) {
        if (got > 0 && capture->text.size < capture_size_max) {
            buf_add(&capture->text, part, (size_t)got);
        }
    }
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct capture *capture = userdata;
    (void)fd;
    drain(capture);
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

/* ---- the process ---- */

static int on_abandoned_exit(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    siginfo_t info;
    (void)events, (void)userdata;
    (void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
    return sd_event_source_set_floating(source, false); /* ends the source and closes 'fd' */
}

/* Kills the agent and all it started. It is buried later, whenever the kernel lets go of it. */
static void abandon_process(struct fence_run *run)
{
    siginfo_t info = {0};
    sd_event_source *source = NULL;
    capture_end(&run->output);
    capture_end(&run->errors);
    run->exit_source = sd_event_source_disable_unref(run->exit_source);
    if (run->pid == 0) {
        return;
    }
    /* Not buried yet, so the number is still its own. */
    (void)kill(-run->pid, SIGKILL);
    (void)syscall(SYS_pidfd_send_signal, run->pidfd, SIGKILL, NULL, 0U);
    run->pid = 0;
    if ((waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) ||
        sd_event_add_io(run->event, &source, run->pidfd, EPOLLIN, on_abandoned_exit, NULL) < 0) {
        closep(&run->pidfd);
    } else {
        (void)sd_event_source_set_io_fd_own(source, true);
        (void)sd_event_source_set_floating(source, true);
        (void)sd_event_source_unref(source);
    }
    run->pidfd = -1;
}

struct fence_run *fence_cancel(struct fence_run *run)
{
    if (!run) {
        return NULL;
    }
    abandon_process(run);
    (void)sd_event_source_disable_unref(run->limit_source);
    (void)sd_event_source_disable_unref(run->pause_source);
    (void)sd_event_unref(run->event);
    buf_done(&run->output.text);
    buf_done(&run->errors.text);
    fence_plan_done(&run->plan);
    free(run);
    return NULL;
}

/* ---- the outcome ---- */

static void finish(struct fence_run *run, enum fence_outcome outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Frees the run. */
static void finish(struct fence_run *run, enum fence_outcome outcome, const char *format, ...)
{
    char text[text_size];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct fence_result result = {
        .outcome = outcome,
        .power = run->power,
        .text = text,
        .output = run->plan.action == FENCE_METADATA ? buf_str(&run->output.text) : "",
    };
    abandon_process(run);
    run->done(run->userdata, &result);
    (void)fence_cancel(run);
}

static const char *quote(struct fence_run *run, char *ret)
{
    char line[quote_size];
    ret[0] = '\0';
    if (fence_plan_quote(&run->plan, buf_str(&run->errors.text), buf_str(&run->output.text), line,
                         sizeof(line))[0]) {
        (void)snprintf(ret, quote_size + 4, ": %s", line);
    }
    return ret;
}

static const char *wanted(const struct fence_run *run)
{
    return fence_action_name(run->plan.action);
}

static void confirm_again(struct fence_run *run);

/* The status of a confirmation, or the action status itself: exit code 0 is on, 2 is off. */
static void take_status(struct fence_run *run, int code)
{
    char why[quote_size + 4];
    const char *agent = run->plan.agent;
    run->power = code == 0 ? FENCE_POWER_ON : code == 2 ? FENCE_POWER_OFF : FENCE_POWER_UNKNOWN;
    if (run->plan.action == FENCE_STATUS) {
        if (run->power == FENCE_POWER_UNKNOWN) {
            finish(run, FENCE_FAILED, "%s status failed (exit code %d)%s", agent, code,
                   quote(run, why));
        } else {
            finish(run, FENCE_DONE, "%s says %s", agent, fence_power_name(run->power));
        }
        return;
    }
    bool is_as_wanted =
        run->power == (run->plan.action == FENCE_OFF ? FENCE_POWER_OFF : FENCE_POWER_ON);
    if (is_as_wanted) {
        finish(run, FENCE_DONE, "%s turned it %s, and its status says so", agent, wanted(run));
    } else if (++run->confirm_tries < confirm_tries_max) {
        confirm_again(run);
    } else if (run->power == FENCE_POWER_UNKNOWN) {
        finish(run, FENCE_UNKNOWN,
               "%s said that it turned it %s, but its status fails (exit code "
               "%d)%s",
               agent, wanted(run), code, quote(run, why));
    } else {
        finish(run, FENCE_FAILED, "%s said that it turned it %s, but its status says %s", agent,
               wanted(run), fence_power_name(run->power));
    }
}

static void take_action_result(struct fence_run *run, int code)
{
    char why[quote_size + 4];
    struct error err;
    if (code != 0) {
        finish(run, FENCE_FAILED, "%s %s failed (exit code %d)%s", run->plan.agent, wanted(run),
               code, quote(run, why));
    } else if (run->plan.action == FENCE_MONITOR || run->plan.action == FENCE_METADATA) {
        finish(run, FENCE_DONE, "%s answers", run->plan.agent);
    } else if (begin_step(run, STEP_CONFIRM, &err) < 0) {
        finish(run, FENCE_UNKNOWN,
               "%s said that it turned it %s, but its status could not be "
               "asked: %s",
               run->plan.agent, wanted(run), err.text);
    }
}

static int on_agent_exit(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct fence_run *run = userdata;
    siginfo_t info = {0};
    (void)source, (void)events;
    drain(&run->output);
    drain(&run->errors);
    (void)kill(-run->pid, SIGKILL); /* what it left behind; not buried yet, so the number is ours */
    (void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
    run->pid = 0;
    closep(&run->pidfd);
    run->pidfd = -1;
    abandon_process(run);
    if (info.si_code != CLD_EXITED) {
        finish(run, FENCE_UNKNOWN, "%s %s was killed by signal %d before it ended", run->plan.agent,
               run->step == STEP_CONFIRM ? "status" : wanted(run), info.si_status);
    } else if (run->step == STEP_CONFIRM || run->plan.action == FENCE_STATUS) {
        take_status(run, info.si_status);
    } else {
        take_action_result(run, info.si_status);
    }
    return 0;
}

static int on_pause_over(sd_event_source *source, uint64_t time_us, void *userdata)
{
    struct fence_run *run = userdata;
    struct error err;
    (void)source, (void)time_us;
    if (begin_step(run, STEP_CONFIRM, &err) < 0) {
        finish(run, FENCE_UNKNOWN, "%s could not be asked for the status: %s", run->plan.agent,
               err.text);
    }
    return 0;
}

static void confirm_again(struct fence_run *run)
{
    run->step = STEP_PAUSE;
    run->pause_source = sd_event_source_disable_unref(run->pause_source);
    if (sd_event_add_time_relative(run->event, &run->pause_source, CLOCK_MONOTONIC,
                                   confirm_pause_ms * 1000, 1000, on_pause_over, run) < 0) {
        finish(run, FENCE_UNKNOWN, "no timer to ask %s again", run->plan.agent);
    }
}

static int on_limit(sd_event_source *source, uint64_t time_us, void *userdata)
{
    struct fence_run *run = userdata;
    (void)source, (void)time_us;
    if (run->step == STEP_ACT) {
        finish(run, FENCE_UNKNOWN, "%s %s did not end within %lld ms and was killed",
               run->plan.agent, wanted(run), (long long)run->plan.limit_ms);
    } else {
        finish(run, run->power == FENCE_POWER_UNKNOWN ? FENCE_UNKNOWN : FENCE_FAILED,
               "%s said that it turned it %s, but after %lld ms its status says %s",
               run->plan.agent, wanted(run), (long long)run->plan.limit_ms,
               fence_power_name(run->power));
    }
    return 0;
}

/* ---- starting an agent ---- */

/* The read end of a pipe that holds the whole input, already closed for writing. */
static int make_input(const struct fence_run *run, const char *action)
{
    int ends[2];
    CLEANUP(buf_done) struct buf text = {0};
    buf_printf(&text, "action=%s\n%s", action, buf_str(&run->plan.parameters));
    if (text.failed) {
        return -ENOMEM;
    }
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        return -errno;
    }
    ssize_t written = write(ends[1], text.data, text.size);
    (void)fcntl(ends[0], F_SETFL, 0); /* agents expect to wait for their input */
    closep(&ends[1]);
    explicit_bzero(text.data, text.size);
    if (written != (ssize_t)text.size) {
        closep(&ends[0]);
        return -EIO;
    }
    return ends[0];
}

/* Our end does not block, the agent's does. */
static int make_capture(struct fence_run *run, struct capture *capture, int *ret_write_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    buf_clear(&capture->text);
    capture->fd = ends[0];
    *ret_write_end = ends[1];
    return sd_event_add_io(run->event, &capture->source, capture->fd, EPOLLIN, on_output, capture);
}

static int spawn(struct fence_run *run, int input, int output, int errors)
{
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LC_ALL=C";
    char *environment[] = {path, language, NULL};
    char *arguments[] = {run->plan.program, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, input, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, output, 1);
    (void)posix_spawn_file_actions_adddup2(&actions, errors, 2);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    int failed =
        posix_spawn(&run->pid, run->plan.program, &actions, &attributes, arguments, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        run->pid = 0;
    }
    return -failed;
}

/* Watches for the end of the agent. Without a pidfd it could not be killed safely: do it now. */
static int watch_exit(struct fence_run *run)
{
    run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0U);
    int result = run->pidfd < 0 ? -errno : 0;
    if (result == 0) {
        result =
            sd_event_add_io(run->event, &run->exit_source, run->pidfd, EPOLLIN, on_agent_exit, run);
    }
    if (result < 0) {
        (void)kill(-run->pid, SIGKILL);
        (void)waitpid(run->pid, NULL, 0);
        run->pid = 0;
    }
    return result;
}

static int start_agent(struct fence_run *run, const char *action)
{
    CLEANUP(closep) int input = make_input(run, action);
    CLEANUP(closep) int output = -1;
    CLEANUP(closep) int errors = -1;
    int result = input;
    if (result >= 0) {
        result = make_capture(run, &run->output, &output);
    }
    if (result >= 0) {
        result = make_capture(run, &run->errors, &errors);
    }
    if (result >= 0) {
        result = spawn(run, input, output, errors);
    }
    return result < 0 ? result : watch_exit(run);
}

static int begin_step(struct fence_run *run, enum step step, struct error *err)
{
    run->step = step;
    int result = start_agent(run, step == STEP_CONFIRM ? "status" : wanted(run));
    if (result < 0) {
        capture_end(&run->output);
        capture_end(&run->errors);
        return error_set(err, result, "%s cannot be run: %s", run->plan.program, strerror(-result));
    }
    return 0;
}

int fence_start(sd_event *event, const struct fence_request *request, fence_done_fn *done,
                void *userdata, struct fence_run **ret, struct error *err)
{
    CLEANUP(fence_cancelp) struct fence_run *run = calloc(1, sizeof(*run));
    if (!run) {
        return error_set(err, -ENOMEM, "no memory to run a fence agent");
    }
    run->event = sd_event_ref(event);
    run->done = done;
    run->userdata = userdata;
    run->pidfd = run->output.fd = run->errors.fd = -1;
    int result = fence_plan_make(request, &run->plan, err);
    if (result < 0) {
        return result;
    }
    result = sd_event_add_time_relative(event, &run->limit_source, CLOCK_MONOTONIC,
                                        (uint64_t)MAX(request->limit_ms, INT64_C(1)) * 1000, 1000,
                                        on_limit, run);
    if (result < 0) {
        return error_set(err, result, "no timer for a fence agent: %s", strerror(-result));
    }
    result = begin_step(run, STEP_ACT, err);
    if (result < 0) {
        return result;
    }
    *ret = TAKE(run);
    return 0;
}
