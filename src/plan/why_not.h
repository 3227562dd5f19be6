/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a node does not take a VM: the planner's reason, in terms of the records. */
#pragma once

#include "plan/picture.h"

/* Why 'node' does not take 'vm' under 'request' (may be NULL); CAUSE_FITS: it does. 'wait' is what
 * the plan says of a VM that waits; PLAN_WAIT_ROOM where there is no plan. */
struct cause plan_cluster_why(const struct plan_cluster *cluster,
                              const struct plan_request *request, enum plan_wait wait, uint32_t vm,
                              uint32_t node);
