/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What to do when the greedy pass left VMs out: search for a better plan, or prove there is none.
 */
#pragma once

#include "plan/model.h"

/* The VMs of model->scratch.turns (the first 'vm_len') have their next places from the greedy pass;
 * afterwards from the best plan found. Sets plan->is_proven and plan->steps. How many are left out.
 */
uint32_t improve(struct plan_model *model, const struct plan_request *request, uint32_t vm_len,
                 struct plan *plan);
