/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/counters.h"

#include <string.h>

const uint64_t counters_edges_us[counters_bucket_len] = {
    1000, 2500, 5000, 10000, 50000, 100000, 500000, 1000000, UINT64_MAX,
};

void counters_answer(struct counters *counters, unsigned status)
{
    if (status > 0 && status < counters_status_max) {
        counters->answers[status]++;
    }
}

void counters_store(struct counters *counters, bool is_answered, uint64_t spent_us)
{
    if (!is_answered) {
        counters->store_failures++;
        return;
    }
    size_t bucket = 0;
    while (spent_us > counters_edges_us[bucket]) {
        bucket++;
    }
    counters->buckets[bucket]++;
    counters->store_count++;
    counters->store_us += spent_us;
}

void counters_record(struct counters *counters, const struct world *world,
                     const struct record *record)
{
    if (record->key.kind != RECORD_VM_PLACEMENT || record->placement->phase != PLACEMENT_START) {
        return;
    }
    const struct record *old = world_find_key(world, &record->key);
    const struct record *status = world_find(world, RECORD_VM_STATUS, record->key.name);
    if (!old || !status || record->placement->epoch <= old->placement->epoch ||
        status->status->state == VM_STATE_STOPPED) {
        return; /* as before, the first start, or a move: that ends orderly */
    }
    if (strcmp(status->status->node, record->placement->node) == 0) {
        counters->restarts++;
    } else {
        counters->failovers++;
    }
}
