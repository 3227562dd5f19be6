/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store's records as the planner's model: the one picture of the cluster upon which the
 * coordinator decides, and out of which people are told what it would decide. It is built anew for
 * each question: it is small, and nothing can be forgotten in it. What the records do not say comes
 * from the caller (struct plan_cluster_options).
 *
 * Pure, like plan.h. A plan_cluster belongs to the thread of its world.
 */
#pragma once

#include "model/world.h"
#include "plan/plan.h"

/* What a question says of one VM. */
struct plan_cluster_vm {
    const char *name;
    const char *prefer_node; /* before its preferred owners; NULL: none */
    bool is_anew;            /* what it has does not count: it is to be placed anew */
    bool is_pinned;          /* it is not to make room for others */
};

struct plan_cluster_options {
    const void *context;
    /* Whether 'node' is up and may be trusted with VMs, for all that is not in its inventory; if
     * not, why, into 'ret_why' of 'size' bytes, which else stays. */
    bool (*is_up)(const void *context, const char *node, char *ret_why, size_t size);
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
    struct plan_cluster_options options;
    struct plan_model *model;
    VEC(const char *) pools;
    VEC(const char *) nodes;              /* sorted */
    VEC(const char *) vms;                /* sorted */
    VEC(struct plan_device) devices;      /* by node, slot */
    VEC(const struct vm_status *) blamed; /* by them a card is known to be bad */
    VEC(const struct record *)
    leaving; /* placements of VMs that were removed and still stop: what
                they hold counts, but they are no VMs of the model */
};

/* 'world' and what 'options' points to must stay until plan_cluster_done(), which is due in either
 * case. 0 or -ENOMEM. */
int plan_cluster_make(const struct world *world, const struct plan_cluster_options *options,
                      struct plan_cluster *ret);
void plan_cluster_done(struct plan_cluster *cluster);

/* PLAN_NONE: there is none of that name. */
uint32_t plan_cluster_find_node(const struct plan_cluster *cluster, const char *name);
uint32_t plan_cluster_find_vm(const struct plan_cluster *cluster, const char *name);

/* Whether 'node' takes no VM and runs none as far as is known; if so, why, into 'ret' of 'size'
 * bytes, which else stays. */
bool plan_cluster_is_down(const struct plan_cluster *cluster, const char *node, char *ret,
                          size_t size);

/* The GPU, and the pool that it is of. */
struct gpu_hold plan_cluster_hold(const struct plan_cluster *cluster, uint32_t gpu);

/* Why 'node' does not take 'vm' under 'request' (may be NULL), or "fits", into 'ret' of 'size'
 * bytes; whether it does. 'why' is what the plan says of a VM that waits; PLAN_WAIT_ROOM where
 * there is no plan. */
bool plan_cluster_fits(const struct plan_cluster *cluster, const struct plan_request *request,
                       enum plan_wait why, uint32_t vm, uint32_t node, char *ret, size_t size);
