/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fabric between the GPUs of a host (NVSwitch), as its sets: GPUs that can talk to each other
 * while the set is active. A GPU is in one active set at most, so a VM gets one GPU, or all of one
 * set. One program of the host knows and switches the sets (src/host/fabric.c).
 */
#pragma once

#include "model/record.h"

/*
 * Keeps those sets of 'inventory' with which counting is exact (plan/sets.h), the larger ones
 * first: two of them have nothing in common or one is part of the other, and each consists of whole
 * sets of every smaller size that is there. All boards we know are built so, as halves of halves.
 * Returns how many sets it took out. Sorts them: by size, the largest first, then by GPUs.
 */
uint32_t fabric_keep_regular(struct node_inventory *inventory);

bool fabric_set_has(const struct fabric_set *set, struct pci_address gpu);
/* Whether they have a GPU in common: not both can be active. */
bool fabric_sets_overlap(const struct fabric_set *a, const struct fabric_set *b);

/* Whether 'gpu' has others only by way of sets: also while no one knows the sets. */
bool fabric_rules(const struct node_inventory *inventory, struct pci_address gpu);

/* NULL: there is none. */
const struct fabric_set *fabric_find(const struct node_inventory *inventory, const char *id);

/* Whether 'text' can name a set: up to fabric_id_size - 1 letters, digits, '-', '_', '.', none of
 * '-' and '.' first. */
bool fabric_id_is_valid(const char *text);
