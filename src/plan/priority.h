/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM that others start after is as important as the most important of them that is to run. Else
 * one of them could have it stopped to get its room, and would then wait for it; and a VM between
 * the two could keep it from starting, and so the important one.
 */
#pragma once

#include "model/world.h"

struct inherited_priority {
    const char *vm; /* lent by the world */
    uint32_t priority;
};
typedef VEC(struct inherited_priority) inherited_priorities_t;

/* Adds those that VMs inherit, directly or through others, to the empty '*ret', sorted by name. The
 * caller's (VEC_DONE). False without memory. */
bool priority_inherit(const struct world *world, inherited_priorities_t *ret);

/* What counts for 'vm': its own priority, or a higher one that it inherits. */
uint32_t priority_of(const inherited_priorities_t *inherited, const struct record *vm);
