/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running an event loop until something holds, with a limit. */
#pragma once

#include "base/types.h"
#include "test/test.h"

#include <systemd/sd-event.h>
#include <time.h>

static inline msec_t loop_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (msec_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Runs the loop until 'condition' holds; the test ends if it does not within 'limit_ms'. */
#define LOOP_UNTIL(event, condition, limit_ms)                                                     \
    do {                                                                                           \
        msec_t loop_end_ = loop_now_ms() + (limit_ms);                                             \
        while (!(condition)) {                                                                     \
            if (loop_now_ms() > loop_end_) {                                                       \
                test_fail(__FILE__, __LINE__, "not within %d ms: %s", (int)(limit_ms),             \
                          #condition);                                                             \
                test_abandon();                                                                    \
            }                                                                                      \
            REQUIRE(sd_event_run((event), 20000) >= 0);                                            \
        }                                                                                          \
    } while (0)

/* Runs the loop for 'span_ms', while 'condition' must go on holding. */
#define LOOP_WHILE(event, condition, span_ms)                                                      \
    do {                                                                                           \
        msec_t loop_end_ = loop_now_ms() + (span_ms);                                              \
        while (loop_now_ms() < loop_end_) {                                                        \
            if (!(condition)) {                                                                    \
                test_fail(__FILE__, __LINE__, "held no longer: %s", #condition);                   \
                test_abandon();                                                                    \
            }                                                                                      \
            REQUIRE(sd_event_run((event), 20000) >= 0);                                            \
        }                                                                                          \
    } while (0)
