/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that a VM may hold, a whole card or a partition of one, as its host's inventory has it:
 * the same questions for both. Everything is lent from the inventory.
 */
#pragma once

#include "model/world.h"

struct gpu_device {
    const struct gpu *card;
    const struct gpu_partition *partition; /* NULL: the whole card */
    const char *driver;
    enum gpu_backend backend;
    int32_t iommu_group;
    enum gpu_verdict verdict; /* a part of a card that left the bus has left it, too */
    const char *verdict_detail;
    enum gpu_health health; /* a part of a quarantined card is in quarantine, too */
    const struct cause *health_cause;
    uint64_t mmio_size; /* bytes */
};

/* False, '*ret' untouched: there is none such. */
bool gpu_device_find(const struct node_inventory *inventory, const struct gpu_slot *slot,
                     struct gpu_device *ret);
/* The same, in the inventory of 'node'. */
bool world_device(const struct world *world, const char *node, const struct gpu_slot *slot,
                  struct gpu_device *ret);

/* In VFIO's hands; a mediated device always is. */
bool gpu_device_is_dismounted(const struct gpu_device *device);

/* gpu_verdict_may_be_assigned() of either. */
bool gpu_device_may_be_assigned(const struct gpu_device *device, bool is_forced);

/* How many partitions the card at 'address' has. */
uint32_t gpu_partition_count(const struct node_inventory *inventory, struct pci_address address);

/* Whether 'gpu' has exactly 'count' virtual functions, all bound to a VFIO driver. */
bool gpu_is_split(const struct node_inventory *inventory, const struct gpu *gpu, uint32_t count);
