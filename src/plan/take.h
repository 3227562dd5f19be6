/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Next places: what a VM takes while the plan is being made, beside the place that it may have. */
#pragma once

#include "plan/model.h"

/* 'vm' takes GPUs and room on 'node', its next. False, nothing taken, if the cards are not there.
 */
bool take_place(struct plan_model *model, uint32_t vm, uint32_t node);
/* 'vm' gives its next place back. */
void take_back(struct plan_model *model, uint32_t vm);
/* 'vm' takes the best place there is. False if there is none. */
bool take_best_place(struct plan_model *model, const struct plan_request *request, uint32_t vm);
/* Those of the first 'turn_len' VMs in line that have no next place take the best there is. How
 * many go without. */
uint32_t take_best_places(struct plan_model *model, const struct plan_request *request,
                          uint32_t turn_len);
/* 'vm' leaves the place that it has; plan->left, which has room for it, remembers. */
void take_leave(struct plan_model *model, uint32_t vm, struct plan *plan);
/* Appends the GPUs that 'vm' holds on 'node' to plan->gpus, which has room for them; how many. */
uint32_t take_list_gpus(const struct plan_model *model, struct plan *plan, uint32_t vm,
                        uint32_t node);
