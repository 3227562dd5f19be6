/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clusters for tests, as text; statements end with ';'. A node comes before who names it.
 *
 *     node a P=4 Q=2 cpus=8 memory=100 mode=paused label=zone1 numa=2 quarantined=1;
 *     vm v P=2 cpus=4 memory=10 priority=7 on=a owners=a,b possible=a,b label=zone1
 *        apart=w together=x apart!=y together!=z pinned=1;    ('!': enforced)
 *
 * 'numa=2' spreads the GPUs evenly over that many NUMA nodes; 'quarantined=1' takes the last one of
 * each pool. 'on' gives a running VM the lowest free GPUs. A VM may name VMs that come later.
 */
#pragma once

#include "plan/plan.h"
#include "test/test.h"

struct cluster {
    struct plan_model *model;
    struct plan plan;
    char *text; /* owns all names */
    char answer[4000];
};

/* Ends the test if 'text' is wrong. */
void cluster_init(struct cluster *cluster, const char *text);
void cluster_done(struct cluster *cluster);

uint32_t cluster_node(const struct cluster *cluster, const char *name);
uint32_t cluster_vm(const struct cluster *cluster, const char *name);

/* Places the VMs ("v w", or NULL: all without a place) under 'options' (may be NULL; its VMs do not
 * count) and returns what came of it: "v=a w=- not proven", VMs by name, lent until the next call.
 * The model has the plan afterwards. */
const char *cluster_place(struct cluster *cluster, const char *vms,
                          const struct plan_request *options);
/* The same for plan_what_if() with 'nodes' ("a b"). */
const char *cluster_what_if(struct cluster *cluster, const char *nodes, enum plan_mode mode,
                            const struct plan_request *options);
/* Why not: "a: paused; b: no GPU in pool P", nodes in order, lent until the next call. */
const char *cluster_explain(struct cluster *cluster, const char *vm,
                            const struct plan_request *options);

#define CLUSTER(name, text)                                                                        \
    __attribute__((cleanup(cluster_done))) struct cluster name;                                    \
    cluster_init(&name, text)
