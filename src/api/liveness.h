/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When did each node's heartbeat last advance, by our own clock? A node's record in the store says
 * nothing about now: only that its counter moved while we watched does.
 */
#pragma once

#include "base/vec.h"
#include "model/record.h"

struct heard {
    char node[name_size];
    uint64_t incarnation;
    uint64_t counter;
    msec_t first_ms;    /* when we saw the record at all */
    msec_t advanced_ms; /* when it last moved; MSEC_NEVER: not while we watched */
};

struct liveness {
    VEC(struct heard) nodes; /* by name */
};

void liveness_done(struct liveness *liveness);

/* Each 'alive' record goes in here, as it comes. False without memory. */
bool liveness_observe(struct liveness *liveness, const struct record *alive, msec_t now_ms);

/* NULL: never heard of. Lent until the next observation. */
const struct heard *liveness_find(const struct liveness *liveness, const char *node);

#define PULSE_LIST(X)                                                                              \
    X(PULSE_NONE, "none")       /* never heard of */                                               \
    X(PULSE_UNKNOWN, "unknown") /* watched for too short a time */                                 \
    X(PULSE_ALIVE, "alive")                                                                        \
    X(PULSE_SILENT, "silent") /* for 'silent_ms' */
ENUM_DECLARE(pulse, PULSE_LIST)

/* Silent: the counter has not advanced for three heartbeats. '*ret_silent_ms' is since when. */
enum pulse liveness_pulse(const struct liveness *liveness, const char *node, msec_t heartbeat_ms,
                          msec_t now_ms, msec_t *ret_silent_ms);
