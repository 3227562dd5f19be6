/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/wait.h"

#include "base/cleanup.h"

#include "base/parse.h"
#include "loop/clock.h"
#include "loop/retry.h"

#include <string.h>

enum { interval_ms = 250, timeout_default_s = 300, timeout_long_s = 1800, brief_s = 60 };

bool wait_is_wanted(const struct cli *cli)
{
    return !cli_option(cli, "no-wait");
}

/* One line that is written over; only where someone looks. */
static void show(const struct cli *cli, const char *text, msec_t since_ms)
{
    if (cli->has_progress) {
        (void)fprintf(cli->err, "\r\033[K%s (%lld s)", text, (long long)since_ms / 1000);
        (void)fflush(cli->err);
    }
}

static void wipe(const struct cli *cli)
{
    if (cli->has_progress) {
        (void)fputs("\r\033[K", cli->err);
        (void)fflush(cli->err);
    }
}

/* The seconds of --timeout; EXIT_USAGE, said, if these are none. */
static int read_timeout(struct cli *cli, uint64_t *timeout_s)
{
    const char *given = cli_option(cli, "timeout");
    return !given || parse_u64(given, 1000000, timeout_s)
               ? EXIT_OK
               : cli_fail(cli, EXIT_USAGE, "--timeout takes seconds, not \"%s\"", given);
}

/* Negative, how it stands in '*ret_text' (caller frees): the time is up. */
static int wait_for(struct cli *cli, wait_look look, void *userdata, uint64_t timeout_s,
                    char **ret_text)
{
    msec_t start_ms = clock_monotonic_ms();
    for (;;) {
        CLEANUP(freep) char *text = NULL;
        int r = look(cli, userdata, &text);
        msec_t since_ms = clock_monotonic_ms() - start_ms;
        if (r >= 0 || since_ms >= (msec_t)timeout_s * 1000) {
            wipe(cli);
            *ret_text = TAKE(text);
            return r;
        }
        show(cli, text ? text : "", since_ms);
        retry_pause(interval_ms);
    }
}

static int wait_or_fail(struct cli *cli, wait_look look, void *userdata, uint64_t timeout_s)
{
    CLEANUP(freep) char *text = NULL;
    int r = read_timeout(cli, &timeout_s);
    r = r == EXIT_OK ? wait_for(cli, look, userdata, timeout_s, &text) : r;
    return r >= 0 ? r
                  : cli_fail(cli, EXIT_TIMEOUT, "not done within %llu s: %s; it goes on by itself",
                             (unsigned long long)timeout_s, text ? text : "");
}

int wait_until(struct cli *cli, wait_look look, void *userdata)
{
    return wait_or_fail(cli, look, userdata, timeout_default_s);
}

int wait_long(struct cli *cli, wait_look look, void *userdata)
{
    return wait_or_fail(cli, look, userdata, timeout_long_s);
}

int wait_briefly(struct cli *cli, wait_look look, void *userdata)
{
    CLEANUP(freep) char *text = NULL;
    uint64_t timeout_s = brief_s;
    int r = read_timeout(cli, &timeout_s);
    timeout_s = MIN(timeout_s, (uint64_t)brief_s);
    return r == EXIT_OK ? wait_for(cli, look, userdata, timeout_s, &text) : r;
}
