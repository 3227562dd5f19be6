/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * This node's watchdog: when it is armed, petted and let go. The times and why they suffice are in
 * docs/SAFETY.md.
 *
 *             found usable            arm it             it is armed
 *    ABSENT ---------------> IDLE ------------> BEGUN ---------------> ARMED
 *       |                    ^  ^                  |                     |
 *       |                    |  `------ failed ----'                     | other settings
 *       |                    |                                           v
 *       |                    `---- let go, once the others know ---- RELEASING
 *       `--- found ticking: a berthd before us armed it ---> ARMED
 *
 * RELEASING: it still ticks, and heartbeats say already that it does not. So no one takes our
 * silence for proof of a reset that would not come.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

#define ARMING_LIST(X)                                                                             \
    X(ARMING_ABSENT, "absent")                                                                     \
    X(ARMING_IDLE, "idle")                                                                         \
    X(ARMING_BEGUN, "arming")                                                                      \
    X(ARMING_ARMED, "armed")                                                                       \
    X(ARMING_RELEASING, "releasing")
ENUM_DECLARE(arming_state, ARMING_LIST)

/* False without memory. */
bool arming_init(struct core *core);
void arming_event(struct core *core, const struct core_event *event);
/*
 * A member's: arms it, or has it released. 'has_ack': a heartbeat of this incarnation has been
 * acknowledged to this process; 'is_steady': and none was missed since. It is armed only while they
 * are: opening it pets it, and a host that is not heard must not be kept alive.
 */
void arming_step(struct core *core, bool has_ack, bool is_steady);

/* It ticks, and heartbeats may say so; with what time-out (0: it does not). */
bool arming_is_armed(const struct core *core);
msec_t arming_armed_ms(const struct core *core);
/* We hold it open: it resets the host if no one pets it. */
bool arming_is_held(const struct core *core);

/* Not if that comes after 'deadline_ms': a pet after we were frozen would outlive the others'
 * patience. Also while it is idle: some watchdogs cannot be stopped any more. */
void arming_pet(struct core *core, msec_t deadline_ms);
/* A heartbeat was sent that says 'is_armed'. */
void arming_is_told(struct core *core, bool is_armed);
/* The store has that heartbeat. */
void arming_is_known(struct core *core);
/* Lets it go for good: we leave. */
void arming_let_go(struct core *core);
