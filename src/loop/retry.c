/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop/retry.h"

#include "loop/clock.h"

#include <assert.h>
#include <time.h>

struct retry retry_begin(msec_t limit_ms, msec_t pause_ms)
{
    assert(pause_ms > 0); /* else it would spin */
    return (struct retry){.end_ms = clock_monotonic_ms() + limit_ms, .pause_ms = pause_ms};
}

void retry_pause(msec_t ms)
{
    const struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&span, NULL);
}

bool retry_wait(const struct retry *retry)
{
    if (clock_monotonic_ms() >= retry->end_ms) {
        return false;
    }
    retry_pause(retry->pause_ms);
    return true;
}
