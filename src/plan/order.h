/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order in which VMs are placed: by priority, then big ones first, then by name. */
#pragma once

#include "plan/model.h"

/* Sorts the request's VMs into model->scratch.turns, for which there is room. */
void order_make(struct plan_model *model, const uint32_t *vms, uint32_t vm_len);
