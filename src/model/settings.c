/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The times of the fencing argument and the relations that they must keep: docs/SAFETY.md derives
 * each. 's' below is when a host sent its last acknowledged heartbeat, 'o' >= s when another saw
 * it. */
#include "model/settings.h"

#include <assert.h>
#include <errno.h>

enum {
    heartbeat_ms = 1000,
    leader_silence_ms = 3000,
    power_fence_ms = 4000,
    self_stop_ms = 5000,
    self_stop_span_ms = 1000,
    watchdog_ms = 6000,
    takeover_ms = 8000,
    cold_start_ms = 120000,
    /* systemd gives a whole shutdown half an hour, then resets. */
    shutdown_limit_ms = 300000,
    shutdown_limit_min_ms = 10000,
    shutdown_limit_max_ms = 1500000,
    /* What people take for a hiccup, and what QEMU itself aims at. */
    migration_pause_ms = 300,
    migration_pause_min_ms = 1,
    migration_pause_max_ms = 10000,
    migration_limit_min_ms = 10000,
    migration_limit_max_ms = 24 * 3600 * 1000,
};

/* Clock rates of two hosts may differ by 1 %; kernels promise far less (500 ppm). */
#define DRIFT(ms) ((ms) / 100)

/* The last pet is at most one heartbeat limit after s. */
static_assert(heartbeat_ms + watchdog_ms + DRIFT(takeover_ms) < takeover_ms, "takeover too early");
static_assert(self_stop_ms + self_stop_span_ms <= heartbeat_ms + watchdog_ms, "self-stop too late");
static_assert(2 * heartbeat_ms < leader_silence_ms, "one lost heartbeat must not cost the lead");
static_assert(leader_silence_ms < takeover_ms, "a new coordinator must be there in time");

const struct cluster_settings cluster_settings_default = {
    .name = "berth",
    .heartbeat_ms = heartbeat_ms,
    .leader_silence_ms = leader_silence_ms,
    .power_fence_ms = power_fence_ms,
    .self_stop_ms = self_stop_ms,
    .self_stop_span_ms = self_stop_span_ms,
    .watchdog_ms = watchdog_ms,
    .takeover_ms = takeover_ms,
    .reserve = 0,
    .concurrent_starts = 4,
    .candidates = 5,
    .cold_start_ms = cold_start_ms,
    .shutdown_limit_ms = shutdown_limit_ms,
    .migrations = 4,
    .migration_pause_ms = migration_pause_ms,
    .cpu_percent = 400, /* GPU work leaves CPUs idle; memory is never promised twice */
};

int cluster_settings_check(const struct cluster_settings *s, struct error *err)
{
    if (s->heartbeat_ms < 100 || s->heartbeat_ms > 60000) {
        return error_set(err, -EINVAL, "heartbeat_ms must lie between 100 and 60000");
    }
    if (s->leader_silence_ms <= 2 * s->heartbeat_ms || s->leader_silence_ms >= s->takeover_ms) {
        return error_set(err, -EINVAL,
                         "leader_silence_ms must be more than twice heartbeat_ms "
                         "and less than takeover_ms");
    }
    if (s->self_stop_span_ms < 100 || s->self_stop_ms <= 2 * s->heartbeat_ms ||
        s->self_stop_ms + s->self_stop_span_ms > s->heartbeat_ms + s->watchdog_ms) {
        return error_set(err, -EINVAL,
                         "self_stop_ms must be more than twice heartbeat_ms, and self_stop_ms + "
                         "self_stop_span_ms at most heartbeat_ms + watchdog_ms");
    }
    if (s->watchdog_ms % 1000 != 0 || s->watchdog_ms < 2 * s->heartbeat_ms) {
        return error_set(err, -EINVAL,
                         "watchdog_ms must be whole seconds and at least twice "
                         "heartbeat_ms");
    }
    if (s->heartbeat_ms + s->watchdog_ms + DRIFT(s->takeover_ms) >= s->takeover_ms ||
        s->takeover_ms > 3600 * 1000) {
        return error_set(err, -EINVAL,
                         "takeover_ms must be more than heartbeat_ms + watchdog_ms "
                         "+ 1 %%, and at most an hour");
    }
    if (s->power_fence_ms <= 2 * s->heartbeat_ms || s->power_fence_ms > s->takeover_ms) {
        return error_set(err, -EINVAL,
                         "power_fence_ms must be more than twice heartbeat_ms and "
                         "at most takeover_ms");
    }
    if (s->concurrent_starts < 1 || s->concurrent_starts > concurrent_starts_max) {
        return error_set(err, -EINVAL, "concurrent_starts must lie between 1 and %d",
                         concurrent_starts_max);
    }
    if (s->candidates < 1 || s->candidates > nodes_max) {
        return error_set(err, -EINVAL, "candidates must lie between 1 and %d", nodes_max);
    }
    if (s->cpu_percent < 100 || s->cpu_percent > 10000) {
        return error_set(err, -EINVAL, "cpu_percent must lie between 100 and 10000");
    }
    if (s->cold_start_ms < 0 || s->cold_start_ms > 3600 * 1000) {
        return error_set(err, -EINVAL, "cold_start_ms must be at most an hour; 0: no wait");
    }
    if (s->shutdown_limit_ms < shutdown_limit_min_ms ||
        s->shutdown_limit_ms > shutdown_limit_max_ms) {
        return error_set(err, -EINVAL, "shutdown_limit_ms must lie between %d and %d",
                         shutdown_limit_min_ms, shutdown_limit_max_ms);
    }
    if (s->migration_limit_ms != 0 && (s->migration_limit_ms < migration_limit_min_ms ||
                                       s->migration_limit_ms > migration_limit_max_ms)) {
        return error_set(err, -EINVAL, "migration_limit_ms must lie between %d and %d, or be 0",
                         migration_limit_min_ms, migration_limit_max_ms);
    }
    if (s->migrations < 1 || s->migrations > migrations_max) {
        return error_set(err, -EINVAL, "migrations must lie between 1 and %d", migrations_max);
    }
    if (s->migration_pause_ms < migration_pause_min_ms ||
        s->migration_pause_ms > migration_pause_max_ms) {
        return error_set(err, -EINVAL, "migration_pause_ms must lie between %d and %d",
                         migration_pause_min_ms, migration_pause_max_ms);
    }
    if (s->reserve >= nodes_max) {
        return error_set(err, -EINVAL, "reserve must be less than %d", nodes_max);
    }
    return 0;
}
