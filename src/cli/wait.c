/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/wait.h"

#include "base/cleanup.h"

#include "base/parse.h"
#include "loop/clock.h"
#include "loop/retry.h"

#include <string.h>

enum { interval_ms = 250, timeout_default_s = 300, timeout_long_s = 1800 };

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

static int wait_for(struct cli *cli, wait_look look, void *userdata, uint64_t timeout_s)
{
    const char *given = cli_option(cli, "timeout");
    if (given && !parse_u64(given, 1000000, &timeout_s)) {
        return cli_fail(cli, EXIT_USAGE, "--timeout takes seconds, not \"%s\"", given);
    }
    msec_t start_ms = clock_monotonic_ms();
    for (;;) {
        CLEANUP(freep) char *text = NULL;
        int r = look(cli, userdata, &text);
        msec_t since_ms = clock_monotonic_ms() - start_ms;
        if (r >= 0) {
            wipe(cli);
            return r;
        }
        if (since_ms >= (msec_t)timeout_s * 1000) {
            wipe(cli);
            return cli_fail(cli, EXIT_TIMEOUT, "not done within %llu s: %s; it goes on by itself",
                            (unsigned long long)timeout_s, text ? text : "");
        }
        show(cli, text ? text : "", since_ms);
        retry_pause(interval_ms);
    }
}

int wait_until(struct cli *cli, wait_look look, void *userdata)
{
    return wait_for(cli, look, userdata, timeout_default_s);
}

int wait_long(struct cli *cli, wait_look look, void *userdata)
{
    return wait_for(cli, look, userdata, timeout_long_s);
}
