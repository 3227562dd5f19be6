/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cards that are divided into vGPUs of one profile or, where the card takes several sizes at a
 * time, of a few: virtual functions to which the vendor's driver gives a type, or mediated devices
 * of it. Such a partition is made when a VM gets it and cleared when the VM is gone, so a host
 * shows mostly places for them. Here: which places those are, and which profile each has, the same
 * for the host, which makes them, and for the core, which hands them out.
 */
#pragma once

#include "model/record.h"

/* How many partitions 'entry' asks for, of all profiles. */
uint32_t division_len(const struct dismount *entry);

/* The profile of its partition number 'index', from 0; NULL: it has fewer. "": virtual functions
 * have none. */
const char *division_profile_at(const struct dismount *entry, uint32_t index);

/* Whether it has vGPUs of that profile. */
bool division_has(const struct dismount *entry, const char *profile);

/* Whether both ask for the same partitions. */
bool division_equal(const struct dismount *a, const struct dismount *b);

/* "nvidia-1121", or of several "nvidia-1132 (1), nvidia-1121 (4)", as far as there is room, into
 * 'ret' of 'size' bytes; returns 'ret'. */
const char *division_types(const struct dismount *entry, char *ret, size_t size);

/* Number 'index', from 0, of the mediated devices into which 'node' divides the card: a UUID that
 * is the same each time. */
struct gpu_slot division_mediated(const char *node, struct pci_address card, uint32_t index);

/* Whether 'shown', as its host tells it, has a vGPU or mediated device in that place. */
bool division_is_made(const struct node_inventory *shown, const struct gpu_slot *slot);

/*
 * Replaces what the host shows of the card of 'entry', which names a profile, by the partitions
 * that VMs can have: the first places for a vGPU, as many as 'entry' says, or that many mediated
 * devices. False without memory.
 */
bool division_apply(struct node_inventory *inventory, const char *node,
                    const struct dismount *entry);

/* Takes out the places that no profile was ordered for: no VM can have those. */
void division_drop_places(struct node_inventory *inventory);

/* Whether the partitions of 'entry' are there for VMs: of its profile, or virtual functions. */
bool division_is_shown(const struct node_inventory *inventory, const struct gpu *gpu,
                       const struct dismount *entry);

/* The type that the card's driver offers under that id or name; NULL: none. */
const struct gpu_mdev_type *division_profile(const struct gpu *gpu, const char *text);
