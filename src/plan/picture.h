/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plan/cluster.h makes, as data: for it, its tools and its users. */
#pragma once

#include "model/world.h"
#include "plan/plan.h"
#include "plan/priority.h"

/* What a question says of one VM. */
struct plan_cluster_vm {
    const char *name;
    const char *prefer_node; /* before its preferred owners; NULL: none */
    bool is_new_place;       /* what it has does not count: it is to be placed again */
    bool is_pinned;          /* it is not to make room for others */
};

struct plan_cluster_options {
    const void *context;
    /* Whether 'node' is up and may be trusted with VMs, for all that is not in its inventory; if
     * not, why, into '*ret_why', which else stays. */
    bool (*is_up)(const void *context, const char *node, struct cause *ret_why);
    /* The placement of 'vm' that counts, lent; NULL: it has none. */
    const struct record *(*placement)(const void *context, const char *vm);
    const struct plan_cluster_vm *vms; /* those of which there is something to say */
    size_t vm_len;
    bool takes_any_card; /* hands out cards other than those that were meant: to prove that the
                            simulator notices */
};

/* What the index of a GPU stands for. */
struct plan_device {
    uint32_t node;
    uint32_t pool;
    struct gpu_slot slot;
    bool is_held; /* by a VM that was put into the model */
};

/* Indices are the model's. Names are the world's. */
struct plan_cluster {
    const struct world *world;
    uint32_t least_bits;          /* the narrowest guest addresses of any node; 0: none tells */
    uint64_t largest_mmio;        /* of any device of any node */
    uint32_t huge_default_kib;    /* what a VM gets that names no size; 0: no node tells */
    struct node_inventory common; /* only its networks: those of all nodes that tell theirs */
    struct plan_cluster_options options;
    VEC(const struct plan_cluster_vm *) questions; /* those of 'options', by name */
    struct plan_model *model;
    VEC(const char *) pools;
    VEC(const char *) nodes;              /* sorted */
    VEC(const char *) vms;                /* sorted */
    VEC(struct plan_device) devices;      /* by node, slot */
    VEC(const struct vm_status *) blamed; /* by them a card is known to be bad */
    inherited_priorities_t priorities;
    VEC(const struct record *)
    leaving; /* placements of VMs that were removed and still stop: what
                they hold counts, but they are no VMs of the model */
};

/* PLAN_NONE: there is none of that name. */
uint32_t plan_cluster_find_node(const struct plan_cluster *cluster, const char *name);
uint32_t plan_cluster_find_vm(const struct plan_cluster *cluster, const char *name);

/* Whether 'node' takes no VM and runs none as far as is known; if so, why, into '*ret_why', which
 * else stays. */
bool plan_cluster_is_down(const struct plan_cluster *cluster, const char *node,
                          struct cause *ret_why);

/* The GPU, and the pool that it is of. */
struct gpu_hold plan_cluster_hold(const struct plan_cluster *cluster, uint32_t gpu);
