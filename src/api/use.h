/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The use of processors and memory in the last hour, of each host and VM: what their hosts told
 * while this API listened. Kept in memory by who calls the API, and lost with it.
 */
#pragma once

#include "base/vec.h"
#include "model/record.h"

enum {
    use_samples_max = 120, /* an hour, by one each 30 s */
    use_stale_ms = 100 * 1000,
};

struct use_sample {
    msec_t at_ms;
    uint32_t cpu_milli;
    uint32_t memory_mib;
};

/* Of a host or a VM: the newest last. */
struct use_track {
    char name[name_size];
    VEC(struct use_sample) samples;
};

typedef VEC(struct use_track) use_tracks_t;

struct use_history {
    use_tracks_t nodes, vms; /* by name */
    msec_t swept_ms;         /* when what is too old was last forgotten */
};

void use_history_done(struct use_history *history);

/* A record that was just told, not one of a snapshot: others are passed over. What is older than
 * an hour is forgotten within a minute. False without memory. */
bool use_history_add(struct use_history *history, const struct record *record, msec_t now_ms);

/* NULL: nothing is known of it. Lent until the next addition. */
const struct use_track *use_history_node(const struct use_history *history, const char *name);
const struct use_track *use_history_vm(const struct use_history *history, const char *name);
