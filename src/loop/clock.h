/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only place that asks the system for the time. */
#pragma once

#include "base/types.h"

/* Since some moment in the past; stops while the host is suspended. For limits and pauses. */
msec_t clock_monotonic_ms(void);

/* The same, finer. */
int64_t clock_monotonic_us(void);

/* The same, but goes on while the host is suspended: a host that slept must notice how long, or it
 * would take an old heartbeat for a fresh one. For everything that fencing is derived from. */
msec_t clock_boottime_ms(void);

/* Since 1970. For people and for expiry dates; never to measure a span, since it can be set. */
int64_t clock_wall_ms(void);
