/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/gpu_device.h"

#include <string.h>

static const struct gpu *find_card(const struct node_inventory *inventory,
                                   struct pci_address address)
{
    VEC_EACH(&inventory->gpus, gpu) {
        if (pci_address_compare(gpu->address, address) == 0) {
            return gpu;
        }
    }
    return NULL;
}

static const struct gpu_partition *find_partition(const struct node_inventory *inventory,
                                                  const struct gpu_slot *slot)
{
    VEC_EACH(&inventory->partitions, partition) {
        if (gpu_slot_equal(&partition->slot, slot)) {
            return partition;
        }
    }
    return NULL;
}

static bool is_function(const struct gpu_partition *partition)
{
    return strcmp(partition->type, GPU_TYPE_VF) == 0;
}

/* Also in an inventory that a version without backends wrote. */
static enum gpu_backend backend_of(const struct gpu_partition *partition)
{
    if (partition->backend != GPU_BACKEND_NONE) {
        return partition->backend;
    }
    if (partition->type[0] == '\0') {
        return GPU_BACKEND_NONE; /* a place for a vGPU */
    }
    return !is_function(partition)                      ? GPU_BACKEND_MDEV
           : strcmp(partition->driver, "vfio-pci") == 0 ? GPU_BACKEND_VFIO
                                                        : GPU_BACKEND_NONE;
}

static void describe_card(const struct gpu *card, struct gpu_device *ret)
{
    *ret = (struct gpu_device){
        .card = card,
        .driver = card->driver,
        .backend = gpu_backend(card),
        .iommu_group = card->iommu_group,
        .verdict = card->verdict,
        .verdict_detail = card->verdict_detail,
        .health = card->health,
        .health_cause = &card->health_cause,
        .mmio_size = gpu_mmio_size(card),
    };
}

static void describe_partition(const struct gpu_partition *partition, struct gpu_device *ret)
{
    ret->partition = partition;
    ret->driver = partition->driver;
    ret->backend = backend_of(partition);
    ret->iommu_group = partition->iommu_group;
    ret->mmio_size = partition->mmio_size;
    if (ret->verdict != GPU_OFF_BUS) {
        ret->verdict = partition->verdict;
        ret->verdict_detail = partition->verdict_detail;
    }
    if (ret->health == GPU_HEALTHY) {
        ret->health = partition->health;
        ret->health_cause = &partition->health_cause;
    }
}

bool gpu_device_find(const struct node_inventory *inventory, const struct gpu_slot *slot,
                     struct gpu_device *ret)
{
    bool is_part = slot->partition[0] != '\0';
    const struct gpu *card = find_card(inventory, slot->address);
    const struct gpu_partition *partition = is_part ? find_partition(inventory, slot) : NULL;
    if (!card || (is_part && !partition)) {
        return false;
    }
    describe_card(card, ret);
    if (partition) {
        describe_partition(partition, ret);
    }
    return true;
}

bool world_device(const struct world *world, const char *node, const struct gpu_slot *slot,
                  struct gpu_device *ret)
{
    const struct record *record = world_find(world, RECORD_NODE_INVENTORY, node);
    return record && gpu_device_find(record->inventory, slot, ret);
}

bool gpu_device_is_dismounted(const struct gpu_device *device)
{
    return device->backend != GPU_BACKEND_NONE;
}

bool gpu_device_may_be_assigned(const struct gpu_device *device, bool is_forced)
{
    return gpu_verdict_may_be_assigned(device->verdict, is_forced);
}

uint32_t gpu_partition_count(const struct node_inventory *inventory, struct pci_address address)
{
    uint32_t count = 0;
    VEC_EACH(&inventory->partitions, partition) {
        count += pci_address_compare(partition->slot.address, address) == 0;
    }
    return count;
}

bool gpu_is_split(const struct node_inventory *inventory, const struct gpu *gpu, uint32_t count)
{
    uint32_t bound = 0;
    VEC_EACH(&inventory->partitions, partition) {
        bound += pci_address_compare(partition->slot.address, gpu->address) == 0 &&
                 is_function(partition) && backend_of(partition) != GPU_BACKEND_NONE;
    }
    return gpu->sriov_enabled == count && bound == count;
}
