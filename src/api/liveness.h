/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is each node heard? berth-api watches no heartbeats: the coordinator tells what it hears, in a
 * summary that it writes when it changes, and its pulse moves every second while that holds. A
 * summary says nothing of now unless the pulse that has its number moved lately, by our own clock,
 * while we watched: else all nodes are unknown. For display and refusals; no proof follows from it.
 */
#pragma once

#include "base/vec.h"
#include "model/world.h"

struct heard {
    char node[name_size];
    enum pulse told;
    uint64_t incarnation;
    msec_t silent_since_ms; /* by our clock, as the coordinators told; MSEC_NEVER: it is not */
};

struct liveness {
    VEC(struct heard) nodes; /* by name */
    uint64_t term, number;   /* of the summary */
    bool has_summary;
    revision_t pulse_revision; /* 0: none was seen since the last snapshot began */
    uint64_t pulse_term, pulse_summary;
    msec_t moved_ms;   /* when it last moved; MSEC_NEVER: not while we watched */
    msec_t watched_ms; /* since when we watch; MSEC_NEVER: not yet */
};

extern const struct liveness liveness_none;

void liveness_done(struct liveness *liveness);

/* The store is told from the start again: 'reset' and 'synced' of its stream. What is left of a
 * summary that is no longer there is forgotten. */
void liveness_reset(struct liveness *liveness);
void liveness_synced(struct liveness *liveness, msec_t now_ms);

/* Each pulse and summary goes in here, as it comes; others are passed over. What a summary says of
 * the last heartbeats is put into 'world', as if they had been read there. False without memory. */
bool liveness_observe(struct liveness *liveness, struct world *world, const struct record *record,
                      msec_t now_ms);

/* NULL: never heard of. Lent until the next observation. */
const struct heard *liveness_find(const struct liveness *liveness, const char *node);

/* Whether a coordinator is heard; PULSE_UNKNOWN while we have watched for too short a time. */
enum pulse liveness_coordinator(const struct liveness *liveness,
                                const struct cluster_settings *settings, msec_t now_ms);

/* Whether what the coordinator told last holds now; else nothing is known. */
bool liveness_is_current(const struct liveness *liveness, const struct cluster_settings *settings,
                         msec_t now_ms);

/* '*ret_silent_ms': for how long a silent one is. */
enum pulse liveness_pulse(const struct liveness *liveness, const char *node,
                          const struct cluster_settings *settings, msec_t now_ms,
                          msec_t *ret_silent_ms);
