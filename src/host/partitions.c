/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What VMs can hold of a card that is not given away whole. */
#include "host/internal.h"

#include <stdio.h>
#include <string.h>

#define DEVICE "/sys/bus/pci/devices/%s/"

static struct gpu_partition *partition_add(struct node_inventory *inventory)
{
    struct gpu_partition *place = VEC_ADD(&inventory->partitions);
    if (place) {
        *place = (struct gpu_partition){.iommu_group = -1};
    }
    return place;
}

static bool add_function(const struct card *card, struct node_inventory *inventory)
{
    struct gpu_partition *place = partition_add(inventory);
    if (!place) {
        return false;
    }
    const struct gpu *gpu = &card->gpu;
    place->slot.address = card->facts.parent;
    (void)pci_address_format(gpu->address, place->slot.partition);
    (void)snprintf(place->type, sizeof(place->type), "%s", GPU_TYPE_VF);
    if (card->facts.is_vendor) {
        place->type[0] = '\0';
    }
    if (card->facts.vgpu_type > 0) {
        (void)snprintf(place->type, sizeof(place->type), "nvidia-%u", card->facts.vgpu_type);
    }
    (void)snprintf(place->driver, sizeof(place->driver), "%s", gpu->driver);
    place->backend = gpu->backend;
    place->iommu_group = gpu->iommu_group;
    place->mmio_size = gpu_mmio_size(gpu);
    place->verdict = gpu->verdict;
    memcpy(place->verdict_detail, gpu->verdict_detail, sizeof(place->verdict_detail));
    return true;
}

/* A mediated device belongs to VFIO from its beginning: nothing is to be dismounted. */
static bool add_mediated(const struct host_config *config, const char *name, const char *type,
                         const char *uuid, struct pci_address card,
                         struct node_inventory *inventory)
{
    char group[64];
    struct gpu_partition *place = partition_add(inventory);
    if (!place) {
        return false;
    }
    place->slot.address = card;
    place->backend = GPU_BACKEND_MDEV;
    (void)snprintf(place->slot.partition, sizeof(place->slot.partition), "%.*s",
                   (int)sizeof(place->slot.partition) - 1, uuid);
    (void)snprintf(place->type, sizeof(place->type), "%.*s", (int)sizeof(place->type) - 1, type);
    (void)host_link_name(config, place->driver, sizeof(place->driver), DEVICE "%s/driver", name,
                         uuid);
    if (host_link_name(config, group, sizeof(group), DEVICE "%s/iommu_group", name, uuid)) {
        int number;
        place->iommu_group = sscanf(group, "%d", &number) == 1 ? number : -1;
    }
    return true;
}

/* Of the card itself or of one of its virtual functions. */
static bool add_mediated_of(const struct host_config *config, const struct card *card,
                            struct node_inventory *inventory, uint32_t *left_out)
{
    char name[pci_address_size];
    bool is_whole = true;
    pci_address_format(card->gpu.address, name);
    for (uint32_t i = 0; i < card->gpu.mdev_type_len; i++) {
        const char *type = card->gpu.mdev_types[i].id;
        host_entries_t made =
            host_list(config, DEVICE "mdev_supported_types/%s/devices", name, type);
        VEC_EACH(&made, each) {
            if (inventory->partitions.len >= gpus_per_node_max) {
                ++*left_out;
                continue;
            }
            is_whole &= add_mediated(config, name, type, each->name,
                                     card->facts.is_virtual_function ? card->facts.parent
                                                                     : card->gpu.address,
                                     inventory);
        }
        VEC_DONE(&made);
    }
    return is_whole;
}

/* What the card can still make of one of its functions, among its own types. */
static void offer_types(const struct card *function, struct node_inventory *inventory)
{
    VEC_EACH(&inventory->gpus, gpu) {
        if (pci_address_compare(gpu->address, function->facts.parent) != 0) {
            continue;
        }
        for (uint32_t i = 0; i < function->gpu.mdev_type_len; i++) {
            const struct gpu_mdev_type *type = &function->gpu.mdev_types[i];
            uint32_t at = 0;
            while (at < gpu->mdev_type_len && strcmp(gpu->mdev_types[at].id, type->id) != 0) {
                at++;
            }
            if (at < gpu->mdev_type_len) {
                gpu->mdev_types[at].available += type->available;
            } else if (at < gpu_mdev_types_max) {
                gpu->mdev_types[gpu->mdev_type_len++] = *type;
            }
        }
    }
}

static int partition_compare(const void *a, const void *b)
{
    return gpu_slot_compare(&((const struct gpu_partition *)a)->slot,
                            &((const struct gpu_partition *)b)->slot);
}

bool partitions_add(const struct host_config *config, const struct card *cards, size_t card_len,
                    struct node_inventory *inventory, uint32_t *left_out)
{
    bool is_whole = true;
    for (size_t i = 0; i < card_len; i++) {
        const struct card_facts *facts = &cards[i].facts;
        bool is_typeless = facts->is_vendor && facts->vgpu_type == 0;
        if (facts->is_virtual_function) {
            offer_types(&cards[i], inventory);
        }
        if (is_typeless || (facts->is_virtual_function && cards[i].gpu.mdev_type_len == 0)) {
            /* One that makes mediated devices is given away as those. */
            is_whole &= add_function(&cards[i], inventory);
        }
        is_whole &= add_mediated_of(config, &cards[i], inventory, left_out);
    }
    if (inventory->partitions.len > 1) {
        qsort(inventory->partitions.items, inventory->partitions.len,
              sizeof(inventory->partitions.items[0]), partition_compare);
    }
    return is_whole;
}
