/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order in which VMs are placed: by priority, then big ones first, then by name. */
#pragma once

#include "plan/model.h"

/* Puts 'vm' at 'place' of model->scratch.turns, for which there is room. */
void order_set(struct plan_model *model, uint32_t place, uint32_t vm);
/* Sorts the first 'len' of them. */
void order_sort(struct plan_model *model, uint32_t len);
