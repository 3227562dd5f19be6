/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How this node becomes a member, stays one, and begins again: the states of self.h, moved. A new
 * incarnation begins only when no instance of an earlier one exists.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool membership_init(struct core *core);
void membership_event(struct core *core, const struct core_event *event);
void membership_step(struct core *core);
