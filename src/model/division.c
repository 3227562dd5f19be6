/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/division.h"

#include "base/hash.h"
#include "model/gpu_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the profiles of 'entry'; the first is number 0. */
static struct vgpu_share share_at(const struct dismount *entry, uint32_t number)
{
    struct vgpu_share share = {.count = entry->partitions};
    if (number > 0) {
        return entry->more[number - 1];
    }
    (void)snprintf(share.profile, sizeof(share.profile), "%s", entry->profile);
    return share;
}

uint32_t division_len(const struct dismount *entry)
{
    uint32_t len = entry->partitions;
    for (uint32_t i = 0; i < entry->more_len; i++) {
        len += entry->more[i].count;
    }
    return len;
}

const char *division_profile_at(const struct dismount *entry, uint32_t index)
{
    if (index < entry->partitions) {
        return entry->profile;
    }
    index -= entry->partitions;
    for (uint32_t i = 0; i < entry->more_len; i++) {
        if (index < entry->more[i].count) {
            return entry->more[i].profile;
        }
        index -= entry->more[i].count;
    }
    return NULL;
}

bool division_has(const struct dismount *entry, const char *profile)
{
    bool has_it = profile[0] != '\0' && strcmp(entry->profile, profile) == 0;
    for (uint32_t i = 0; i < entry->more_len; i++) {
        has_it |= strcmp(entry->more[i].profile, profile) == 0;
    }
    return has_it;
}

bool division_equal(const struct dismount *a, const struct dismount *b)
{
    bool is_equal = a->more_len == b->more_len;
    for (uint32_t i = 0; is_equal && i <= a->more_len; i++) {
        const struct vgpu_share x = share_at(a, i), y = share_at(b, i);
        is_equal = x.count == y.count && strcmp(x.profile, y.profile) == 0;
    }
    return is_equal;
}

const char *division_types(const struct dismount *entry, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i <= entry->more_len && used < size; i++) {
        const struct vgpu_share share = share_at(entry, i);
        char count[16] = "";
        if (entry->more_len > 0) {
            (void)snprintf(count, sizeof(count), " (%u)", share.count);
        }
        int len =
            snprintf(ret + used, size - used, "%s%s%s", i > 0 ? ", " : "", share.profile, count);
        used += (size_t)MAX(len, 0);
    }
    return ret;
}

struct gpu_slot division_mediated(const char *node, struct pci_address card, uint32_t index)
{
    struct gpu_slot slot = {.address = card};
    char text[name_size + 32], address[pci_address_size];
    int len = snprintf(text, sizeof(text), "%s %s %u", node, pci_address_format(card, address),
                       (unsigned)index);
    uint64_t high = hash_bytes(hash_begin, text, (size_t)len);
    uint64_t low = hash_bytes(high, text, (size_t)len);
    /* Version 8 of RFC 9562: made as its maker likes. */
    (void)snprintf(slot.partition, sizeof(slot.partition), "%08x-%04x-8%03x-%04x-%012llx",
                   (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
                   (unsigned)(high & 0xfff), (unsigned)(low >> 48 & 0x3fff) | 0x8000,
                   (unsigned long long)(low & UINT64_C(0xffffffffffff)));
    return slot;
}

static bool is_of(const struct gpu_partition *partition, struct pci_address card)
{
    return pci_address_compare(partition->slot.address, card) == 0;
}

bool division_is_made(const struct node_inventory *shown, const struct gpu_slot *slot)
{
    VEC_EACH(&shown->partitions, partition) {
        if (gpu_slot_equal(&partition->slot, slot)) {
            return partition->type[0] != '\0';
        }
    }
    return false;
}

/* Whether its driver keeps virtual functions and gives them types. */
static bool is_vendors(const struct node_inventory *inventory, struct pci_address card)
{
    VEC_EACH(&inventory->partitions, partition) {
        if (is_of(partition, card) &&
            (partition->type[0] == '\0' || partition->backend == GPU_BACKEND_VENDOR)) {
            return true;
        }
    }
    return false;
}

static void give_profile(struct gpu_partition *partition, const char *profile)
{
    if (partition->type[0] == '\0' && partition->verdict == GPU_HOST_DRIVER) {
        partition->verdict = GPU_ASSIGNABLE;
        partition->verdict_detail[0] = '\0';
    }
    (void)snprintf(partition->type, sizeof(partition->type), "%s", profile);
    partition->backend = GPU_BACKEND_VENDOR;
}

static void apply_vendors(struct node_inventory *inventory, const struct dismount *entry)
{
    uint32_t count = 0;
    for (size_t i = 0; i < inventory->partitions.len;) {
        struct gpu_partition *partition = &inventory->partitions.items[i];
        const char *profile =
            is_of(partition, entry->address) ? division_profile_at(entry, count++) : "";
        if (!profile) {
            VEC_REMOVE(&inventory->partitions, i);
            continue;
        }
        if (profile[0] != '\0') {
            give_profile(partition, profile);
        }
        i++;
    }
}

static int compare(const void *a, const void *b)
{
    return gpu_slot_compare(&((const struct gpu_partition *)a)->slot,
                            &((const struct gpu_partition *)b)->slot);
}

static bool apply_mediated(struct node_inventory *inventory, const char *node,
                           const struct dismount *entry)
{
    for (size_t i = inventory->partitions.len; i-- > 0;) {
        if (is_of(&inventory->partitions.items[i], entry->address)) {
            VEC_REMOVE(&inventory->partitions, i);
        }
    }
    const char *profile;
    for (uint32_t i = 0; (profile = division_profile_at(entry, i)); i++) {
        struct gpu_partition *place = VEC_ADD(&inventory->partitions);
        if (!place) {
            return false;
        }
        *place = (struct gpu_partition){.slot = division_mediated(node, entry->address, i),
                                        .backend = GPU_BACKEND_MDEV,
                                        .iommu_group = -1};
        (void)snprintf(place->type, sizeof(place->type), "%s", profile);
    }
    if (inventory->partitions.len > 1) {
        qsort(inventory->partitions.items, inventory->partitions.len,
              sizeof(inventory->partitions.items[0]), compare);
    }
    return true;
}

bool division_apply(struct node_inventory *inventory, const char *node,
                    const struct dismount *entry)
{
    if (is_vendors(inventory, entry->address)) {
        apply_vendors(inventory, entry);
        return true;
    }
    return apply_mediated(inventory, node, entry);
}

void division_drop_places(struct node_inventory *inventory)
{
    for (size_t i = inventory->partitions.len; i-- > 0;) {
        if (inventory->partitions.items[i].type[0] == '\0') {
            VEC_REMOVE(&inventory->partitions, i);
        }
    }
}

bool division_is_shown(const struct node_inventory *inventory, const struct gpu *gpu,
                       const struct dismount *entry)
{
    if (entry->profile[0] == '\0') {
        return gpu_is_split(inventory, gpu, entry->partitions);
    }
    for (uint32_t i = 0; i <= entry->more_len; i++) {
        const struct vgpu_share share = share_at(entry, i);
        uint32_t count = 0;
        VEC_EACH(&inventory->partitions, partition) {
            count += is_of(partition, gpu->address) && strcmp(partition->type, share.profile) == 0;
        }
        if (count != share.count) {
            return false;
        }
    }
    return true;
}

const struct gpu_mdev_type *division_profile(const struct gpu *gpu, const char *text)
{
    for (uint32_t i = 0; i < gpu->mdev_type_len; i++) {
        const struct gpu_mdev_type *type = &gpu->mdev_types[i];
        if (strcmp(type->id, text) == 0 || strcmp(type->name, text) == 0) {
            return type;
        }
    }
    return NULL;
}
