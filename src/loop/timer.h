/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A timer on the event loop that fires once each time it is set. Embed it in what it belongs to;
 * {0} is a timer that was never set up and may be given to loop_timer_done().
 */
#pragma once

#include "base/types.h"

#include <systemd/sd-event.h>
#include <time.h>

struct loop_timer {
    sd_event_source *source;
    void (*fire)(void *userdata);
    void *userdata;
};

/* 'fire' may free the timer with its owner. Off until it is set. 'clock': CLOCK_MONOTONIC or
 * CLOCK_BOOTTIME. Negative errno. */
int loop_timer_init(struct loop_timer *timer, sd_event *event, clockid_t clock,
                    void (*fire)(void *userdata), void *userdata);
void loop_timer_done(struct loop_timer *timer);

/* Fires at that time of its clock, at once if it has passed; MSEC_NEVER turns it off. Replaces what
 * was set before. */
void loop_timer_at(struct loop_timer *timer, msec_t at_ms);

/* Fires 'span_ms' after the time at which the loop woke up. */
void loop_timer_after(struct loop_timer *timer, msec_t span_ms);

/* Fires only when nothing else waits. Negative errno. */
int loop_timer_be_idle(struct loop_timer *timer);

/* For timers that are seldom needed: '*source' (NULL at first) is made when it is first set. Fires
 * once, 'span_ms' from now. The caller's (sd_event_source_disable_unref). Negative errno. */
int loop_fire_after(sd_event *event, sd_event_source **source, msec_t span_ms,
                    sd_event_time_handler_t fire, void *userdata);

/* The time at which the loop woke up: what all of one round share. */
msec_t loop_now_ms(sd_event *event);
