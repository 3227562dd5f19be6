/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which cards of a node a VM gets. The tightest set: all on one NUMA node if that can be, on the
 * one with the fewest free that are enough; there the shortest span on PCIe, and among those the
 * set whose neighbours are furthest away, so that pairs stay pairs. Partitions come from as few
 * cards as possible, from the fullest card that has enough. On a fabric: sets.h.
 */
#pragma once

#include "plan/model.h"

/* Takes free GPUs of 'node' for all needs of 'vm', without its CPUs and memory. False, nothing
 * taken, if they are not there. */
bool gpus_take(struct plan_model *model, uint32_t vm, uint32_t node);
