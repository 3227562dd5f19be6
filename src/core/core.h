/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The core: everything that one berthd decides. One door, core_step(): an event goes in, actions
 * and notes come out. No clock, no I/O, no randomness: time is inside the event, and the same
 * events lead to the same actions. berthd (src/run) and the simulator run this same code.
 *
 * Two machines share the door. The *node agent* keeps this node's heartbeat, its watchdog, its GPUs
 * and its VMs; the *coordinator*, active on one node at a time, fences, places and recovers. Both
 * work by level: each step compares what is wanted with what is, and orders the difference; nothing
 * depends on having seen a certain event.
 *
 * If memory runs out the process ends (abort): berthd is restarted, finds its VMs running and goes
 * on, well inside the self-stop time.
 */
#pragma once

#include "model/txn.h"
#include "model/world.h"

struct core_config {
    char node[name_size];
    char boot_id[40]; /* of this boot of the host */
};

/* ---- events ---- */

#define CORE_EVENT_LIST(X)                                                                         \
    X(CORE_TICK, "tick")                         /* time passed: 'wake_ms' was reached */          \
    X(CORE_STORE_RESET, "store-reset")           /* a snapshot begins */                           \
    X(CORE_STORE_RECORD, "store-record")         /* 'record' */                                    \
    X(CORE_STORE_REMOVED, "store-removed")       /* 'key', 'revision' */                           \
    X(CORE_STORE_UNREADABLE, "store-unreadable") /* 'key' is there, but its value is no record */  \
    X(CORE_STORE_SYNCED, "store-synced")         /* the snapshot is whole, up to 'revision' */     \
    X(CORE_STORE_PROGRESS, "store-progress")     /* all up to 'revision' has been told */          \
    X(CORE_TXN_DONE, "txn-done")                 /* 'id', 'outcome', 'revision', 'text' */         \
    X(CORE_ACTION_DONE, "action-done")           /* 'id', 'result', 'text', 'culprit' */           \
    X(CORE_VM_EXISTS, "vm-exists")           /* 'name', 'epoch', 'is_up' (false: being made) */    \
    X(CORE_VM_GONE, "vm-gone")               /* 'name', 'epoch', 'text' */                         \
    X(CORE_VMS_LISTED, "vms-listed")         /* every VM that exists here has been told */         \
    X(CORE_HYPERVISOR, "hypervisor")         /* 'is_up', 'text' */                                 \
    X(CORE_INVENTORY, "inventory")           /* 'record': what the host has now */                 \
    X(CORE_WATCHDOG_FOUND, "watchdog-found") /* 'is_up': usable; 'span_ms': adopted, ticking */    \
    X(CORE_LEAVE, "leave")                   /* berthd is to stop, VMs go on */
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
    msec_t span_ms;
    const char *text;               /* NULL: none */
    const struct gpu_slot *culprit; /* the device that made a start fail, or NULL */
};

/* ---- actions ---- */

#define CORE_ACTION_LIST(X)                                                                        \
    X(ACTION_TXN, "txn")                         /* 'txn', 'limit_ms'; answer: CORE_TXN_DONE */    \
    X(ACTION_BARRIER, "barrier")                 /* a linearizable read; answer: CORE_TXN_DONE */  \
    X(ACTION_VM_START, "vm-start")               /* 'spec', 'placement', 'incarnation' */          \
    X(ACTION_VM_STOP, "vm-stop")                 /* 'name', 'epoch', 'offline', 'limit_ms' */      \
    X(ACTION_VM_KILL, "vm-kill")                 /* 'name', 'epoch': now, not through libvirt */   \
    X(ACTION_VM_KILL_ALL, "vm-kill-all")         /* and let none start until vm-reopen */          \
    X(ACTION_VM_REOPEN, "vm-reopen")             /* no answer */                                   \
    X(ACTION_WATCHDOG_ARM, "watchdog-arm")       /* 'limit_ms': its time-out */                    \
    X(ACTION_WATCHDOG_PET, "watchdog-pet")       /* 'deadline_ms'; no answer */                    \
    X(ACTION_WATCHDOG_DISARM, "watchdog-disarm") /* no answer */                                   \
    X(ACTION_GPU_DISMOUNT, "gpu-dismount")       /* 'address' */                                   \
    X(ACTION_GPU_MOUNT, "gpu-mount")             /* 'address' */                                   \
    X(ACTION_GPU_SPLIT, "gpu-split")             /* 'address' into 'count' partitions; 0: none */  \
    X(ACTION_FENCE_OFF, "fence-off") /* 'spec': the node's; off and its status says so */          \
    X(ACTION_LEAVE, "leave")         /* berthd may end now; no answer */
ENUM_DECLARE(core_action_kind, CORE_ACTION_LIST)

/* Lent until the next step. Every action with an answer is answered exactly once, ever. */
struct core_action {
    enum core_action_kind kind;
    uint64_t id;          /* 0: no answer wanted */
    char name[name_size]; /* VM, or node to fence */
    uint64_t epoch;
    uint64_t incarnation;
    msec_t limit_ms;
    bool is_forced;     /* gpu-dismount: although the host uses it */
    msec_t deadline_ms; /* watchdog-pet: do not, if it is later than this */
    enum offline_action offline;
    struct pci_address address;
    uint32_t count;
    struct txn txn;
    struct record *spec; /* VM's or node's */
    struct record *placement;
};

/* What happened, for people: journal, event stream and transcripts. Rendered outside. */
struct core_note {
    enum severity severity;
    const char *code; /* static: "node-silent" */
    char subject[name_size];
    char text[400];
};

struct core_update {
    const struct core_action *actions;
    size_t action_len;
    const struct core_note *notes;
    size_t note_len;
    msec_t wake_ms; /* call again with CORE_TICK then at the latest; MSEC_NEVER */
};

struct core;

/* NULL without memory. */
struct core *core_new(const struct core_config *config);
struct core *core_free(struct core *core); /* returns NULL */
CLEANUP_POINTER(struct core, core_free)

/* The only door. '*ret' is lent until the next step. */
void core_step(struct core *core, const struct core_event *event, struct core_update *ret);

/* The core's picture of the store, lent until the next step. */
const struct world *core_world(const struct core *core);

/* Whether this node coordinates, as far as it knows. */
bool core_is_coordinator(const struct core *core);
/* The incarnation under which it is a member, 0 if it is not one now. */
uint64_t core_incarnation(const struct core *core);
