/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the records say together about one node, GPU, pool or VM, and why, as codes. All pointers
 * are lent from the world.
 */
#pragma once

#include "api/exchange.h"
#include "model/gpu_device.h"

/* ---- nodes ---- */

#define NODE_STATE_LIST(X)                                                                         \
    X(NODE_STATE_UP, "up")                                                                         \
    X(NODE_STATE_PAUSED, "paused")                                                                 \
    X(NODE_STATE_QUARANTINED, "quarantined") /* it came and went: no VMs for a while */            \
    X(NODE_STATE_DRAINING, "draining")                                                             \
    X(NODE_STATE_DRAINED, "drained")                                                               \
    X(NODE_STATE_GOING_DOWN, "going-down") /* it is being shut down or rebooted */                 \
    X(NODE_STATE_SHUT_DOWN, "shut-down")   /* in order, and no VM is left there */                 \
    X(NODE_STATE_SILENT, "silent")         /* no heartbeat for three of them */                    \
    X(NODE_STATE_FENCING, "fencing")       /* silent, and could not be turned off yet */           \
    X(NODE_STATE_FENCED, "fenced")         /* proven gone */                                       \
    X(NODE_STATE_UNKNOWN, "unknown")       /* nothing is told of it now */                         \
    X(NODE_STATE_NEVER_SEEN, "never-seen")
ENUM_DECLARE(node_state, NODE_STATE_LIST)

struct node_facts {
    const char *name;
    const struct node_spec *spec;           /* never NULL: the defaults where none is stored */
    const struct node_inventory *inventory; /* this and the next: NULL while there is none */
    const struct node_alive *alive;
    const struct node_fence *fence;
    const struct node_standing *standing; /* NULL: the coordinator has not looked at it yet */
    revision_t revision;                  /* of the spec; 0: none is stored */
    enum pulse pulse;
    msec_t silent_ms;
    enum node_state state;
    struct cause why; /* NONE: the state says it all */
};

/* Why nothing is known of the heartbeats: no coordinator is heard, or this API is too young. */
enum cause_code node_unknown_cause(const struct api_view *view);

/* False: no one has ever heard of a node of that name. */
bool node_facts(const struct api_view *view, const char *name, struct node_facts *ret);

typedef VEC(const char *) names_t;

/* Every node's name, sorted, lent; VEC_DONE it. False without memory. */
bool node_names(const struct world *world, names_t *ret);

/* The records of 'kind' in the natural order of their names; VEC_DONE them. False without memory.
 */
typedef VEC(const struct record *) records_t;
bool records_in_order(const struct world *world, enum record_kind kind, records_t *ret);

/* How many VMs have their place on each of 'names' (sorted), into 'ret', as many. */
void node_vm_counts(const struct world *world, const char *const *names, size_t len, uint32_t *ret);

/* What these VMs have of each, as their definitions say; the same. */
struct node_load {
    uint32_t vms;
    uint64_t cpus, memory_mib;
};
void node_loads(const struct world *world, const char *const *names, size_t len,
                struct node_load *ret);

/* ---- GPUs ---- */

#define GPU_STATE_LIST(X)                                                                          \
    X(GPU_STATE_ASSIGNED, "assigned")             /* a VM holds it */                              \
    X(GPU_STATE_FAILED, "failed")                 /* a VM holds it, and it failed */               \
    X(GPU_STATE_AVAILABLE, "available")           /* in a pool, and free */                        \
    X(GPU_STATE_AWAY, "away")                     /* the same, but its host is not heard */        \
    X(GPU_STATE_CLEANING, "cleaning")             /* not handed out until it is erased */          \
    X(GPU_STATE_QUARANTINED, "quarantined")       /* not handed out until released */              \
    X(GPU_STATE_MISSING, "missing")               /* in a pool, but the host does not show it */   \
    X(GPU_STATE_DISMOUNTED, "dismounted")         /* taken from the host, in no pool */            \
    X(GPU_STATE_DISMOUNTING, "dismounting")       /* to be taken from the host */                  \
    X(GPU_STATE_MOUNTING, "mounting")             /* to be given back to the host */               \
    X(GPU_STATE_PARTITIONED, "partitioned")       /* its partitions are listed behind it */        \
    X(GPU_STATE_PARTITIONING, "partitioning")     /* to be divided, or to be whole again */        \
    X(GPU_STATE_HOST, "host")                     /* the host's; can be dismounted */              \
    X(GPU_STATE_NOT_ASSIGNABLE, "not-assignable") /* the survey says why */
ENUM_DECLARE(gpu_state, GPU_STATE_LIST)

/* A card, or a partition of one. */
struct gpu_facts {
    const char *node;
    struct gpu_slot slot;
    struct gpu_device device;               /* {0}: missing */
    const struct gpu *gpu;                  /* the card; NULL: missing */
    const struct node_inventory *inventory; /* that it is in; NULL: missing */
    const struct dismount *dismount; /* what the node's spec wants of the card; NULL: nothing */
    uint32_t partition_len;          /* of the card */
    const char *pool;                /* that it, or a part of it, is in; NULL: none */
    const char *vm;                  /* that holds just that; NULL: none */
    const char *used_by;             /* the VM after which it is not erased yet; NULL: none */
    enum gpu_state state;
};

/* False: 'node' has no such device now; '*ret' is filled all the same. */
bool gpu_facts(const struct api_view *view, const char *node, const struct gpu_slot *slot,
               struct gpu_facts *ret);

typedef VEC(struct gpu_slot) slots_t;
void slots_done(slots_t *slots);

/* Every device of the inventory, each card before its partitions; slots_done() it. False
 * without memory. */
bool gpu_slots(const struct node_inventory *inventory, slots_t *ret);

/* The pool that has 'slot' of 'node', or if that is a card any partition of it; NULL: none. */
const struct record *pool_of(const struct world *world, const char *node,
                             const struct gpu_slot *slot);
/* Whether the card, or a part of it, is in 'pool'. */
bool pool_has_card(const struct pool *pool, const char *node, struct pci_address address);
/* Whether that very card or partition is in it. */
bool pool_has_slot(const struct pool *pool, const char *node, const struct gpu_slot *slot);
/* The VM that holds just that, or NULL. */
const char *holder_of(const struct world *world, const char *node, const struct gpu_slot *slot);
/* A VM that holds the card or a part of it, or NULL. */
const char *card_holder_of(const struct world *world, const char *node, struct pci_address address);

/* ---- pools ---- */

struct pool_counts {
    uint32_t total;
    uint32_t used;        /* held by a VM */
    uint32_t free;        /* a VM could get it now, if its node takes VMs */
    uint32_t quarantined; /* or missing: cannot be handed out */
    uint32_t away;        /* free, but on a node that is not up and active */
};

void pool_counts(const struct api_view *view, const struct record *pool, struct pool_counts *ret);
/* The same of one node: that of the member at '*at', which then is behind its members. */
void pool_counts_next(const struct api_view *view, const struct record *pool, size_t *at,
                      struct pool_counts *ret);

/* ---- VMs ---- */

#define VM_VIEW_LIST(X)                                                                            \
    X(VM_VIEW_RUNNING, "running")                                                                  \
    X(VM_VIEW_STARTING, "starting")                                                                \
    X(VM_VIEW_STOPPING, "stopping")                                                                \
    X(VM_VIEW_STOPPED, "stopped")                                                                  \
    X(VM_VIEW_WAITING, "waiting") /* the coordinator found no place: the reasons say why */        \
    X(VM_VIEW_FAILED, "failed")   /* its restart policy is used up */                              \
    X(VM_VIEW_AWAY, "away") /* migrated or saved past Berth, or seen where it has no place */      \
    X(VM_VIEW_UNKNOWN, "unknown") /* its node is silent */
ENUM_DECLARE(vm_view, VM_VIEW_LIST)

struct vm_facts {
    const char *name;
    const struct record *record; /* the spec's */
    const struct vm_spec *spec;
    const struct vm_placement *placement; /* NULL: none yet */
    const struct vm_status *status;       /* NULL: none yet */
    enum vm_view state;
    const char *node; /* where it has its place; "": nowhere */
    struct cause why; /* NONE: the state says it all */
    /* It runs, and that one of its GPUs failed or is not there any more; NULL: none. */
    const struct gpu_hold *failed_gpu;
};

/* False: no such VM. */
bool vm_facts(const struct api_view *view, const char *name, struct vm_facts *ret);

/* The VM that has this uuid, in capitals or small letters; NULL: none, or "". */
const char *vm_of_uuid(const struct world *world, const char *uuid);

/* The records of one VM; NULL where there is none, but for the spec. */
struct vm_row {
    const struct record *spec, *placement, *status;
};
typedef VEC(struct vm_row) vm_rows_t;

/* Every VM, in the natural order of their names; VEC_DONE them. False without memory. */
bool vm_rows(const struct world *world, vm_rows_t *ret);
void vm_row_facts(const struct api_view *view, const struct vm_row *row, struct vm_facts *ret);

/* It has a place, or may still run: nothing about its devices may change. */
bool vm_is_placed(const struct vm_facts *vm);
/* Killed, but its QEMU does not end: until its host is restarted nothing changes that. */
bool vm_is_unkillable(const struct vm_facts *vm);
/* The names of VMs that need 'pool', comma-separated, into 'ret' (at most a few are written out);
 * how many there are. */
uint32_t pool_users(const struct world *world, const char *pool, struct buf *ret);
