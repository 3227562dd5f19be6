/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clock, timer, workers and child processes, for real. */
#include "loop/child.h"
#include "loop/clock.h"
#include "loop/retry.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "test/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { patience_ms = 20000 };

/* Runs the loop until '*counter' is at least 'want'. */
static void run_until(sd_event *event, const int *counter, int want)
{
    msec_t begin_ms = clock_monotonic_ms();
    while (*counter < want) {
        REQUIRE(sd_event_run(event, UINT64_C(1000) * patience_ms) >= 0);
        REQUIRE(clock_monotonic_ms() - begin_ms < patience_ms);
    }
}

/* ---- clock and timer ---- */

TEST(clocks_move_on_and_wall_time_is_of_this_century)
{
    msec_t monotonic_ms = clock_monotonic_ms(), boot_ms = clock_boottime_ms();
    (void)usleep(5000);
    CHECK(clock_monotonic_ms() >= monotonic_ms + 5);
    CHECK(clock_boottime_ms() >= boot_ms + 5);
    CHECK(clock_boottime_ms() >= monotonic_ms); /* it counts suspended time, too */
    CHECK(clock_wall_ms() > INT64_C(1577836800000));
}

struct alarm_bell {
    sd_event *event;
    struct loop_timer timer;
    int rings;
};

static void ring(void *userdata)
{
    ((struct alarm_bell *)userdata)->rings++;
}

static void bell_done(struct alarm_bell *bell)
{
    loop_timer_done(&bell->timer);
    sd_event_unref(bell->event);
}

TEST(a_retry_tries_once_at_least_and_ends_with_its_time)
{
    struct retry none = retry_begin(0, 1000);
    CHECK(!retry_wait(&none)); /* at once: the try before it was the only one */
    msec_t begin_ms = clock_monotonic_ms();
    struct retry patience = retry_begin(30, 10);
    int looks = 1;
    while (retry_wait(&patience)) {
        looks++;
    }
    CHECK(looks > 1 && looks <= 4);
    CHECK(clock_monotonic_ms() - begin_ms >= 30);
}

TEST(a_timer_fires_once_each_time_it_is_set)
{
    CLEANUP(bell_done) struct alarm_bell bell = {0};
    REQUIRE(sd_event_new(&bell.event) >= 0);
    REQUIRE(loop_timer_init(&bell.timer, bell.event, CLOCK_MONOTONIC, ring, &bell) >= 0);
    REQUIRE(sd_event_run(bell.event, 20 * 1000) >= 0);
    CHECK_INT(bell.rings, 0); /* it was never set */
    loop_timer_after(&bell.timer, 5);
    run_until(bell.event, &bell.rings, 1);
    REQUIRE(sd_event_run(bell.event, 20 * 1000) >= 0);
    CHECK_INT(bell.rings, 1);
    loop_timer_at(&bell.timer, 0); /* the past: at once */
    run_until(bell.event, &bell.rings, 2);
}

TEST(a_timer_that_is_set_to_never_does_not_fire)
{
    CLEANUP(bell_done) struct alarm_bell bell = {0};
    REQUIRE(sd_event_new(&bell.event) >= 0);
    REQUIRE(loop_timer_init(&bell.timer, bell.event, CLOCK_MONOTONIC, ring, &bell) >= 0);
    loop_timer_at(&bell.timer, loop_now_ms(bell.event) + 5);
    loop_timer_at(&bell.timer, MSEC_NEVER);
    REQUIRE(sd_event_run(bell.event, 30 * 1000) >= 0);
    CHECK_INT(bell.rings, 0);
}

/* ---- workers ---- */

struct office {
    sd_event *event;
    struct mailbox *box;
    struct workers *workers;
    pthread_t loop_thread;
    int arrived, arrived_elsewhere, ran_on_loop, last_number;
};

struct errand {
    struct task task;
    int number;
    int wait_fd; /* >= 0: waits for a byte or the end of it */
    pthread_t ran_on;
    int *released;
};

static void errand_run(struct task *task)
{
    struct errand *errand = (struct errand *)task;
    char byte;
    errand->ran_on = pthread_self();
    if (errand->wait_fd >= 0) {
        (void)!read(errand->wait_fd, &byte, 1);
        (void)close(errand->wait_fd);
    }
}

static void errand_arrive(void *userdata, struct task *task)
{
    struct office *office = userdata;
    const struct errand *errand = (const struct errand *)task;
    office->arrived++;
    office->last_number = errand->number;
    office->ran_on_loop += pthread_equal(errand->ran_on, office->loop_thread);
    office->arrived_elsewhere += !pthread_equal(pthread_self(), office->loop_thread);
}

static void errand_release(struct task *task)
{
    const struct errand *errand = (const struct errand *)task;
    (void)__atomic_add_fetch(errand->released, 1, __ATOMIC_ACQ_REL);
    free(task);
}

static int released_so_far(const int *released)
{
    return __atomic_load_n(released, __ATOMIC_ACQUIRE);
}

static void submit(struct office *office, int number, int wait_fd, int *released)
{
    struct errand *errand = calloc(1, sizeof(*errand));
    REQUIRE(errand != NULL);
    *errand = (struct errand){
        .task = {.run = errand_run, .arrive = errand_arrive, .release = errand_release},
        .number = number,
        .wait_fd = wait_fd,
        .released = released,
    };
    workers_submit(office->workers, &errand->task);
}

static void office_open(struct office *office, unsigned threads)
{
    office->loop_thread = pthread_self();
    REQUIRE(sd_event_new(&office->event) >= 0);
    REQUIRE(mailbox_new(office->event, office, &office->box) == 0);
    REQUIRE(workers_new(office->box, threads, &office->workers) == 0);
}

static void office_close(struct office *office)
{
    mailbox_close(office->box);
    office->workers = workers_free(office->workers, false);
    office->box = mailbox_unref(office->box);
    sd_event_unref(office->event);
}

TEST(tasks_run_on_threads_and_arrive_on_the_loop_in_their_order)
{
    static int released;
    CLEANUP(office_close) struct office office = {0};
    office_open(&office, 1);
    for (int i = 1; i <= 20; i++) {
        submit(&office, i, -1, &released);
    }
    run_until(office.event, &office.arrived, 20);
    CHECK_INT(office.last_number, 20);
    CHECK_INT(office.ran_on_loop, 0);
    CHECK_INT(office.arrived_elsewhere, 0);
    CHECK_INT(released_so_far(&released), 20);
}

TEST(a_task_that_hangs_holds_up_no_other_thread_and_is_left_behind)
{
    static int released;
    int ends[2];
    struct office office = {0};
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    office_open(&office, 2);
    submit(&office, 1, ends[0], &released);
    submit(&office, 2, -1, &released);
    run_until(office.event, &office.arrived, 1);
    CHECK_INT(office.last_number, 2);
    msec_t begin_ms = clock_monotonic_ms();
    office_close(&office); /* waits a second for it, not more */
    CHECK(clock_monotonic_ms() - begin_ms < 10000);
    CHECK_INT(released_so_far(&released), 1);
    (void)close(ends[1]);
    for (int i = 0; i < 2000 && released_so_far(&released) < 2; i++) {
        (void)usleep(10 * 1000);
    }
    CHECK_INT(released_so_far(&released), 2);
    CHECK_INT(office.arrived, 1);
}

TEST(drained_workers_run_what_is_queued_and_the_others_release_it)
{
    static int released;
    for (int is_drained = 0; is_drained < 2; is_drained++) {
        int ends[2];
        struct office office = {0};
        released = 0;
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        office_open(&office, 1);
        submit(&office, 1, ends[0], &released);
        submit(&office, 2, -1, &released);
        (void)close(ends[1]);
        office.workers = workers_free(office.workers, is_drained);
        (void)sd_event_run(office.event, 0);
        CHECK(office.arrived >= is_drained * 2);
        office_close(&office);
        CHECK_INT(released_so_far(&released), 2);
    }
}

static int signals_seen;

static void on_signal(int number)
{
    (void)number;
    (void)__atomic_add_fetch(&signals_seen, 1, __ATOMIC_ACQ_REL);
}

TEST(no_signal_comes_to_a_worker)
{
    static int released;
    CLEANUP(office_close) struct office office = {0};
    sigset_t usr1, before;
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    office_open(&office, 1);
    submit(&office, 1, ends[0], &released);
    (void)sigemptyset(&usr1);
    (void)sigaddset(&usr1, SIGUSR1);
    (void)signal(SIGUSR1, on_signal);
    REQUIRE(pthread_sigmask(SIG_BLOCK, &usr1, &before) == 0);
    REQUIRE(kill(getpid(), SIGUSR1) == 0); /* the worker is the only one that could take it */
    (void)usleep(50 * 1000);
    CHECK_INT(signals_seen, 0);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    CHECK_INT(signals_seen, 1);
    (void)signal(SIGUSR1, SIG_DFL);
    (void)close(ends[1]);
    run_until(office.event, &office.arrived, 1);
}

/* ---- children ---- */

struct parent {
    sd_event *event;
    struct child *child;
    int calls;
    enum child_end end;
    int status;
    char output[64], errors[64];
    size_t output_size;
    bool is_cut;
};

static void on_child(void *userdata, const struct child_result *result)
{
    struct parent *parent = userdata;
    parent->calls++;
    parent->end = result->end;
    parent->status = result->status;
    parent->output_size = result->output_size;
    parent->is_cut = result->is_cut;
    (void)snprintf(parent->output, sizeof(parent->output), "%s", result->output);
    (void)snprintf(parent->errors, sizeof(parent->errors), "%s", result->errors);
}

static void parent_done(struct parent *parent)
{
    parent->child = child_free(parent->child);
    sd_event_unref(parent->event);
}

/* Runs 'script' in a shell. */
static int start_script(struct parent *parent, char *script, const char *input, size_t output_max,
                        msec_t limit_ms)
{
    char name[] = "sh", option[] = "-c";
    char *arguments[] = {name, option, script, NULL};
    const char *const extra[] = {"PET=cat", NULL};
    const struct child_order order = {
        .program = "/bin/sh",
        .arguments = arguments,
        .extra = extra,
        .input = input,
        .input_size = strlen(input),
        .output_max = output_max,
        .limit_ms = limit_ms,
    };
    if (!parent->event) {
        REQUIRE(sd_event_new(&parent->event) >= 0);
    }
    return child_start(parent->event, &order, on_child, parent, &parent->child);
}

TEST(a_child_gets_its_input_and_gives_back_outputs_and_exit_code)
{
    CLEANUP(parent_done) struct parent parent = {0};
    char script[] = "read line; echo \"$line $PET $LC_ALL\"; echo no >&2; exit 3";
    REQUIRE(start_script(&parent, script, "black\n", 1000, MSEC_NEVER) == 0);
    run_until(parent.event, &parent.calls, 1);
    CHECK_INT(parent.end, CHILD_EXITED);
    CHECK_INT(parent.status, 3);
    CHECK_STR(parent.output, "black cat C\n");
    CHECK_STR(parent.errors, "no\n");
    CHECK(!parent.is_cut);
}

TEST(a_child_inherits_no_file_of_a_library_that_forgot_to_close_it)
{
    CLEANUP(parent_done) struct parent parent = {0};
    char script[] = "for fd in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; true";
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    REQUIRE(start_script(&parent, script, "", 1000, MSEC_NEVER) == 0);
    run_until(parent.event, &parent.calls, 1);
    CHECK_INT(parent.end, CHILD_EXITED);
    CHECK_STR(parent.output, "");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

TEST(too_much_output_is_cut_and_the_child_ends_all_the_same)
{
    CLEANUP(parent_done) struct parent parent = {0};
    char script[] = "head -c 300000 /dev/zero";
    REQUIRE(start_script(&parent, script, "", 10, MSEC_NEVER) == 0);
    run_until(parent.event, &parent.calls, 1);
    CHECK_INT(parent.end, CHILD_EXITED);
    CHECK_INT(parent.output_size, 10);
    CHECK(parent.is_cut);
}

TEST(a_child_that_is_killed_says_by_which_signal)
{
    CLEANUP(parent_done) struct parent parent = {0};
    char script[] = "kill -TERM $$";
    REQUIRE(start_script(&parent, script, "", 10, MSEC_NEVER) == 0);
    run_until(parent.event, &parent.calls, 1);
    CHECK_INT(parent.end, CHILD_KILLED);
    CHECK_INT(parent.status, SIGTERM);
}

/* Whether anybody holds the write end of 'fd' yet; waits for the end of it a while. */
static bool is_hung_up(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&poller, 1, patience_ms) == 1 && read(fd, &byte, 1) == 0;
}

TEST(freeing_a_late_child_kills_it_and_what_it_started)
{
    struct parent parent = {0};
    int ends[2];
    char script[64];
    REQUIRE(pipe(ends) == 0); /* inherited: it is closed when the last of them has ended */
    (void)snprintf(script, sizeof(script), "sleep 1000 & sleep 1000");
    REQUIRE(start_script(&parent, script, "", 10, 100) == 0);
    (void)close(ends[1]);
    run_until(parent.event, &parent.calls, 1);
    CHECK_INT(parent.end, CHILD_LATE);
    parent_done(&parent);
    CHECK(is_hung_up(ends[0]));
    (void)close(ends[0]);
    CHECK_INT(parent.calls, 1);
}

TEST(a_late_child_that_is_waited_for_ends_with_a_second_call)
{
    CLEANUP(parent_done) struct parent parent = {0};
    char script[] = "sleep 0.4; echo late";
    REQUIRE(start_script(&parent, script, "", 100, 20) == 0);
    run_until(parent.event, &parent.calls, 1);
    CHECK_INT(parent.end, CHILD_LATE);
    run_until(parent.event, &parent.calls, 2);
    CHECK_INT(parent.end, CHILD_EXITED);
    CHECK_STR(parent.output, "late\n");
}

TEST(a_child_that_is_left_goes_on)
{
    struct parent parent = {0};
    int ends[2];
    char byte = 0, script[96];
    REQUIRE(pipe(ends) == 0);
    (void)snprintf(script, sizeof(script), "exec 7>/proc/%d/fd/%d; sleep 0.2; printf x >&7",
                   getpid(), ends[1]);
    REQUIRE(start_script(&parent, script, "", 10, MSEC_NEVER) == 0);
    parent.child = child_leave(parent.child);
    CHECK(read(ends[0], &byte, 1) == 1);
    CHECK_INT(byte, 'x');
    (void)close(ends[0]);
    (void)close(ends[1]);
    parent_done(&parent);
    CHECK_INT(parent.calls, 0);
}

TEST(a_program_that_is_not_there_or_an_input_that_is_too_long_is_refused)
{
    static char long_input[child_input_max + 1];
    CLEANUP(parent_done) struct parent parent = {0};
    char name[] = "nothing", script[] = "true";
    char *arguments[] = {name, NULL};
    const struct child_order order = {.program = "/nonexistent", .arguments = arguments};
    memset(long_input, 'x', sizeof(long_input) - 1);
    REQUIRE(start_script(&parent, script, long_input, 10, MSEC_NEVER) == 0);
    parent.child = child_free(parent.child);
    CHECK_INT(child_start(parent.event, &order, on_child, &parent, &parent.child), -ENOENT);
    CHECK(parent.child == NULL);
    const struct child_order too_long = {.program = "/bin/sh",
                                         .arguments = arguments,
                                         .input = long_input,
                                         .input_size = sizeof(long_input)};
    CHECK_INT(child_start(parent.event, &too_long, on_child, &parent, &parent.child), -E2BIG);
    CHECK_INT(parent.calls, 0);
}
