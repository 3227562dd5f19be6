/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places for the VMs of a request; the reserve is not looked at. */
#pragma once

#include "plan/model.h"

/* plan_place() without the reserve. */
int place_request(struct plan_model *model, const struct plan_request *request, struct plan *plan);
