/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An orderly end of this berthd: its watchdog is let go first. Its VMs go on, unless the host goes
 * down and must not leave any: then they have ended first.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool leaving_init(struct core *core);
void leaving_event(struct core *core, const struct core_event *event);
void leaving_step(struct core *core);
/* Whether berthd was told to end. */
bool leaving_is_asked(const struct core *core);
