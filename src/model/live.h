/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which running VMs can move without a stop, and where. */
#pragma once

#include "model/world.h"

/*
 * Whether 'vm' can go over from its place to host 'to' while it runs: it has no device of its host,
 * it runs as it is defined now, both hosts have said in their present incarnation that they can
 * hand over and take in, and their CPUs are of one model. A host of an older version says nothing
 * of that, and so cannot.
 */
bool live_can_move(const struct world *world, const char *vm, const char *to);
