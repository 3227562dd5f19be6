/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why things are as they are, and what happened, as values: a code and its parameters. No program
 * text compares or parses a sentence; words.h makes the sentences, at the edges.
 */
#pragma once

#include "base/parse.h"
#include "base/types.h"
#include "model/limits.h"

/* What a code says it about. Which of them it uses, words.c shows. */
struct facts {
    char node[name_size];
    char who[name_size]; /* another node, a VM, a device, an agent */
    uint64_t count;
    msec_t ms, limit_ms;
    char detail[reason_size]; /* what came from outside: a guest's, agent's or kernel's own words */
};

/* Sets those that are not NULL; returns 'facts'. What is too long is cut. */
static inline struct facts *facts_set(struct facts *facts, const char *node, const char *who,
                                      const char *detail)
{
    if (node) {
        (void)copy_text(facts->node, sizeof(facts->node), node);
    }
    if (who) {
        (void)copy_text(facts->who, sizeof(facts->who), who);
    }
    if (detail) {
        (void)copy_text(facts->detail, sizeof(facts->detail), detail);
    }
    return facts;
}

/* ---- causes: why a placement is as it is ---- */

#define CAUSE_LIST(X)                                                                              \
    X(CAUSE_NONE, "none")                                                                          \
    X(CAUSE_START_ORDERED, "start-ordered")                                                        \
    X(CAUSE_RESTART_ORDERED, "restart-ordered") /* by an administrator, after a failure */         \
    X(CAUSE_STOP_ORDERED, "stop-ordered")                                                          \
    X(CAUSE_OFF_ORDERED, "off-ordered") /* forced */                                               \
    X(CAUSE_MOVE_ORDERED, "move-ordered")                                                          \
    X(CAUSE_REMOVED, "removed")                                                                    \
    X(CAUSE_STOPPED, "stopped")                                                                    \
    X(CAUSE_NO_HOST, "no-host")                /* it waits for one */                              \
    X(CAUSE_START_AFTER, "start-after")        /* who: the VM that must run first */               \
    X(CAUSE_MOVED, "moved")                    /* node: from there */                              \
    X(CAUSE_MOVE_BROKEN_OFF, "move-cut-short") /* it stopped, and its next place is gone */        \
    X(CAUSE_MOVE_NO_HOST, "move-no-host")                                                          \
    X(CAUSE_DRAIN, "drain")                                                                        \
    X(CAUSE_DRAIN_NO_HOST, "drain-no-host")                                                        \
    X(CAUSE_DRAIN_FORCED, "drain-forced")                                                          \
    X(CAUSE_HOST_SHUTDOWN, "host-shutdown") /* its host is, or was, shut down in order */          \
    X(CAUSE_GPU_FAILED, "gpu-failed")       /* who: the device; detail: how */                     \
    X(CAUSE_GPU_GONE, "gpu-gone")           /* who: the device */                                  \
    X(CAUSE_GPU_NO_HOST, "gpu-no-host")                                                            \
    X(CAUSE_FAILBACK, "failback")                 /* node: the owner that it prefers */            \
    X(CAUSE_EVICTED, "evicted")                   /* who: the VM for which it makes room */        \
    X(CAUSE_EVICTION_REFUSED, "eviction-refused") /* it did not stop to make room */               \
    X(CAUSE_STOP_REFUSED, "stop-refused")         /* it did not stop within its time limit */      \
    X(CAUSE_SHUTDOWN_REFUSED, "shutdown-refused") /* who: itself; count; ms: until it is asked */  \
    X(CAUSE_NODE_CANNOT_START, "node-cannot-start")                                                \
    X(CAUSE_HOST_FENCED, "host-fenced")             /* node */                                     \
    X(CAUSE_HOST_REJOINED, "host-rejoined")         /* node: it began a new incarnation */         \
    X(CAUSE_HOST_LOSSES, "host-losses")             /* count; node: the last one */                \
    X(CAUSE_HOST_LOST_BY_HAND, "host-lost-by-hand") /* priority 0 */                               \
    X(CAUSE_ADOPTED, "adopted")                     /* where it was found */                       \
    X(CAUSE_CONFIRMED_GONE, "confirmed-gone")       /* by an administrator */                      \
    X(CAUSE_FAILED, "failed")                       /* node; detail: how it ended */               \
    X(CAUSE_FAILING, "failing")                     /* ms: the pause before its next start */
ENUM_DECLARE(cause_code, CAUSE_LIST)

struct cause {
    enum cause_code code;
    struct facts facts;
};

/* A cause with those parameters; NULL: without. */
struct cause cause_make(enum cause_code code, const char *node, const char *who,
                        const char *detail);
/* Whether the VM must stay, with that told, although its node or GPU says that it should not, or an
 * administrator does. */
bool cause_is_stuck(const struct cause *cause);

/* ---- notes: what happened ---- */

#define SEVERITY_LIST(X)                                                                           \
    X(SEVERITY_INFO, "info") X(SEVERITY_WARNING, "warning") X(SEVERITY_ERROR, "error")
ENUM_DECLARE(severity, SEVERITY_LIST)

/* Some codes stand twice: one thing happened, in two ways that are told differently. */
#define NOTE_LIST(X)                                                                               \
    X(NOTE_NONE, "none", INFO)                                                                     \
    X(NOTE_WATCHDOG_ARMED, "watchdog-armed", INFO)                                                 \
    X(NOTE_WATCHDOG_NOT_ARMED, "watchdog-not-armed", WARNING)                                      \
    X(NOTE_NODE_JOINED, "node-joined", INFO)                                                       \
    X(NOTE_NODE_REJOINED, "node-rejoined", INFO)                                                   \
    X(NOTE_NODE_WAS_FENCED, "node-was-fenced", WARNING)                                            \
    X(NOTE_STORE_CONTRADICTS, "store-contradicts", ERROR)                                          \
    X(NOTE_ADOPTION_REFUSED, "adoption-refused", ERROR)                                            \
    X(NOTE_NODE_ADOPTED, "node-adopted", WARNING)                                                  \
    X(NOTE_NODE_CLEARED, "node-cleared", WARNING)                                                  \
    X(NOTE_COLD_START, "cold-start", INFO)                                                         \
    X(NOTE_FENCED, "fenced", ERROR)                                                                \
    X(NOTE_NAME_TAKEN, "name-taken", ERROR)                                                        \
    X(NOTE_NAME_USURPED, "name-taken", ERROR)                                                      \
    X(NOTE_HEARTBEAT_LOST, "heartbeat-lost", WARNING)                                              \
    X(NOTE_HEARTBEAT_BACK, "heartbeat-back", INFO)                                                 \
    X(NOTE_SELF_STOP, "self-stop", ERROR)                                                          \
    X(NOTE_LEFT_ARMED, "left-armed", WARNING)                                                      \
    X(NOTE_NODE_LEFT, "node-left", INFO)                                                           \
    X(NOTE_NODE_LEFT_VMS, "node-left-vms", ERROR)                                                  \
    X(NOTE_NODE_DOWN, "node-down", INFO)                                                           \
    X(NOTE_NODE_GOING_DOWN, "node-going-down", WARNING)                                            \
    X(NOTE_NODE_GOING_DOWN_LEAVE, "node-going-down", WARNING)                                      \
    X(NOTE_NODE_STAYS, "node-stays", INFO)                                                         \
    X(NOTE_NODE_VACATED, "node-vacated", INFO)                                                     \
    X(NOTE_SHUTDOWN_LIMIT, "shutdown-limit", WARNING)                                              \
    X(NOTE_NODE_SHUTTING_DOWN, "node-power", WARNING)                                              \
    X(NOTE_NODE_REBOOTING, "node-power", WARNING)                                                  \
    X(NOTE_NODE_POWER_FAILED, "node-power-failed", ERROR)                                          \
    X(NOTE_NODE_SILENT, "node-silent", WARNING)                                                    \
    X(NOTE_NODE_HEARD, "node-heard", INFO)                                                         \
    X(NOTE_COORDINATOR, "coordinator", INFO)                                                       \
    X(NOTE_CLUSTER_DISARMED, "cluster-disarmed", WARNING)                                          \
    X(NOTE_CLUSTER_DISARMED_FOR, "cluster-disarmed", WARNING)                                      \
    X(NOTE_CLUSTER_ARMED, "cluster-armed", WARNING)                                                \
    X(NOTE_POWER_FENCING, "power-fencing", WARNING)                                                \
    X(NOTE_POWER_FENCING_NEXT, "power-fencing", WARNING)                                           \
    X(NOTE_POWER_FENCING_FAILED, "power-fencing-failed", ERROR)                                    \
    X(NOTE_NODE_OFF, "node-off", WARNING)                                                          \
    X(NOTE_NODE_QUARANTINED, "node-quarantined", ERROR)                                            \
    X(NOTE_NODE_TRUSTED, "node-trusted", INFO)                                                     \
    X(NOTE_CLAIM_RELEASED, "claim-released", WARNING)                                              \
    X(NOTE_GPU_QUARANTINED, "gpu-quarantined", ERROR)                                              \
    X(NOTE_GPU_RELEASED, "gpu-released", INFO)                                                     \
    X(NOTE_GPU_DISMOUNTED, "gpu-dismounted", INFO)                                                 \
    X(NOTE_GPU_MOUNTED, "gpu-mounted", INFO)                                                       \
    X(NOTE_GPU_PARTITIONED, "gpu-partitioned", INFO)                                               \
    X(NOTE_GPU_WHOLE, "gpu-whole", INFO)                                                           \
    X(NOTE_GPU_DISMOUNT_FAILED, "gpu-rebind-failed", ERROR)                                        \
    X(NOTE_GPU_MOUNT_FAILED, "gpu-rebind-failed", ERROR)                                           \
    X(NOTE_GPU_PARTITION_FAILED, "gpu-rebind-failed", ERROR)                                       \
    X(NOTE_VM_RUNNING, "vm-running", INFO)                                                         \
    X(NOTE_VM_ENDED, "vm-ended", INFO)                                                             \
    X(NOTE_VM_ENDED_BY_ITSELF, "vm-ended", WARNING)                                                \
    X(NOTE_VM_AWAY, "vm-away", ERROR)                                                              \
    X(NOTE_VM_ELSEWHERE, "vm-elsewhere", ERROR)                                                    \
    X(NOTE_VM_ADOPTED, "vm-adopted", INFO)                                                         \
    X(NOTE_VM_CONFIRMED_GONE, "vm-confirmed-gone", WARNING)                                        \
    X(NOTE_VM_STALE, "vm-stale", WARNING)                                                          \
    X(NOTE_VM_STARTING, "vm-placed", INFO)                                                         \
    X(NOTE_VM_RESTARTING, "vm-placed", INFO)                                                       \
    X(NOTE_VM_ARRIVING, "vm-placed", INFO)                                                         \
    X(NOTE_VM_WAITING, "vm-waiting", WARNING)                                                      \
    X(NOTE_VM_WAITS_FOR_VM, "vm-waiting", INFO)                                                    \
    X(NOTE_VM_MOVING, "vm-moving", INFO)                                                           \
    X(NOTE_VM_CANNOT_MOVE, "vm-cannot-move", WARNING)                                              \
    X(NOTE_VM_STOPPING, "vm-stopping", INFO)                                                       \
    X(NOTE_VM_STOP_REFUSED, "vm-stop-refused", WARNING)                                            \
    X(NOTE_VM_SHUTDOWN_REFUSED, "vm-stop-refused", WARNING)                                        \
    X(NOTE_VM_STOPPED, "vm-stopped", INFO)                                                         \
    X(NOTE_VM_REMOVED, "vm-removed", INFO)                                                         \
    X(NOTE_VM_FAILED, "vm-failed", ERROR)                                                          \
    X(NOTE_VM_NOT_RESTARTED, "vm-not-restarted", WARNING)                                          \
    X(NOTE_VM_RESTART_DELAYED, "vm-restart-delayed", WARNING)
#define NOTE_MEMBER_(id, text, severity) id,
enum note_code { NOTE_LIST(NOTE_MEMBER_) note_code_count };
#undef NOTE_MEMBER_

/* "node-silent"; static. */
const char *note_code_name(enum note_code code);
enum severity note_severity(enum note_code code);

struct note {
    enum note_code code;
    char subject[name_size];
    struct facts facts;
    struct cause cause; /* NONE: the code says it all */
};
