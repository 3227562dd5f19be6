/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GPUs on a fabric (NVSwitch): a VM gets one alone, or a set of exactly as many as it needs, since
 * only the GPUs of one set can talk.
 *
 * The sets of a pool on a node are like the halves of halves of a board: two of them have nothing
 * in common or one is part of the other, and a set consists of whole sets of every smaller size
 * there is (model/fabric.h sees to that). So counting is exact: VMs have room together if and only
 * if, for each size, the sets of that size that they use up are no more than are free. And a VM
 * that takes its set out of the smallest free one spoils nothing that another could have had.
 */
#pragma once

#include "plan/model.h"

/* GPUs that would be free as well: bits by their place on the node. */
struct set_freed {
    uint64_t bits[devices_per_node_max / 64];
};

/* Whether GPUs of 'pool' on 'node' talk by a fabric. */
bool sets_rule(const struct plan_model *model, const struct node *node, uint32_t pool);

/* How many sets of 'size' the pool has on 'node', and how many of them are free. 'freed' may be
 * NULL. */
uint32_t sets_count(const struct plan_model *model, const struct node *node, uint32_t pool,
                    uint32_t size, const struct set_freed *freed, uint32_t *ret_free);

/* Whether 'node' has a free set for 'need', if it must be one. */
bool sets_have(const struct plan_model *model, const struct node *node, const struct need *need,
               const struct set_freed *freed);

/* The GPUs that 'need' is best served with: a set, or all those from which a single one is to be
 * taken. How many; 0: there is no free set. 'free' are the free GPUs of the pool. */
uint32_t sets_choose(const struct plan_model *model, const struct node *node,
                     const struct need *need, const uint32_t *free, uint32_t free_len,
                     int32_t numa_wanted, uint32_t *ret);

/* The set for 'need' of which the most is free, if nothing else will do: NULL if there is none. */
const struct gpu_set *sets_nearly(const struct plan_model *model, const struct node *node,
                                  const struct need *need);

/* The sizes of the sets of 'pool' on any node, ascending, into 'ret'; how many. */
uint32_t sets_sizes(const struct plan_model *model, uint32_t pool, uint32_t ret[gpus_per_vm_max]);
