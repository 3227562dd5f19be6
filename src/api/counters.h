/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one berth-api has counted since it started; shown by /metrics. The caller has the clock. */
#pragma once

#include "model/world.h"

enum { counters_status_max = 600, counters_bucket_len = 9 };

struct counters {
    uint64_t answers[counters_status_max]; /* by HTTP status */
    uint64_t buckets[counters_bucket_len]; /* of committed transactions, by time: not summed up */
    uint64_t store_count, store_us;        /* all of them, and their time together */
    uint64_t store_failures;               /* neither committed nor refused by a guard */
    uint64_t failovers; /* VMs placed on another host although the last did not end orderly */
    uint64_t restarts;  /* the same, on one host */
};

/* The upper edge of each bucket in microseconds; the last one is UINT64_MAX. */
extern const uint64_t counters_edges_us[counters_bucket_len];

void counters_answer(struct counters *counters, unsigned status);
/* A transaction that was answered after so long. */
void counters_store(struct counters *counters, bool is_answered, uint64_t spent_us);
/* A record that comes, before it is in the world. */
void counters_record(struct counters *counters, const struct world *world,
                     const struct record *record);
