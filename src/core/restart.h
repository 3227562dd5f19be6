/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a VM that ended unasked: here again, elsewhere, or not any more. What was tried
 * is counted in its placement, so that the next coordinator goes on counting; a VM that ran for its
 * policy's window has its counts cleared.
 *
 * Two things are counted apart: ends of the VM itself, and hosts that were lost under it. A VM that
 * brings down host after host is stopped before it has brought down all of them.
 */
#pragma once

#include "core/job.h"

/* It is to run, and its instance is gone. */
void restart_ended(struct core *core, const struct view *view, struct jobs *jobs);
/* Its host is lost or was shut down, and its priority says that only an administrator starts it. */
void restart_stay_off(struct core *core, const struct view *view);
/* It runs: clears its counts when it did so for long enough. */
void restart_forgive(struct core *core, const struct view *view);
