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
    char pool[name_size];
    char device[name_size];    /* a GPU, as gpu_slot_format() writes it */
    bool is_other;             /* ... or it is none: then words call it a device */
    char label[2 * name_size]; /* "key=value" */
    uint64_t count;
    uint64_t need, have, total; /* of what there is too little of */
    msec_t ms, limit_ms;
    /* What came from outside: a guest's, agent's or kernel's own words. Nothing depends on it. */
    char detail[reason_size];
};

/* Whether both say the same, whatever the words from outside. */
bool facts_equal(const struct facts *a, const struct facts *b);

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

/* ---- causes: why something is as it is ---- */

#define CAUSE_LIST(X)                                                                              \
    X(CAUSE_NONE, "none")                                                                          \
    X(CAUSE_START_ORDERED, "start-ordered")                                                        \
    X(CAUSE_RESTART_ORDERED, "restart-ordered") /* by an administrator, after a failure */         \
    X(CAUSE_STOP_ORDERED, "stop-ordered")                                                          \
    X(CAUSE_OFF_ORDERED, "off-ordered") /* forced */                                               \
    X(CAUSE_MOVE_ORDERED, "move-ordered")                                                          \
    X(CAUSE_REMOVED, "removed")                                                                    \
    X(CAUSE_STOPPED, "stopped")                                                                    \
    X(CAUSE_NO_HOST, "no-host")                   /* it waits for one */                           \
    X(CAUSE_GROUP, "group")                       /* who: moves, and takes it along */             \
    X(CAUSE_GROUP_WAITS, "group-waits")           /* who: one of its group that has no place */    \
    X(CAUSE_RULE_TOGETHER, "rule-together")       /* who: with which it must be on one host */     \
    X(CAUSE_RULE_APART, "rule-apart")             /* who: with which it must not be on one host */ \
    X(CAUSE_START_AFTER, "start-after")           /* who: the VM that must run first */            \
    X(CAUSE_MOVED, "moved")                       /* node: from there */                           \
    X(CAUSE_MOVE_BROKEN_OFF, "move-cut-short")    /* it stopped, and its next place is gone */     \
    X(CAUSE_HANDOVER_REFUSED, "live-move-failed") /* detail */                                     \
    X(CAUSE_HANDOVER_LATE, "live-move-late")                                                       \
    X(CAUSE_COPY_ENDED, "copy-ended")       /* node: where it was to go */                         \
    X(CAUSE_COPY_UNWANTED, "copy-unwanted") /* node: it takes no VMs any more */                   \
    X(CAUSE_MOVE_NO_HOST, "move-no-host")                                                          \
    X(CAUSE_MOVE_WITHDRAWN, "move-withdrawn") /* the order to move it */                           \
    X(CAUSE_LIVE_FAILED, "live-failed")       /* it stays: it may not be stopped for a move */     \
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
    X(CAUSE_FAILED_LATE, "failed-late")             /* node */                                     \
    X(CAUSE_FAILED_GONE, "failed-gone")             /* node */                                     \
    X(CAUSE_FAILING, "failing")                     /* ms: the pause before its next start */      \
    /* Why a host does not run a VM, or that it could. */                                          \
    X(CAUSE_FITS, "fits")                                                                          \
    X(CAUSE_IS_HERE, "is-here") /* it runs there and is to go elsewhere */                         \
    X(CAUSE_EXCLUDED, "excluded")                                                                  \
    X(CAUSE_NOT_OWNER, "not-owner")                                                                \
    X(CAUSE_NO_LABEL, "no-label")           /* label */                                            \
    X(CAUSE_NO_GPU, "no-gpu")               /* pool: it has none of it */                          \
    X(CAUSE_TOO_FEW_GPUS, "few-gpus")       /* pool, need, total */                                \
    X(CAUSE_GPUS_UNUSABLE, "gpus-unusable") /* pool, need, total; have: that can be used */        \
    X(CAUSE_GPUS_TAKEN, "gpus-taken") /* pool, need, have, total; who: a VM; count: others */      \
    X(CAUSE_GPUS_SPLIT, "gpus-split") /* pool, need, have, total */                                \
    X(CAUSE_NO_GPU_SET, "no-gpu-set") /* pool, need: no set on its fabric has so many */           \
    X(CAUSE_GPU_SETS_TAKEN, "gpu-sets-taken") /* pool, need, have: GPUs free, total: sets; who */  \
    X(CAUSE_NO_CPUS, "cpus")                  /* need, have, total */                              \
    X(CAUSE_NO_MEMORY, "memory")              /* need, have, total (MiB) */                        \
    X(CAUSE_NO_HUGE_PAGES, "huge-pages")      /* label: their size; need, have, total (MiB) */     \
    X(CAUSE_PAGE_SIZE, "page-size")           /* count: KiB that others have by default */         \
    X(CAUSE_NO_NETWORK, "network")            /* label: which */                                   \
    X(CAUSE_NUMA_MEMORY, "numa-memory")       /* label: nodes; need, have (MiB) */                 \
    X(CAUSE_ADDRESS_BITS, "address-bits")     /* need, have; total: aperture, count: RAM (GiB) */  \
    X(CAUSE_APART, "apart")                   /* who: a VM there */                                \
    X(CAUSE_TOGETHER, "together")             /* who: a VM, which is on 'node' */                  \
    X(CAUSE_RESERVE, "reserve")               /* need: host failures to tolerate */                \
    X(CAUSE_ROOM_KEPT, "room-kept")           /* who: the VM that waits for it */                  \
    /* ... or, if it must not stop for it, does not take it in while it runs. */                   \
    X(CAUSE_LIVE_UNWANTED,                                                                         \
      "live-unwanted")                  /* it is to be restarted, by an order or its setting */    \
    X(CAUSE_LIVE_DEVICE, "live-device") /* it has devices of its host; pool, or detail: its XML */ \
    X(CAUSE_LIVE_CHANGED, "live-changed")           /* its definition, since it started */         \
    X(CAUSE_LIVE_NOT_UP, "live-not-up")             /* it does not run */                          \
    X(CAUSE_LIVE_HOST_UNHEARD, "live-host-unheard") /* who: a host that has told nothing yet */    \
    X(CAUSE_LIVE_NO_ADDRESS, "live-no-address")     /* who: a host without migration_address */    \
    X(CAUSE_LIVE_NO_CPU, "live-no-cpu")             /* who: a host that does not know its CPU */   \
    X(CAUSE_LIVE_CPU, "live-cpu")                   /* who: the other host; detail: both CPUs */   \
    /* ... since of the cards that are left this one cannot be used: pool, device. */              \
    X(CAUSE_CARD_LEAVING, "card-leaving")        /* who: a removed VM that has it */               \
    X(CAUSE_CARD_CLAIM_UNREADABLE, "card-claim") /* node */                                        \
    X(CAUSE_CARD_MISSING, "card-missing")                                                          \
    X(CAUSE_CARD_QUARANTINED, "card-quarantined")                                                  \
    X(CAUSE_CARD_MOUNTED, "card-mounted")           /* who: its driver */                          \
    X(CAUSE_CARD_UNASSIGNABLE, "card-unassignable") /* who: the survey's verdict */                \
    X(CAUSE_CARD_OTHER, "card-other")                                                              \
    /* How a host is. */                                                                           \
    X(CAUSE_NODE_NOT_JOINED, "node-not-joined")                                                    \
    X(CAUSE_NODE_NO_ANSWER, "node-no-answer")           /* or it is proven off */                  \
    X(CAUSE_NODE_LISTENING, "node-listening")           /* this API is too young to know */        \
    X(CAUSE_NODE_UNTOLD, "node-untold")                 /* no coordinator is heard */              \
    X(CAUSE_NODE_SILENT, "node-silent")                 /* ms */                                   \
    X(CAUSE_NODE_LEFT, "node-left")                     /* ms; count: VMs it left */               \
    X(CAUSE_NODE_FENCING_FAILED, "node-fencing-failed") /* ms: silent; who, count, detail */       \
    X(CAUSE_NODE_LEFT_EMPTY, "node-left-empty")         /* ms; no VM runs there */                 \
    X(CAUSE_NODE_SHUT_DOWN, "node-shut-down")           /* ms */                                   \
    X(CAUSE_NODE_GOES_DOWN, "node-goes-down")           /* count: VMs there */                     \
    X(CAUSE_NODE_NO_HYPERVISOR, "node-no-hypervisor")                                              \
    X(CAUSE_NODE_DRAINS, "node-drains") /* count: VMs there */                                     \
    X(CAUSE_NODE_PAUSED, "node-paused")                                                            \
    X(CAUSE_NODE_QUARANTINED, "node-quarantined")   /* ms: still */                                \
    X(CAUSE_NODE_NO_SPACE, "node-no-space")         /* detail */                                   \
    X(CAUSE_NODE_GPUS_UNREADY, "node-gpus-unready") /* detail */                                   \
    /* How a VM is. */                                                                             \
    X(CAUSE_VM_UNSEEN, "vm-unseen") /* by the coordinator */                                       \
    X(CAUSE_VM_STARTS_AGAIN, "vm-starts-again")                                                    \
    X(CAUSE_VM_MOVING, "vm-moving")                           /* node: to there */                 \
    X(CAUSE_VM_HOST_SILENT, "vm-host-silent")                 /* node, ms */                       \
    X(CAUSE_VM_HOST_FENCING_FAILED, "vm-host-fencing-failed") /* node, ms; who, count, detail */   \
    X(CAUSE_VM_DOES_NOT_STOP, "vm-does-not-stop")                                                  \
    X(CAUSE_VM_CANNOT_BE_ENDED, "vm-cannot-be-ended") /* node: which it hangs on */                \
    X(CAUSE_VM_ELSEWHERE, "vm-elsewhere")             /* node: where it has no place */            \
    X(CAUSE_VM_UNMANAGED, "vm-unmanaged")                                                          \
    X(CAUSE_VM_WAS_REMOVED, "vm-was-removed")                                                      \
    X(CAUSE_ENDED, "ended") /* of itself; nothing more is known */                                 \
    X(CAUSE_START_LATE, "start-late")                                                              \
    X(CAUSE_WAS_GONE, "was-gone") /* when berthd looked */                                         \
    /* How it is known that a guest stands still. */                                               \
    X(CAUSE_GUEST_HALTED, "guest-halted") /* its QEMU paused it for that */                        \
    X(CAUSE_GUEST_SILENT, "guest-silent") /* ms: its agent has not answered for so long */         \
    /* Why a GPU is in quarantine, or missing. */                                                  \
    X(CAUSE_GPU_LEFT_BUS, "gpu-left-bus")                                                          \
    X(CAUSE_GPU_FATAL_ERROR, "gpu-fatal-error")   /* count: of them since the boot */              \
    X(CAUSE_GPU_NOT_SHOWN, "gpu-not-shown")       /* missing */                                    \
    X(CAUSE_GPU_HELD, "gpu-held")                 /* who: a VM whose QEMU cannot be ended */       \
    X(CAUSE_GPU_HANGS, "gpu-hangs")               /* an operation on it, in the kernel */          \
    X(CAUSE_GPU_OTHER_CARD, "gpu-other-card")     /* detail: its identity */                       \
    X(CAUSE_GPU_ON_HOLD, "gpu-on-hold")           /* who: the VM that used it */                   \
    X(CAUSE_GPU_NOT_ERASED, "gpu-not-erased")     /* who: the same; detail: why */                 \
    X(CAUSE_VGPU_NOT_MADE, "vgpu-not-made")       /* detail: why */                                \
    X(CAUSE_VGPU_NOT_CLEARED, "vgpu-not-cleared") /* detail: why */                                \
    /* Why a VM with GPUs on a fabric did not start: detail. */                                    \
    X(CAUSE_FABRIC_NOT_READY, "fabric-not-ready")                                                  \
    /* Why a host could not be turned off. */                                                      \
    X(CAUSE_AGENT_FAILED, "agent-failed") /* who: the agent; count: its level; detail */           \
    /* What proves that a host is off. */                                                          \
    X(CAUSE_PROOF_AGENT, "proof-agent")         /* who: the agent; count: its level */             \
    X(CAUSE_PROOF_ASKED, "proof-asked")         /* the same; it was not turned off by Berth */     \
    X(CAUSE_PROOF_SILENCE, "proof-silence")     /* ms, limit_ms; count: its watchdog's ms */       \
    X(CAUSE_PROOF_CONFIRMED, "proof-confirmed") /* by an administrator */                          \
    X(CAUSE_PROOF_REMOVED, "proof-removed")     /* by an administrator, once it had left */        \
    /* Why a host does not take the word of its store. */                                          \
    X(CAUSE_STORE_UNNAMED, "store-unnamed") /* hosts, but no format */                             \
    X(CAUSE_STORE_TOO_NEW, "store-too-new")                                                        \
    X(CAUSE_STORE_TOO_OLD, "store-too-old")                                                        \
    X(CAUSE_STORE_NO_ID, "store-no-id")                                                            \
    X(CAUSE_STORE_OF_OTHERS, "store-of-others") /* of another cluster */                           \
    X(CAUSE_STORE_STRANGERS, "store-strangers") /* VMs of another host run here */                 \
    X(CAUSE_STORE_WENT_BACK, "store-went-back")                                                    \
    X(CAUSE_STORE_NO_HEARTBEAT, "store-no-heartbeat")                                              \
    X(CAUSE_STORE_LOST_HEARTBEAT, "store-lost-heartbeat")                                          \
    X(CAUSE_STORE_OLD_HEARTBEAT, "store-old-heartbeat")                                            \
    X(CAUSE_STORE_OLD_INCARNATION, "store-old-incarnation")                                        \
    /* Why a contradicted host ends its VMs. */                                                    \
    X(CAUSE_CLEAR_FENCED, "clear-fenced")                                                          \
    X(CAUSE_CLEAR_EMPTY, "clear-empty")                                                            \
    X(CAUSE_CLEAR_ORDERED, "clear-ordered")                                                        \
    X(CAUSE_SAID, "said") /* detail: the words of a host, guest, person */
ENUM_DECLARE(cause_code, CAUSE_LIST)

struct cause {
    enum cause_code code;
    struct facts facts;
};

/* A cause with those parameters; NULL: without. */
struct cause cause_make(enum cause_code code, const char *node, const char *who,
                        const char *detail);
/* In the words of someone outside; 'code' if there are none (NULL or ""). */
struct cause cause_told(enum cause_code code, const char *words);
/* Whether the VM must stay, with that told, although its node or GPU says that it should not, or an
 * administrator does. */
bool cause_is_stuck(const struct cause *cause);
/* Whether both say the same; facts_equal(). */
bool cause_equal(const struct cause *a, const struct cause *b);

/* Why one host does not run a VM. */
struct reason {
    char node[name_size]; /* "" for a reason that is no node's */
    struct cause cause;
};

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
    X(NOTE_CLUSTER_MADE, "cluster-made", INFO)                                                     \
    X(NOTE_STORE_REFUSED, "store-refused", ERROR)                                                  \
    X(NOTE_STORE_CONTRADICTS, "store-contradicts", ERROR)                                          \
    X(NOTE_ADOPTION_REFUSED, "adoption-refused", ERROR)                                            \
    X(NOTE_ADOPTION_OF_OTHERS, "adoption-refused", ERROR)                                          \
    X(NOTE_VM_FOREIGN, "vm-foreign", WARNING)                                                      \
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
    X(NOTE_GPU_ON_HOLD, "gpu-on-hold", INFO)                                                       \
    X(NOTE_GPU_ERASED, "gpu-erased", INFO)                                                         \
    X(NOTE_GPU_RELEASED, "gpu-released", INFO)                                                     \
    X(NOTE_FABRIC_ON, "fabric-activated", INFO)                                                    \
    X(NOTE_FABRIC_OFF, "fabric-deactivated", INFO)                                                 \
    X(NOTE_FABRIC_ON_FAILED, "fabric-failed", ERROR)                                               \
    X(NOTE_FABRIC_OFF_FAILED, "fabric-failed", ERROR)                                              \
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
    X(NOTE_VM_HANDING_OVER, "vm-moving", INFO)                                                     \
    X(NOTE_VM_HANDED_OVER, "vm-moved", INFO)                                                       \
    X(NOTE_VM_HANDOVER_FAILED, "vm-live-move-failed", WARNING)                                     \
    X(NOTE_VM_WOKEN, "vm-woken", WARNING)                                                          \
    X(NOTE_VM_CANNOT_MOVE, "vm-cannot-move", WARNING)                                              \
    X(NOTE_VM_STOPPING, "vm-stopping", INFO)                                                       \
    X(NOTE_VM_STOP_REFUSED, "vm-stop-refused", WARNING)                                            \
    X(NOTE_VM_SHUTDOWN_REFUSED, "vm-stop-refused", WARNING)                                        \
    X(NOTE_VM_GUEST_STOPPED, "vm-guest-stopped", WARNING)                                          \
    X(NOTE_VM_GUEST_BACK, "vm-guest-back", INFO)                                                   \
    X(NOTE_VM_GUEST_ENDED, "vm-guest-ended", WARNING)                                              \
    X(NOTE_VM_CANNOT_BE_ENDED, "vm-cannot-be-ended", ERROR)                                        \
    X(NOTE_VM_STOPPED, "vm-stopped", INFO)                                                         \
    X(NOTE_VM_REMOVED, "vm-removed", INFO)                                                         \
    X(NOTE_VM_FAILED, "vm-failed", ERROR)                                                          \
    X(NOTE_VM_NOT_RESTARTED, "vm-not-restarted", WARNING)                                          \
    X(NOTE_VM_RESTART_DELAYED, "vm-restart-delayed", WARNING)
/* What an administrator did, as the API has it in the same list. */
#define ORDER_LIST(X)                                                                              \
    X(NOTE_CLUSTER_SET, "cluster-set", INFO)                                                       \
    X(NOTE_ENDPOINT_FOREIGN, "endpoint-foreign", ERROR)                                            \
    X(NOTE_DISARM_ASKED, "cluster-disarm-asked", INFO)                                             \
    X(NOTE_DISARM_FOR_ASKED, "cluster-disarm-asked", INFO)                                         \
    X(NOTE_ARM_ASKED, "cluster-arm-asked", INFO)                                                   \
    X(NOTE_ARM_UNHEARD_ASKED, "cluster-arm-asked", INFO)                                           \
    X(NOTE_ACCESS_ADDED, "access-added", INFO)                                                     \
    X(NOTE_ACCESS_CHANGED, "access-changed", INFO)                                                 \
    X(NOTE_ACCESS_REMOVED, "access-removed", INFO)                                                 \
    X(NOTE_LOGIN_FAILED, "login-failed", WARNING)                                                  \
    X(NOTE_LOGIN_FAILED_UNNAMED, "login-failed", WARNING)                                          \
    X(NOTE_CODE_FAILED, "code-failed", WARNING)                                                    \
    X(NOTE_SESSION_ENDED, "session-ended", INFO)                                                   \
    X(NOTE_GPU_DISMOUNT_ASKED, "gpu-dismount", INFO)                                               \
    X(NOTE_GPU_MOUNT_ASKED, "gpu-mount", INFO)                                                     \
    X(NOTE_GPU_RELEASE_ASKED, "gpu-release", INFO)                                                 \
    X(NOTE_DEVICE_WATCHED, "device-watched", INFO)                                                 \
    X(NOTE_DEVICE_UNWATCHED, "device-unwatched", INFO)                                             \
    X(NOTE_GPU_SPLIT_ASKED, "gpu-partition", INFO)                                                 \
    X(NOTE_GPU_SPLIT_UNLIKE_ASKED, "gpu-partition", INFO)                                          \
    X(NOTE_GPU_WHOLE_ASKED, "gpu-partition", INFO)                                                 \
    X(NOTE_NODE_PAUSED, "node-paused", INFO)                                                       \
    X(NOTE_NODE_RESUMED, "node-resumed", INFO)                                                     \
    X(NOTE_NODE_DRAIN_ASKED, "node-drain", INFO)                                                   \
    X(NOTE_NODE_FORCED_DRAIN_ASKED, "node-drain", INFO)                                            \
    X(NOTE_NODE_SHUTDOWN_ASKED, "node-shutdown-asked", INFO)                                       \
    X(NOTE_NODE_REBOOT_ASKED, "node-reboot-asked", INFO)                                           \
    X(NOTE_NODE_CONFIRMED_OFF, "node-confirmed-off", INFO)                                         \
    X(NOTE_NODE_SET, "node-set", INFO)                                                             \
    X(NOTE_NODE_REMOVED, "node-removed", INFO)                                                     \
    X(NOTE_FENCE_TEST_ASKED, "fence-test-asked", INFO)                                             \
    X(NOTE_POOL_CREATED, "pool-created", INFO)                                                     \
    X(NOTE_POOL_EXTENDED, "pool-extended", INFO)                                                   \
    X(NOTE_POOL_REDUCED, "pool-reduced", INFO)                                                     \
    X(NOTE_POOL_CHANGED, "pool-changed", INFO)                                                     \
    X(NOTE_POOL_REMOVED, "pool-removed", INFO)                                                     \
    X(NOTE_VM_ADDED, "vm-added", INFO)                                                             \
    X(NOTE_VM_ADDED_PRIVILEGED, "vm-added-privileged", INFO)                                       \
    X(NOTE_VM_DEFINED, "vm-defined", INFO)                                                         \
    X(NOTE_VM_DEFINED_PRIVILEGED, "vm-defined-privileged", INFO)                                   \
    X(NOTE_VM_SET, "vm-set", INFO)                                                                 \
    X(NOTE_VM_REMOVAL_ASKED, "vm-removed", INFO)                                                   \
    X(NOTE_VM_ASSIGNED, "vm-assigned", INFO)                                                       \
    X(NOTE_VM_UNASSIGNED, "vm-unassigned", INFO)                                                   \
    X(NOTE_VM_UNASSIGNED_STOPPED, "vm-unassigned", INFO)                                           \
    X(NOTE_VM_START_ASKED, "vm-start-asked", INFO)                                                 \
    X(NOTE_VM_STOP_ASKED, "vm-stop-asked", INFO)                                                   \
    X(NOTE_VM_OFF_ASKED, "vm-stop-asked", INFO)                                                    \
    X(NOTE_VM_MOVE_ASKED, "vm-move-asked", INFO)                                                   \
    X(NOTE_VM_MOVE_AWAY_ASKED, "vm-move-asked", INFO)                                              \
    X(NOTE_VM_MOVE_CANCEL_ASKED, "vm-move-cancel-asked", INFO)                                     \
    X(NOTE_VM_ADOPT_ASKED, "vm-adopt-asked", INFO)                                                 \
    X(NOTE_VM_GONE_CONFIRMED, "vm-gone-confirmed", INFO)                                           \
    X(NOTE_DOMAINS_READ, "domains-read", INFO)                                                     \
    X(NOTE_VM_SCREEN_OPENED, "vm-screen-opened", INFO)                                             \
    X(NOTE_VM_CONSOLE_OPENED, "vm-console-opened", INFO)

#define NOTE_MEMBER_(id, text, severity) id,
enum note_code { NOTE_LIST(NOTE_MEMBER_) ORDER_LIST(NOTE_MEMBER_) note_code_count };
#undef NOTE_MEMBER_

enum { note_core_count = NOTE_CLUSTER_SET }; /* before it: those of the core */

/* "node-silent"; static. */
const char *note_code_name(enum note_code code);
/* Of several that have that name, which one 'code' is: 0 the first. */
uint32_t note_code_way(enum note_code code);
/* NOTE_NONE: there is none, in this version. */
enum note_code note_code_find(const char *name, uint32_t way);
enum severity note_severity(enum note_code code);

struct note {
    enum note_code code;
    char subject[name_size];
    struct facts facts;
    struct cause cause; /* NONE: the code says it all */
};
