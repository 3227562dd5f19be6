/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds a shutdown up, and what does not: a child process plays the berthd that runs. */
#include "test/test.h"

#include "run/departure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { long_ms = 10000 };

static char run_dir[40];
static char lock_path[60];
static char *told;
static size_t told_size;
static struct error err;

static void begin(void)
{
    strcpy(run_dir, "/tmp/berth-departure-XXXXXX");
    REQUIRE(mkdtemp(run_dir));
    (void)snprintf(lock_path, sizeof(lock_path), "%s/berthd.lock", run_dir);
    err.text[0] = '\0';
}

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Holds the lock, waits for the question, gives the answers, one each 300 ms, and lives on, or
 * ends without a word. */
static pid_t play_berthd(const uint32_t *answers, size_t len, bool ends)
{
    int ready[2];
    char byte = 0;
    REQUIRE(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(lock_path, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(ready[1], &byte, 1) != 1) {
            _exit(1);
        }
        while (!departure_take(run_dir)) {
            pause_ms(10);
        }
        for (size_t i = 0; i < len; i++) {
            departure_tell(run_dir, answers[i]);
            pause_ms(300);
        }
        if (!ends) {
            (void)pause();
        }
        _exit(0);
    }
    REQUIRE(pid > 0 && read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static int wait_for_departure(msec_t limit_ms)
{
    free(told);
    FILE *out = open_memstream(&told, &told_size);
    REQUIRE(out);
    int r = departure_wait(run_dir, limit_ms, out, &err);
    (void)fclose(out);
    return r;
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

TEST(a_shutdown_waits_until_no_vm_is_left_and_says_how_many_there_are)
{
    begin();
    pid_t pid = play_berthd((const uint32_t[]){2, 1, 0}, 3, false);
    CHECK_INT(wait_for_departure(long_ms), 0);
    CHECK_HAS(told, "waiting for 2 VMs to leave this host\n");
    CHECK_HAS(told, "waiting for 1 VM to leave this host\n");
    CHECK_HAS(told, "no VM holds this host up any more");
    end(pid);
}

TEST(the_answer_to_an_earlier_question_is_not_taken_for_one)
{
    begin();
    departure_tell(run_dir, 0);
    pid_t pid = play_berthd((const uint32_t[]){1}, 1, false);
    CHECK_INT(wait_for_departure(800), -ETIMEDOUT);
    CHECK_HAS(err.text, "still waits");
    end(pid);
}

TEST(a_berthd_that_does_not_run_holds_nothing_up)
{
    begin();
    CHECK_INT(wait_for_departure(long_ms), 0);
    CHECK_HAS(told, "nothing to wait for");
}

TEST(a_berthd_that_ends_meanwhile_holds_nothing_up)
{
    begin();
    pid_t pid = play_berthd((const uint32_t[]){3}, 1, true);
    CHECK_INT(wait_for_departure(long_ms), 0);
    end(pid);
}

TEST(a_question_is_taken_once)
{
    begin();
    CHECK(!departure_take(run_dir));
}
