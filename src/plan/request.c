/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The door: a request, with a reserve or without. */
#include "plan/place.h"
#include "plan/reserve.h"

ENUM_DEFINE(plan_wait, PLAN_WAIT_LIST)

int plan_place(struct plan_model *model, const struct plan_request *request, struct plan *plan)
{
    return request->reserve > 0 ? place_within_reserve(model, request, plan)
                                : place_request(model, request, plan);
}
