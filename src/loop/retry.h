/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking again until something is so, for programs and threads that may block: the command line,
 * the making of a cluster, the processes that bind drivers. Never on a loop, which has timer.h.
 *
 *     struct retry retry = retry_begin(limit_ms, pause_ms);
 *     do {
 *         r = try();
 *     } while (r < 0 && retry_wait(&retry));
 *
 * So there is always one try, and what the last one said is the answer.
 */
#pragma once

#include "base/types.h"

#include <stdbool.h>

struct retry {
    msec_t end_ms;   /* on the monotonic clock */
    msec_t pause_ms; /* between two looks */
};

struct retry retry_begin(msec_t limit_ms, msec_t pause_ms);

/* Waits until the next look; false, at once: the time is over. */
bool retry_wait(const struct retry *retry);

/* Waits so long; a signal may end it earlier. */
void retry_pause(msec_t ms);
