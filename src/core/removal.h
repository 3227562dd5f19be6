/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes that an administrator takes out of the cluster for good. */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool removal_init(struct core *core);
void removal_event(struct core *core, const struct core_event *event);
/* By level: goes on with the removals that are ordered. While this node coordinates. */
void removal_step(struct core *core);
