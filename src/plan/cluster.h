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

#include "plan/picture.h"

/* 'world' and what 'options' points to must stay until plan_cluster_done(), which is due in either
 * case. 0 or -ENOMEM. */
int plan_cluster_make(const struct world *world, const struct plan_cluster_options *options,
                      struct plan_cluster *ret);
void plan_cluster_done(struct plan_cluster *cluster);

/* PLAN_NONE: there is none of that name. */
uint32_t plan_cluster_find_node(const struct plan_cluster *cluster, const char *name);
uint32_t plan_cluster_find_vm(const struct plan_cluster *cluster, const char *name);

/* Whether 'node' takes no VM and runs none as far as is known; if so, why, into '*ret_why', which
 * else stays. */
bool plan_cluster_is_down(const struct plan_cluster *cluster, const char *node,
                          struct cause *ret_why);

/* The GPU, and the pool that it is of. */
struct gpu_hold plan_cluster_hold(const struct plan_cluster *cluster, uint32_t gpu);

/* Why 'node' does not take 'vm' under 'request' (may be NULL); CAUSE_FITS: it does. 'wait' is what
 * the plan says of a VM that waits; PLAN_WAIT_ROOM where there is no plan. */
struct cause plan_cluster_why(const struct plan_cluster *cluster,
                              const struct plan_request *request, enum plan_wait wait, uint32_t vm,
                              uint32_t node);
