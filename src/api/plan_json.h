/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner answered, as /v1/plan and 'berth plan --state' show it. */
#pragma once

#include "plan/question.h"

#include <jansson.h>

/* Why each node does, or does not, take a VM under 'request' (may be NULL): [{"subject", "text",
 * "fits"}]. A new tree; NULL without memory. */
json_t *plan_reasons_json(const struct plan_cluster *cluster, const struct plan_request *request,
                          enum plan_wait why, uint32_t vm);

/* How a VM goes there, into 'json': "migration", and by a restart "why". DEFAULT: nothing. */
void plan_put_way(json_t *json, enum migration way, const struct cause *why);

/* {"action", "placements", "left_out", "evicted", "proven"}. */
json_t *plan_outcome_json(const struct plan_outcome *outcome);
