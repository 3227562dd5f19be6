/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program's face: files, each with its verdict; or seeds, over all cores, with figures at the
 * end; and of what failed the smallest scenario that still fails, and how to see it again.
 */
#include "test/sim/sim.h"

#include "base/parse.h"
#include "test/sim/commit.h"
#include "test/sim/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: berth-sim --seeds A..B [--hosts N] [--minutes M] [--jobs J]\n"
    "       berth-sim --seed N [--hosts N] [--minutes M]    one seed, with its transcript\n"
    "       berth-sim show --seed N [...]                   the scenario that a seed stands for\n"
    "       berth-sim run [--accept] [--quiet] [--once] FILE...    scenario files\n";

struct arguments {
    uint64_t first, last;
    uint32_t hosts, minutes, jobs;
    bool has_seeds, is_single, is_show, is_run, accepts, is_quiet, is_once;
};

/* ---- seeds ---- */

/* What a worker tells of one seed; smaller than PIPE_BUF, so it arrives in one piece. */
struct report {
    uint64_t seed;
    bool has_failed, has_crashed;
    struct sim_statistics statistics;
    char violation[400];
};

/* What is told should the seed that runs now end its worker. */
static struct report last_words = {
    .has_failed = true,
    .has_crashed = true,
    .statistics.runs = 1,
    .violation = "the core crashed, or a check within it",
};
static int last_words_to;

static void on_crash(int number)
{
    (void)!write(last_words_to, &last_words, sizeof(last_words));
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* A sanitizer that has its own handler tells more. */
static void hear_crashes(int to)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    last_words_to = to;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
            (void)signal(numbers[i], on_crash);
        }
    }
}

static void work(const struct arguments *arguments, uint32_t job, int to)
{
    hear_crashes(to);
    for (uint64_t seed = arguments->first + job; seed <= arguments->last; seed += arguments->jobs) {
        last_words.seed = seed;
        struct scenario scenario;
        struct sim_result result = {0};
        struct report report = {.seed = seed};
        swarm_draw(seed, arguments->hosts, arguments->minutes, &scenario);
        sim_run(&scenario, &(struct sim_options){0}, &result);
        report.has_failed = result.has_failed;
        report.statistics = result.statistics;
        memcpy(report.violation, result.violation, sizeof(report.violation));
        sim_result_done(&result);
        scenario_done(&scenario);
        if (write(to, &report, sizeof(report)) != (ssize_t)sizeof(report)) {
            return;
        }
    }
}

static void print_statistics(const struct sim_statistics *s, double seconds)
{
    double hours = (double)s->simulated_ms / 3600000.0;
    printf("%llu seeds in %.1f s (%.1f a second): %.1f hours simulated, %llu events, "
           "%llu transactions\n",
           (unsigned long long)s->runs, seconds, (double)s->runs / seconds, hours,
           (unsigned long long)s->events, (unsigned long long)s->transactions);
    printf("%llu host failures (%.0f an hour of wall time), %llu VM starts, %llu failovers, "
           "%llu berthds out of memory\n",
           (unsigned long long)s->host_failures, (double)s->host_failures * 3600.0 / seconds,
           (unsigned long long)s->starts, (unsigned long long)s->failovers,
           (unsigned long long)s->memory_failures);
}

static void say_again(const struct arguments *arguments, const struct report *report)
{
    printf("---- again: berth-sim --seed %llu", (unsigned long long)report->seed);
    if (arguments->hosts) {
        printf(" --hosts %u", arguments->hosts);
    }
    if (arguments->minutes) {
        printf(" --minutes %u", arguments->minutes);
    }
    printf("\n");
}

static void show_smallest(const struct arguments *arguments, const struct report *report)
{
    struct scenario scenario;
    struct sim_result result = {0};
    struct buf text = {0};
    swarm_draw(report->seed, arguments->hosts, arguments->minutes, &scenario);
    sim_run(&scenario, &(struct sim_options){0}, &result);
    shrink(&scenario, result.kind, 300);
    sim_result_done(&result);
    result = (struct sim_result){0};
    scenario_write(&scenario, &text);
    printf("---- the smallest scenario found that fails (berth-sim run FILE):\n%s---- its "
           "transcript:\n",
           buf_str(&text));
    sim_run(&scenario, &(struct sim_options){.prints = true}, &result);
    printf("%lld ms: VIOLATION: %s\n", (long long)result.violation_ms, result.violation);
    buf_done(&text);
    sim_result_done(&result);
    scenario_done(&scenario);
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool start_jobs(const struct arguments *arguments, int *ret_from)
{
    int ends[2];
    if (pipe(ends) < 0) {
        return false;
    }
    (void)fflush(NULL);
    for (uint32_t job = 0; job < arguments->jobs; job++) {
        pid_t pid = fork();
        if (pid < 0) {
            return false;
        }
        if (pid == 0) {
            (void)close(ends[0]);
            work(arguments, job, ends[1]);
            _exit(0);
        }
    }
    (void)close(ends[1]);
    *ret_from = ends[0];
    return true;
}

static int run_seeds(const struct arguments *arguments)
{
    struct sim_statistics sum = {0};
    struct report report, first = {0};
    uint64_t failed = 0;
    int from, status;
    bool has_died = false;
    double began_s = now_s();
    printf("berth-sim: seeds %llu..%llu, commit %s\n", (unsigned long long)arguments->first,
           (unsigned long long)arguments->last, berth_commit);
    if (!start_jobs(arguments, &from)) {
        perror("berth-sim");
        return 1;
    }
    while (read(from, &report, sizeof(report)) == (ssize_t)sizeof(report)) {
        sim_statistics_add(&sum, &report.statistics);
        if (report.has_failed) {
            printf("seed %llu: %s\n", (unsigned long long)report.seed, report.violation);
            first = failed == 0 || report.seed < first.seed ? report : first;
            failed++;
        }
    }
    (void)close(from);
    while (wait(&status) > 0) {
        has_died |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    print_statistics(&sum, now_s() - began_s);
    if (failed > 0) {
        printf("seed %llu: %s\n", (unsigned long long)first.seed, first.violation);
        if (!first.has_crashed) {
            show_smallest(arguments, &first);
        }
        say_again(arguments, &first);
    }
    printf("%llu of %llu seeds failed%s\n", (unsigned long long)failed,
           (unsigned long long)sum.runs,
           has_died ? "; a worker died, and its other seeds did not run" : "");
    return failed > 0 || has_died;
}

static int run_seed(const struct arguments *arguments)
{
    struct scenario scenario;
    struct sim_result result = {0};
    printf("berth-sim: seed %llu, commit %s\n", (unsigned long long)arguments->first, berth_commit);
    swarm_draw(arguments->first, arguments->hosts, arguments->minutes, &scenario);
    sim_run(&scenario, &(struct sim_options){.prints = true}, &result);
    if (result.has_failed) {
        printf("%lld ms: VIOLATION: %s\n", (long long)result.violation_ms, result.violation);
    }
    printf("trace %016llx\n", (unsigned long long)result.hash);
    bool has_failed = result.has_failed;
    sim_result_done(&result);
    scenario_done(&scenario);
    return has_failed;
}

static int show_seed(const struct arguments *arguments)
{
    struct scenario scenario;
    struct buf text = {0};
    swarm_draw(arguments->first, arguments->hosts, arguments->minutes, &scenario);
    scenario_write(&scenario, &text);
    (void)fputs(buf_str(&text), stdout);
    buf_done(&text);
    scenario_done(&scenario);
    return 0;
}

/* ---- files ---- */

static int run_files(const struct arguments *arguments, int argc, char **argv, int at)
{
    int failed = 0, count = 0;
    for (; at < argc; at++) {
        if (argv[at][0] == '-') {
            continue;
        }
        struct file_options options = {.accepts = arguments->accepts,
                                       .is_once = arguments->is_once,
                                       .prints = !arguments->is_quiet};
        struct buf report = {0};
        bool is_good = file_run(argv[at], &options, NULL, &report);
        (void)fputs(buf_str(&report), stdout);
        buf_done(&report);
        failed += !is_good;
        count++;
    }
    printf("%d of %d scenarios failed\n", failed, count);
    return failed > 0 || count == 0;
}

/* ---- arguments ---- */

static bool take_number(const char *text, uint32_t *ret)
{
    uint64_t value;
    if (!text || !parse_u64(text, UINT32_MAX, &value)) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

static bool take_seeds(const char *text, struct arguments *ret)
{
    char first[32] = "";
    const char *dots = text ? strstr(text, "..") : NULL;
    if (!dots || (size_t)(dots - text) >= sizeof(first)) {
        return false;
    }
    memcpy(first, text, (size_t)(dots - text));
    ret->has_seeds = true;
    return parse_u64(first, UINT64_MAX / 2, &ret->first) &&
           parse_u64(dots + 2, UINT64_MAX / 2, &ret->last) && ret->first <= ret->last;
}

static bool take_argument(char **argv, int *at, struct arguments *ret)
{
    const char *word = argv[*at], *value = argv[*at + 1];
    bool has_value = true, is_good = false;
    if (strcmp(word, "--seeds") == 0) {
        is_good = take_seeds(value, ret);
    } else if (strcmp(word, "--seed") == 0) {
        ret->is_single = true;
        is_good = value && parse_u64(value, UINT64_MAX / 2, &ret->first);
    } else if (strcmp(word, "--hosts") == 0) {
        is_good = take_number(value, &ret->hosts) && ret->hosts >= 2 && ret->hosts <= nodes_max;
    } else if (strcmp(word, "--minutes") == 0) {
        is_good = take_number(value, &ret->minutes) && ret->minutes >= 1;
    } else if (strcmp(word, "--jobs") == 0) {
        is_good = take_number(value, &ret->jobs) && ret->jobs >= 1;
    } else {
        has_value = false;
        ret->accepts |= ret->is_run && strcmp(word, "--accept") == 0;
        ret->is_quiet |= ret->is_run && strcmp(word, "--quiet") == 0;
        ret->is_once |= ret->is_run && strcmp(word, "--once") == 0;
        is_good = ret->is_run && (word[0] != '-' || strcmp(word, "--accept") == 0 ||
                                  strcmp(word, "--quiet") == 0 || strcmp(word, "--once") == 0);
    }
    *at += 1 + has_value;
    return is_good;
}

int sim_main(int argc, char **argv)
{
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct arguments arguments = {.jobs = cores > 0 ? (uint32_t)cores : 1};
    int at = 1;
    arguments.is_run = argc > 1 && strcmp(argv[1], "run") == 0;
    arguments.is_show = argc > 1 && strcmp(argv[1], "show") == 0;
    at += arguments.is_run || arguments.is_show;
    while (at < argc) {
        if (!take_argument(argv, &at, &arguments)) {
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (arguments.is_run) {
        return run_files(&arguments, argc, argv, 2);
    }
    if (arguments.is_single) {
        return arguments.is_show ? show_seed(&arguments) : run_seed(&arguments);
    }
    if (!arguments.has_seeds) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return run_seeds(&arguments);
}
