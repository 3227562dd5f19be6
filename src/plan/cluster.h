/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store's records as the planner's model: the one picture of the cluster on which the
 * coordinator decides, and out of which people are told what it would decide. It is built again for
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
