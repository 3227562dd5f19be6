/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMs that were removed and have not stopped yet: they have a placement, but no spec. What they
 * hold counts on their host, but they are no VMs of the planner's model. So do VMs that someone
 * migrated to a host past Berth, where they have no placement. For cluster.c only.
 */
#pragma once

#include "plan/picture.h"

/* Fills 'cluster->leaving'; false without memory. */
bool leaving_find(struct plan_cluster *cluster);
/* The one that holds 'slot' of 'node', lent; NULL: none. */
const char *leaving_holder(const struct plan_cluster *cluster, const char *node,
                           const struct gpu_slot *slot);
/* Takes off 'node' the CPUs and memory that they have there. */
void leaving_take(const struct plan_cluster *cluster, struct plan_node *node);
