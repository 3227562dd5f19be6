/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The coordinator's part about VMs that are being handed over (handover.h): when the copy takes
 * over, when the hand-over is withdrawn, and how it goes on after that.
 */
#pragma once

#include "core/change.h"

/* Of a move that is being ordered, whose next place is set in 'draft': without a stop, if that can
 * be. Whether it is. */
bool handing_begin(const struct core *core, const struct view *view, struct record *draft);

/* Whether 'view's VM is being handed over: then handing_decide() decides alone. */
bool handing_is(const struct view *view);
void handing_decide(struct core *core, const struct view *view);
