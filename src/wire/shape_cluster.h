/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A part of shapes.c, which alone includes it: the tables of the cluster's settings, and of who
 * coordinates. */
#pragma once

#include "wire/shape_table.h"
#include "wire/shape_words.h"

#define OWNER struct cluster_settings
static const struct field cluster_fields[] = {
    TEXT("name", name, ABOUT("name of the cluster"), POLICY),
    SPAN("heartbeat_ms", heartbeat_ms, ABOUT("interval between two heartbeats of a host"), POLICY),
    SPAN("leader_silence_ms", leader_silence_ms,
         ABOUT("silence after which another host takes over as coordinator"), POLICY),
    SPAN("power_fence_ms", power_fence_ms,
         ABOUT("silence after which a host is turned off by its fence agent"), POLICY),
    SPAN("self_stop_ms", self_stop_ms,
         ABOUT("time without an acknowledged heartbeat after which a host kills its VMs"), POLICY),
    SPAN("self_stop_span_ms", self_stop_span_ms, ABOUT("how long killing them may take"), POLICY),
    SPAN("watchdog_ms", watchdog_ms, ABOUT("timeout of the hardware watchdog"), POLICY),
    SPAN("takeover_ms", takeover_ms,
         ABOUT("silence after which a host with an armed watchdog counts as off"), POLICY),
    U32("reserve", reserve, ABOUT("host failures the cluster must tolerate"), POLICY),
    ENUM("reserve_policy", reserve_policy, reserve_policy_words,
         ABOUT("whether a start that breaks the reserve is refused or only reported"), POLICY),
    ENUM("failback", failback, failback_words,
         ABOUT("whether VMs return to a preferred owner by themselves"), POLICY),
    U32("concurrent_starts", concurrent_starts, ABOUT("VMs that a host starts at a time"), POLICY),
    U32("candidates", candidates,
        ABOUT("hosts that watch all heartbeats, so that each of them can coordinate"), POLICY),
    SPAN("cold_start_ms", cold_start_ms,
         ABOUT("how long VMs wait for hosts that are not back after all were down"), POLICY),
    U32("cpu_percent", cpu_percent,
        ABOUT("virtual CPUs that VMs may have for each 100 CPUs of a host"), POLICY),
    BOOL("preemption", preemption,
         ABOUT("whether a VM may be stopped to make room for one of higher priority"), POLICY),
    ENUM("on_shutdown", on_shutdown, on_shutdown_words,
         ABOUT("what happens to VMs of a host that is shut down: move, stop, or leave"), POLICY),
    SPAN("shutdown_limit_ms", shutdown_limit_ms,
         ABOUT("how long a host that is shut down waits for its VMs before it ends them"), POLICY),
    SPAN("migration_limit_ms", migration_limit_ms,
         ABOUT("how long a live move may take; 0: 2 minutes and 20 ms for each MiB of memory"),
         POLICY),
    INTEGER("migrations", migrations, 1, migrations_max,
            ABOUT("live moves from a host, or to one, at a time"), POLICY),
    U32("migration_mib_s", migration_mib_s,
        ABOUT("MiB/s that each live move may take of the network; 0: no limit"), POLICY),
    SPAN("migration_pause_ms", migration_pause_ms,
         ABOUT("how long a guest may stand still at the end of a live move, as QEMU expects it"),
         POLICY),
    U64("fence_key", fence_key,
        ABOUT("number of the key that fence secrets are sealed to; raise it for a new one"), POLICY,
        SPARSE),
    BOOL("disarmed", is_disarmed, ABOUT("whether an administrator disarmed the cluster")),
    U64("disarm_order", disarm_order, ABOUT("number of times the cluster was disarmed")),
    SPAN("disarm_ms", disarm_ms, ABOUT("time until it is armed again; 0: by an administrator")),
};
SHAPE(cluster_shape, cluster_fields);
#undef OWNER

#define OWNER struct leader
static const struct field leader_fields[] = {
    TEXT("node", node, ABOUT("host of the coordinator")),
    U64("incarnation", incarnation, ABOUT("incarnation of that host when it took the term")),
    U64("term", term, ABOUT("grows by one with each takeover")),
};
SHAPE(leader_shape, leader_fields);
#undef OWNER

#define OWNER struct disarm
static const struct field disarm_fields[] = {
    U64("order", order, ABOUT("which disarming of the cluster it is about")),
    SPAN("left_ms", left_ms, ABOUT("time until it is armed again; 0: it is armed")),
};
SHAPE(disarm_shape, disarm_fields);
#undef OWNER
