/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes out of core_step(): actions to carry out, and notes of what was decided. */
#pragma once

#include "model/record.h"
#include "model/txn.h"

#define CORE_ACTION_LIST(X)                                                                        \
    X(ACTION_TXN, "txn")                   /* 'txn', 'limit_ms'; answer: CORE_TXN_DONE */          \
    X(ACTION_BARRIER, "barrier")           /* a linearizable read; answer: CORE_TXN_DONE */        \
    X(ACTION_VM_START, "vm-start")         /* 'spec', 'placement', 'incarnation' */                \
    X(ACTION_VM_STOP, "vm-stop")           /* 'name', 'epoch', 'offline', 'limit_ms' */            \
    X(ACTION_VM_KILL, "vm-kill")           /* 'name', 'epoch': now, not through libvirt */         \
    X(ACTION_VM_KILL_ALL, "vm-kill-all")   /* and let none start until vm-reopen */                \
    X(ACTION_VM_REOPEN, "vm-reopen")       /* no answer */                                         \
    X(ACTION_VM_EXPECT, "vm-expect")       /* 'spec', 'epoch', 'incarnation': let that copy in */  \
    X(ACTION_VM_MIGRATE, "vm-migrate")     /* 'spec', 'epoch' to 'target' as 'to_epoch' */         \
    X(ACTION_VM_ABORT, "vm-abort")         /* 'name', 'epoch': end its migration; no answer */     \
    X(ACTION_VM_CONTINUE, "vm-continue")   /* 'name', 'epoch': a copy that has arrived runs */     \
    X(ACTION_WATCHDOG_ARM, "watchdog-arm") /* 'limit_ms': its time-out */                          \
    X(ACTION_WATCHDOG_PET, "watchdog-pet") /* 'deadline_ms'; no answer */                          \
    X(ACTION_WATCHDOG_DISARM, "watchdog-disarm") /* no answer */                                   \
    X(ACTION_GPU_DISMOUNT, "gpu-dismount")       /* 'address' */                                   \
    X(ACTION_GPU_MOUNT, "gpu-mount")             /* 'address' */                                   \
    X(ACTION_GPU_SPLIT, "gpu-split")             /* 'address' into 'count' partitions; 0: none */  \
    X(ACTION_GPU_MAKE, "gpu-make")               /* the vGPU of 'slot', of the type 'profile' */   \
    X(ACTION_GPU_ERASE, "gpu-erase")             /* 'slot', by the host's command 'name' */        \
    X(ACTION_GPU_CLEAR, "gpu-clear")             /* that of 'slot': there is none afterwards */    \
    X(ACTION_FABRIC, "fabric")                   /* its set 'name'; 'count': 1: on, 0: off */      \
    X(ACTION_FENCE_OFF, "fence-off") /* 'spec': the node's; by its agent 'count'; says off */      \
    X(ACTION_FENCE_STATUS, "fence-status") /* the same; done: it is off; failed: it is not */      \
    X(ACTION_POWER, "power")               /* 'power': this host shuts down or reboots */          \
    X(ACTION_WATCH, "watch") /* 'spec': look at its devices, too, from now on; no answer */        \
    X(ACTION_WATCH_BEATS, "watch-beats") /* 'count': 1: of all hosts, 0: its own; no answer */     \
    X(ACTION_CLUSTER, "cluster")         /* 'name': VMs are of that one from now on; no answer */  \
    X(ACTION_IDENTITY, "identity")       /* 'incarnation': keep for this boot; no answer */        \
    X(ACTION_LEAVE, "leave")             /* berthd may end now; no answer */
ENUM_DECLARE(core_action_kind, CORE_ACTION_LIST)

/* Lent until the next step. Every action with an answer is answered exactly once, ever. */
struct core_action {
    enum core_action_kind kind;
    uint64_t id;          /* 0: no answer wanted */
    char name[name_size]; /* VM, node to fence, id of the cluster, command */
    uint64_t epoch;
    uint64_t to_epoch;        /* vm-migrate: of the copy, ... */
    uint64_t to_incarnation;  /* ... in this incarnation of its host, ... */
    char target[name_size];   /* ... which is this one, ... */
    char target_address[256]; /* ... and takes it in there */
    uint32_t mib_s;           /* vm-migrate: of the network, at most; 0: any */
    msec_t pause_ms;          /* vm-migrate: so long the guest may stand still */
    uint64_t incarnation;
    msec_t limit_ms;
    bool is_forced;     /* gpu-dismount: although the host uses it */
    msec_t deadline_ms; /* watchdog-pet: do not, if it is later than this */
    enum offline_action offline;
    enum node_power power;
    struct pci_address address;
    uint32_t count;
    struct gpu_slot slot;
    char profile[gpu_profile_size]; /* gpu-make */
    struct dismount division;       /* gpu-split: into these vGPUs; its profile is "": into 'count'
                                       virtual       functions */
    struct txn txn;
    struct record *spec; /* VM's or node's */
    struct record *placement;
};
