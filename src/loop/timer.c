/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop/timer.h"

#include "loop/clock.h"

#include <assert.h>

enum { accuracy_us = 1000, exact_us = 1 };

static int on_timer_fired(sd_event_source *source, uint64_t time_us, void *userdata)
{
    struct loop_timer *timer = userdata;
    (void)source, (void)time_us;
    timer->fire(timer->userdata);
    return 0;
}

int loop_timer_init(struct loop_timer *timer, sd_event *event, clockid_t clock,
                    void (*fire)(void *userdata), void *userdata)
{
    *timer = (struct loop_timer){.fire = fire, .userdata = userdata};
    int r = sd_event_add_time(event, &timer->source, clock, 0, accuracy_us, on_timer_fired, timer);
    if (r < 0) {
        return r;
    }
    return sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
}

void loop_timer_done(struct loop_timer *timer)
{
    timer->source = sd_event_source_disable_unref(timer->source);
}

void loop_timer_at(struct loop_timer *timer, msec_t at_ms)
{
    if (at_ms == MSEC_NEVER) {
        (void)sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_source_set_time(timer->source, (uint64_t)MAX(at_ms, INT64_C(0)) * 1000);
    (void)sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
}

void loop_timer_after(struct loop_timer *timer, msec_t span_ms)
{
    assert(span_ms >= 0);
    (void)sd_event_source_set_time_relative(timer->source, (uint64_t)span_ms * 1000);
    (void)sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
}

int loop_timer_be_idle(struct loop_timer *timer)
{
    return sd_event_source_set_priority(timer->source, SD_EVENT_PRIORITY_IDLE);
}

int loop_fire_after(sd_event *event, sd_event_source **source, msec_t span_ms,
                    sd_event_time_handler_t fire, void *userdata)
{
    /* Not the loop's cached time: a limit counts from the call. */
    uint64_t at_us = (uint64_t)(clock_monotonic_ms() + span_ms) * 1000;
    if (!*source) {
        return sd_event_add_time(event, source, CLOCK_MONOTONIC, at_us, exact_us, fire, userdata);
    }
    int r = sd_event_source_set_time(*source, at_us);
    if (r < 0) {
        return r;
    }
    return sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
}

msec_t loop_now_ms(sd_event *event)
{
    uint64_t now_us = 0;
    (void)sd_event_now(event, CLOCK_MONOTONIC, &now_us);
    return (msec_t)(now_us / 1000);
}
