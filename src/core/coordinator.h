/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The coordinator's work on nodes: who is silent, who leads, who is proven off, what is remembered
 * of each. Its work on VMs is recover.h's.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

void coordinator_event(struct core *core, const struct core_event *event);
void coordinator_step(struct core *core);
