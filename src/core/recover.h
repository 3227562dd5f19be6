/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The coordinator's work on each VM, by level: what is wanted (spec), what is ordered (placement),
 * what is (status, and what is proven) -> the next placement, or a wait with its reasons.
 *
 *      none --placed--> start --stop wanted, move, drain--> stop --gone--> next place, or none
 *        ^                |
 *        `- nowhere to go-+-- gone (failed, host off) --placed--> start, next epoch
 *
 * One transaction a change. It demands that we still lead, that spec, placement and status are the
 * ones that were decided on, and that no one else holds the GPUs; it moves the claims along. So a
 * GPU is never held twice and no claim outlives its placement.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

void recover_event(struct core *core, const struct core_event *event);
void recover_step(struct core *core);
