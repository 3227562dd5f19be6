/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is there for a VM now, as the store has it. The planner looks ahead: to it, a VM that is
 * planned again has left its place, and one that must make room has stopped. Until that is so, what
 * such a VM has is not given to another one. GPUs have claims for that; memory and CPUs are counted
 * here, from every placement that the store holds and every one on its way there. A placement gives
 * up its place only when its instance is proven gone, so what was promised here is there.
 */
#pragma once

#include "core/ground.h"

/* Whether 'gpus', and memory and CPUs for the VM of 'spec', are there on 'node' now: no other VM
 * has them, or has them reserved, as far as the store and what is on its way there say. */
bool room_is_there(const struct core *core, const struct record *spec, const char *node,
                   const gpu_holds_t *gpus);
