/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What belongs to no one any more: claims that no placement holds, and the oldest events. */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool sweep_init(struct core *core);
void sweep_event(struct core *core, const struct core_event *event);
/* The coordinator's. */
void sweep_step(struct core *core);
