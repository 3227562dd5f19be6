/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Since when a VM is as it is: every berthd notes when it saw a VM's state or order change, whether
 * it coordinates or not, so that the next coordinator need not count again.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool sight_init(struct core *core);
void sight_done(struct core *core);
void sight_event(struct core *core, const struct core_event *event);

/* Since when its status says the same state of the same epoch; now, if that is not known. */
msec_t sight_state_ms(struct core *core, const char *vm);
/* Since when its placement is this one; now, if that is not known. */
msec_t sight_placement_ms(struct core *core, const char *vm);
/* How often in a row our changes of it were refused; lent until the next call. */
uint32_t *sight_refusals(struct core *core, const char *vm);
