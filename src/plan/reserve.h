/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starts that would leave the cluster unable to lose as many hosts as it should be. */
#pragma once

#include "plan/model.h"

/* plan_place() of a request with a reserve: GPU VMs are let in one by one in the order of placing,
 * as long as the reserve holds. */
int place_within_reserve(struct plan_model *model, const struct plan_request *request,
                         struct plan *plan);
