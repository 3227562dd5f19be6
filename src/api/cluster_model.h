/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The present world as the planner's model, as the coordinator makes it (plan/cluster.h), for
 * questions only. */
#pragma once

#include "api/facts.h"
#include "plan/cluster.h"

/* What the planner has to be told beside the records; lent from 'view'. */
struct plan_cluster_options cluster_model_options(const struct api_view *view);

/* 'view' must stay until plan_cluster_done(), which is due in either case. False without memory. */
bool cluster_model_make(const struct api_view *view, struct plan_cluster *ret);

/* While it is the same for one world, so is its model, and what there is to say of
 * it. Heartbeats do not change it. */
uint64_t cluster_model_key(const struct api_view *view);
