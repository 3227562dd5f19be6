/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of this node that are no GPUs, and that its host is to list like them. */
#pragma once

#include "core/ground.h"

/* False without memory. */
bool watch_init(struct core *core);
void watch_done(struct core *core);

/* Tells the host what to look at, if that is another list than it has. Whether it was told just
 * now: what it showed before does not have all of them. */
bool watch_tell(struct core *core);
