/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a coordinator would tell an API of the heartbeats in 'world'. */
#pragma once

#include "api/liveness.h"

#include <assert.h>
#include <string.h>

static inline void tell_record(struct liveness *liveness, struct world *world,
                               struct record *record, revision_t revision, msec_t now_ms)
{
    record->revision = revision;
    bool is_kept = liveness_observe(liveness, world, record, now_ms);
    assert(is_kept);
    record_unref(record);
}

/* 'number' grows: of the summary, and the revision of the pulse. 'pulse_of': NULL: all are alive.
 */
static inline void tell_heartbeats(struct liveness *liveness, struct world *world, uint64_t number,
                                   msec_t now_ms,
                                   enum pulse (*pulse_of)(const char *node, msec_t *ret_silent_ms))
{
    struct record *summary = record_new(RECORD_BEAT_SUMMARY, NULL, NULL);
    struct record *pulse = record_new(RECORD_PULSE, NULL, NULL);
    assert(summary && pulse);
    summary->summary->number = pulse->pulse->summary = number;
    WORLD_EACH(world, RECORD_NODE_ALIVE, each) {
        const struct node_alive *alive = (*each)->alive;
        struct heard_host *host = VEC_ADD(&summary->summary->hosts);
        *host = (struct heard_host){
            .pulse = PULSE_ALIVE,
            .revision = (*each)->revision,
            .incarnation = alive->incarnation,
            .counter = alive->counter,
            .is_watchdog_armed = alive->is_watchdog_armed,
            .watchdog_ms = alive->watchdog_ms,
            .has_left = alive->has_left,
            .is_going_down = alive->is_going_down,
            .on_shutdown = alive->on_shutdown,
        };
        memcpy(host->name, (*each)->key.name, sizeof(host->name));
        if (pulse_of) {
            host->pulse = pulse_of(host->name, &host->silent_ms);
        }
    }
    tell_record(liveness, world, summary, world->revision, now_ms);
    tell_record(liveness, world, pulse, (revision_t)number, now_ms);
}
