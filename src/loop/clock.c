/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop/clock.h"

#include <assert.h>
#include <time.h>

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    int r = clock_gettime(clock, &now);
    assert(r == 0); /* fails only for a clock that does not exist */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t clock_ms(clockid_t clock)
{
    return clock_us(clock) / 1000;
}

int64_t clock_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

msec_t clock_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

msec_t clock_boottime_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}
