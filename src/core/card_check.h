/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a card of this node may reach a VM, by what its host shows of it. */
#pragma once

#include "core/ground.h"

/* Whether it must not: '*ret_why' is why. 'entry' is what an administrator dismounted, 'gpu' what
 * the host shows there. */
bool card_check(const struct core *core, const struct dismount *entry, const struct gpu *gpu,
                struct cause *ret_why);
