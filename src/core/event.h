/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes into the core: who it is, once, and one event a step. */
#pragma once

#include "model/record.h"
#include "model/txn.h"

struct core_config {
    char node[name_size];
    char boot_id[40]; /* of this boot of the host */
    /* The incarnation in which this boot was last a member, as ACTION_IDENTITY had it kept; 0: it
     * has not joined yet. */
    uint64_t joined_incarnation;
    char cluster[cluster_id_size];       /* that it joined then; "": none */
    char fresh_cluster[cluster_id_size]; /* a new UUID: of the cluster that this berthd may make */
};

#define CORE_EVENT_LIST(X)                                                                         \
    X(CORE_TICK, "tick")                   /* time passed: 'wake_ms' was reached */                \
    X(CORE_STORE_RESET, "store-reset")     /* a snapshot begins; 'is_up': with all heartbeats */   \
    X(CORE_STORE_RECORD, "store-record")   /* 'record' */                                          \
    X(CORE_STORE_REMOVED, "store-removed") /* 'key', 'revision' */                                 \
    X(CORE_STORE_UNREADABLE, "store-unreadable") /* 'key' is there, but its value is no record */  \
    X(CORE_STORE_SYNCED, "store-synced")         /* the snapshot is whole, up to 'revision' */     \
    X(CORE_STORE_PROGRESS, "store-progress")     /* all up to 'revision' has been told */          \
    X(CORE_TXN_DONE, "txn-done")                 /* 'id', 'outcome', 'revision', 'text' */         \
    X(CORE_ACTION_DONE, "action-done")           /* 'id', 'result', 'text', 'culprit' */           \
    X(CORE_VM_EXISTS, "vm-exists") /* 'name', 'epoch', 'node', 'is_up' (false: being made), */     \
                                   /* 'has_arrived', 'is_stranded', 'is_halted' */                 \
    X(CORE_VM_GONE, "vm-gone")     /* 'name', 'epoch', 'text', 'is_away' */                        \
    X(CORE_VM_GUEST, "vm-guest") /* 'name', 'epoch': its agent was asked; 'is_up': it answers, */  \
                                 /* 'is_silent'; neither: no one can say */                        \
    X(CORE_VM_MOVING, "vm-moving")   /* 'name', 'epoch', 'progress' of its migration from here */  \
    X(CORE_VM_FOREIGN, "vm-foreign") /* 'name', of cluster 'text', runs here: none of ours */      \
    X(CORE_VMS_LISTED, "vms-listed") /* every VM that exists here has been told */                 \
    X(CORE_HYPERVISOR, "hypervisor") /* 'is_up', 'text' */                                         \
    X(CORE_INVENTORY, "inventory")   /* 'record': what the host has now */                         \
    X(CORE_WATCHDOG_FOUND, "watchdog-found") /* 'is_up': usable; 'span_ms': adopted, ticking */    \
    X(CORE_RESOLVE, "resolve")   /* an administrator on this host; 'is_up': adopt, else clear */   \
    X(CORE_SHUTDOWN, "shutdown") /* the host goes down */                                          \
    X(CORE_LEAVE, "leave")       /* berthd is to stop; VMs go on, unless the host goes down */
ENUM_DECLARE(core_event_kind, CORE_EVENT_LIST)

#define CORE_RESULT_LIST(X)                                                                        \
    X(CORE_DONE, "done")                                                                           \
    X(CORE_FAILED, "failed")                                                                       \
    X(CORE_UNKNOWN, "unknown") /* not known whether it happened */
ENUM_DECLARE(core_result, CORE_RESULT_LIST)

/* Borrowed for the call. Only the fields that the kind names are looked at. */
struct core_event {
    enum core_event_kind kind;
    msec_t now_ms; /* monotonic; never less than in the event before */
    struct record *record;
    const struct record_key *key;
    revision_t revision;
    uint64_t id;
    enum txn_outcome outcome;
    enum core_result result;
    const char *name;
    uint64_t epoch;
    bool is_up;
    bool has_arrived; /* it came by a migration and has all of its guest, which does not run yet */
    bool is_stranded; /* it is up, but a migration from here paused it */
    bool is_halted;   /* it is up, but QEMU paused it for its watchdog, or a crash */
    bool is_silent;   /* its agent is there, and did not answer in time */
    bool is_away;     /* it was migrated or saved: it is not here, and not gone */
    const char *node; /* that started the VM; NULL: this one */
    msec_t span_ms;   /* action-done of vm-migrate: the guest has stood still for so long; 0: not
                         known */
    const struct move_progress *progress;
    const char *text;               /* NULL: none */
    const struct gpu_slot *culprit; /* the device that made a start fail, or NULL */
};
