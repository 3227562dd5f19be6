/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The present world as the planner's model, for questions only: the coordinator makes its own. */
#pragma once

#include "api/facts.h"
#include "plan/plan.h"

struct cluster_model {
    struct plan_model *model;
    names_t nodes;                /* by the model's index, which is also sorted */
    names_t pools;                /* by index */
    VEC(struct gpu_slot) devices; /* by index */
};

/* False without memory; cluster_model_done() in either case. The names are the world's. */
bool cluster_model_make(const struct api_view *view, struct cluster_model *ret);
void cluster_model_done(struct cluster_model *model);

/* PLAN_NONE: there is none of that name. */
uint32_t cluster_model_node(const struct cluster_model *model, const char *name);
uint32_t cluster_model_vm(const struct cluster_model *model, const char *name);

/* Why the node does not take the VM, or "fits", into 'ret'; whether it would take it. 'code' NULL.
 */
bool cluster_model_reason(const struct api_view *view, const struct cluster_model *model,
                          const struct plan_request *request, uint32_t vm, uint32_t node, char *ret,
                          size_t size);
