/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Room for VMs that found none, at the cost of others that run: only if the request allows it. */
#pragma once

#include "plan/model.h"

/*
 * Gives VMs of model->scratch.turns (the first 'vm_len') that have no next place one, by moving
 * running VMs elsewhere (if they may be moved), or by stopping some of lower priority (if they may
 * be preempted). Those leave their places at once: plan->left and plan->evictions say so.
 */
void evict_for_waiting(struct plan_model *model, const struct plan_request *request,
                       uint32_t vm_len, struct plan *plan);
