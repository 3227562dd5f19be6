/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cluster's settings, as record.h has them: what administrators choose, and by which times
 * hosts are proven off. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "model/limits.h"

#define FAILBACK_LIST(X) X(FAILBACK_NONE, "none") X(FAILBACK_IMMEDIATE, "immediate")
ENUM_DECLARE(failback, FAILBACK_LIST)

#define RESERVE_POLICY_LIST(X) X(RESERVE_WARN, "warn") X(RESERVE_REFUSE, "refuse")
ENUM_DECLARE(reserve_policy, RESERVE_POLICY_LIST)

#define ON_SHUTDOWN_LIST(X)                                                                        \
    X(ON_SHUTDOWN_MOVE, "move") /* to reserved places; what has none is stopped */                 \
    X(ON_SHUTDOWN_STOP, "stop") /* all at once; they restart where there is room */                \
    X(ON_SHUTDOWN_LEAVE, "leave")
ENUM_DECLARE(on_shutdown, ON_SHUTDOWN_LIST)

/* How a running VM goes to another host. */
#define MIGRATION_LIST(X)                                                                          \
    X(MIGRATION_DEFAULT, "default") /* an order: as the VM is set; a VM: live-or-restart */        \
    X(MIGRATION_LIVE_OR_RESTART, "live-or-restart")                                                \
    X(MIGRATION_LIVE, "live") /* never by a stop: else it stays where it is */                     \
    X(MIGRATION_RESTART, "restart")
ENUM_DECLARE(migration, MIGRATION_LIST)

/* Times are derived in docs/SAFETY.md; settings_check() holds their relations. */
struct cluster_settings {
    char name[name_size];
    msec_t heartbeat_ms;      /* between two heartbeats, and the limit of one */
    msec_t leader_silence_ms; /* silent coordinator: any candidate may take over */
    msec_t power_fence_ms;    /* silent host: begin to fence by power */
    msec_t self_stop_ms;      /* after the last acknowledged one was sent: kill own VMs */
    msec_t self_stop_span_ms; /* how long that may take at most */
    msec_t watchdog_ms;       /* hardware time-out */
    msec_t takeover_ms;       /* silent host with armed watchdog: proven gone */
    uint32_t reserve;         /* host losses the cluster should survive */
    enum reserve_policy reserve_policy;
    enum failback failback;
    uint32_t concurrent_starts;   /* a node, at most */
    uint32_t candidates;          /* hosts that watch all heartbeats, to coordinate if need be */
    msec_t cold_start_ms;         /* how long VMs wait for hosts after all of them were down */
    uint32_t cpu_percent;         /* virtual CPUs for each 100 real ones that VMs may have */
    bool preemption;              /* may a VM of lower priority be stopped for a higher one? */
    enum on_shutdown on_shutdown; /* what becomes of the VMs of a host that goes down in order */
    msec_t shutdown_limit_ms;     /* so long it waits for them; then it ends them */
    msec_t migration_limit_ms;    /* so long a live move takes at most; 0: by the VM's memory */
    uint32_t migrations;          /* from a host, or to one, at a time, at most */
    uint32_t migration_mib_s;     /* MiB/s that each takes of the network at most; 0: any */
    msec_t migration_pause_ms;    /* so long the guest may stand still at its end, as expected */
    bool is_disarmed;      /* by an administrator; world_is_disarmed() says whether it still is */
    uint64_t fence_key;    /* number of the key to seal to, at least: raising it makes one */
    uint64_t disarm_order; /* counts the times that it was */
    msec_t disarm_ms;      /* for so long; 0: until it is armed again */
};

extern const struct cluster_settings cluster_settings_default;

/* 0, or -EINVAL with the relation that does not hold, in words. */
int cluster_settings_check(const struct cluster_settings *settings, struct error *err);
