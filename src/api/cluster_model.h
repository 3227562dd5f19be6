/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The present world as the planner's model, as the coordinator makes it (plan/cluster.h), for
 * questions only. */
#pragma once

#include "api/facts.h"
#include "plan/cluster.h"

/* 'vms': of which the question says something; may be NULL. 'view' and 'vms' must stay until
 * plan_cluster_done(), which is due in either case. False without memory. */
bool cluster_model_make(const struct api_view *view, const struct plan_cluster_vm *vms,
                        size_t vm_len, struct plan_cluster *ret);

/* While it is the same for one world, so is its model without 'vms', and what there is to say of
 * it. Heartbeats do not change it. */
uint64_t cluster_model_key(const struct api_view *view);
