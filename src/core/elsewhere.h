/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The coordinator's part about VMs that left past Berth: migrated or saved by someone. Nothing is
 * decided about them by itself, as no one knows what was meant. An administrator says so: it stays
 * where it is seen (adopt), or it runs nowhere any more (confirm-gone).
 */
#pragma once

#include "core/change.h"

/* Whether it is neither where it was ordered nor gone: it was migrated or saved, or runs where it
 * was not ordered, or was adopted there and that host has not told of it yet. */
bool elsewhere_is(const struct core *core, const struct view *view);

/* Carries out what an administrator said of it; 'view' has a spec. */
void elsewhere_decide(struct core *core, const struct view *view);
