/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vGPUs of a profile: a type written to a virtual function that its vendor's driver keeps (NVIDIA's
 * documentation of vGPU, from Linux 6.8 on), or a mediated device (the kernel's
 * Documentation/driver-api/vfio-mediated-device).
 */
#include "host/binding.h"

#include "base/parse.h"
#include "host/internal.h"
#include "model/division.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEVICE    "/sys/bus/pci/devices/%s/"
#define TYPE_FILE DEVICE "nvidia/current_vgpu_type"
#define MEDIATED  "/sys/bus/mdev/devices/%s"

static const char vendor_prefix[] = "nvidia-";

static bool is_function(const struct gpu_slot *slot)
{
    struct pci_address address;
    return pci_address_parse(slot->partition, &address);
}

/* ---- a type of a virtual function ---- */

static int64_t type_of(const struct host_config *config, const char *name)
{
    return host_read_number(config, 0, TYPE_FILE, name);
}

static int write_type(const struct host_config *config, const char *name, const char *type,
                      struct error *err)
{
    uint64_t wanted = 0;
    int result = kernel_write(config, type, TYPE_FILE, name);
    (void)parse_u64(type, INT32_MAX, &wanted);
    if (result == 0 && type_of(config, name) == (int64_t)wanted) {
        return 0;
    }
    result = result < 0 ? result : -EIO;
    return wanted == 0 ? error_set(err, result, "the driver does not clear the vGPU type of %s: %s",
                                   name, strerror(-result))
                       : error_set(err, result, "the driver does not give %s the vGPU type %s: %s",
                                   name, type, strerror(-result));
}

static int clear_function(const struct host_config *config, const char *name, struct error *err)
{
    return type_of(config, name) == 0 ? 0 : write_type(config, name, "0", err);
}

static int make_function(const struct host_config *config, const char *name, const char *profile,
                         struct error *err)
{
    uint64_t number;
    if (strncmp(profile, vendor_prefix, strlen(vendor_prefix)) != 0 ||
        !parse_u64(profile + strlen(vendor_prefix), INT32_MAX, &number)) {
        return error_set(err, -EINVAL, "%s is no type of a vGPU", profile);
    }
    if (!backend_is_vendor(config, name)) {
        return error_set(err, -ENODEV, "%s takes no vGPU types: is its vendor's driver loaded?",
                         name);
    }
    int result = clear_function(config, name, err);
    return result < 0 ? result : write_type(config, name, profile + strlen(vendor_prefix), err);
}

/* ---- a mediated device ---- */

static int clear_mediated(const struct host_config *config, const char *uuid, struct error *err)
{
    if (!host_exists(config, MEDIATED, uuid)) {
        return 0;
    }
    int result = kernel_write(config, "1", MEDIATED "/remove", uuid);
    if (result == 0 && host_exists(config, MEDIATED, uuid)) {
        result = -EIO;
    }
    return result < 0 ? error_set(err, result, "the mediated device %s cannot be removed: %s", uuid,
                                  strerror(-result))
                      : 0;
}

static bool has_room(const struct host_config *config, const char *name, const char *profile)
{
    return host_read_number(config, 0, DEVICE "mdev_supported_types/%s/available_instances", name,
                            profile) > 0;
}

/* The card, or the first of its virtual functions, that can make one more. */
static bool find_parent(const struct host_config *config, const char *card, const char *profile,
                        char *ret)
{
    (void)snprintf(ret, host_file_size, "%s", card);
    bool is_found = has_room(config, card, profile);
    host_entries_t entries = host_list(config, "/sys/bus/pci/devices/%s", card);
    VEC_EACH(&entries, each) {
        if (!is_found && strncmp(each->name, "virtfn", 6) == 0 &&
            host_link_name(config, ret, host_file_size, DEVICE "%s", card, each->name)) {
            is_found = has_room(config, ret, profile);
        }
    }
    VEC_DONE(&entries);
    return is_found;
}

static int make_mediated(const struct host_config *config, const struct gpu_slot *slot,
                         const char *profile, struct error *err)
{
    char card[pci_address_size], parent[host_file_size];
    const char *uuid = slot->partition;
    int result = clear_mediated(config, uuid, err);
    if (result < 0) {
        return result;
    }
    if (!find_parent(config, pci_address_format(slot->address, card), profile, parent)) {
        return error_set(err, -ENOSPC, "%s has no room for another %s", card, profile);
    }
    result = kernel_write(config, uuid, DEVICE "mdev_supported_types/%s/create", parent, profile);
    if (result == 0 && !host_exists(config, MEDIATED, uuid)) {
        result = -EIO;
    }
    return result < 0 ? error_set(err, result, "no mediated device %s can be made of %s: %s",
                                  profile, parent, strerror(-result))
                      : 0;
}

/* ---- either ---- */

int host_vgpu_make(const struct host_config *config, const struct gpu_slot *slot,
                   const char *profile, struct error *err)
{
    /* Both become part of a path below sysfs, where this process is root. */
    if (!gpu_part_is_named(slot->partition) || !gpu_part_is_named(profile)) {
        return error_set(err, -EINVAL, "\"%s\" is no partition, or \"%s\" no type of one",
                         slot->partition, profile);
    }
    return is_function(slot) ? make_function(config, slot->partition, profile, err)
                             : make_mediated(config, slot, profile, err);
}

int host_vgpu_clear(const struct host_config *config, const struct gpu_slot *slot,
                    struct error *err)
{
    if (!gpu_part_is_named(slot->partition)) {
        return error_set(err, -EINVAL, "\"%s\" is no partition", slot->partition);
    }
    return is_function(slot) ? clear_function(config, slot->partition, err)
                             : clear_mediated(config, slot->partition, err);
}

/* ---- how many a card takes ---- */

/* What someone else made there, and whatever is in use, is not ours to clear. */
static int check_place(const struct host_config *config, const struct gpu_slot *slot,
                       const char *profile, struct error *err)
{
    char who[64], group[64];
    uint64_t number;
    if (host_link_name(config, group, sizeof(group), "/sys/bus/%s/devices/%s/iommu_group",
                       is_function(slot) ? "pci" : "mdev", slot->partition) &&
        parse_u64(group, INT32_MAX, &number) &&
        usage_of_group(config, (int32_t)number, who, sizeof(who))) {
        return error_set(err, -EBUSY, "%s is held by %s: stop that VM first", slot->partition, who);
    }
    int64_t type = is_function(slot) ? type_of(config, slot->partition) : 0;
    char have[gpu_profile_size];
    (void)snprintf(have, sizeof(have), "%s%lld", vendor_prefix, (long long)type);
    return type == 0 || strcmp(have, profile) == 0
               ? 0
               : error_set(err, -EBUSY,
                           "%s has the vGPU type %s already: if no VM needs that, clear it (write "
                           "0 to its nvidia/current_vgpu_type)",
                           slot->partition, have);
}

static int compare_slots(const void *a, const void *b)
{
    return gpu_slot_compare(a, b);
}

typedef VEC(struct gpu_slot) slots_t;

/* The virtual functions of the card that its vendor's driver keeps, by address. */
static bool find_functions(const struct host_config *config, const char *name,
                           struct pci_address card, slots_t *ret)
{
    bool is_whole = true;
    host_entries_t entries = host_list(config, "/sys/bus/pci/devices/%s", name);
    VEC_EACH(&entries, each) {
        struct gpu_slot slot = {.address = card};
        if (strncmp(each->name, "virtfn", 6) != 0 ||
            !host_link_name(config, slot.partition, sizeof(slot.partition), DEVICE "%s", name,
                            each->name) ||
            !backend_is_vendor(config, slot.partition)) {
            continue;
        }
        struct gpu_slot *place = VEC_ADD(ret);
        is_whole &= place != NULL;
        if (place) {
            *place = slot;
        }
    }
    VEC_DONE(&entries);
    if (ret->len > 1) {
        qsort(ret->items, ret->len, sizeof(ret->items[0]), compare_slots);
    }
    return is_whole;
}

/* Where the vGPUs of 'division' go, as division_apply() has it. */
static int find_places(const struct host_config *config, const struct dismount *division,
                       slots_t *ret, struct error *err)
{
    char name[pci_address_size];
    struct pci_address card = division->address;
    uint32_t count = division_len(division);
    pci_address_format(card, name);
    bool is_whole = find_functions(config, name, card, ret), is_mediated = ret->len == 0;
    for (uint32_t i = 0; is_mediated && i < count; i++) {
        struct gpu_slot *place = VEC_ADD(ret);
        is_whole &= place != NULL;
        if (place) {
            *place = division_mediated(config->node, card, i);
        }
    }
    if (!is_whole) {
        return error_set(err, -ENOMEM, "no memory to look at %s", name);
    }
    if (ret->len < count) {
        return error_set(err, -ERANGE,
                         "%s has %zu virtual functions that take vGPU types, not %u: enable them "
                         "first (sriov-manage -e %s)",
                         name, ret->len, count, name);
    }
    ret->len = count;
    return 0;
}

/* How many of the vGPUs before number 'at' are of that profile. */
static uint32_t count_before(const struct dismount *division, size_t at, const char *profile)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < at; i++) {
        count += strcmp(division_profile_at(division, i), profile) == 0;
    }
    return count;
}

/* The driver refused number 'made'. Of several sizes it takes one unless it is told otherwise. */
static int say_refused(const struct dismount *division, size_t made, int result, struct error *err)
{
    char name[pci_address_size], all[160];
    const char *profile = division_profile_at(division, (uint32_t)made);
    uint32_t taken = count_before(division, made, profile);
    struct error why = *err;
    pci_address_format(division->address, name);
    if (division->more_len == 0) {
        return error_set(err, result, "%s takes %u of %s, not %u: %s", name, taken, profile,
                         division->partitions, why.text);
    }
    return error_set(err, result,
                     "%s takes %zu vGPUs of %s, not all, and of %s %u: %.160s; several sizes need "
                     "its mixed-size mode (nvidia-smi vgpu -shm 1 -i %s)",
                     name, made, division_types(division, all, sizeof(all)), profile, taken,
                     why.text, name);
}

int host_vgpu_divide(const struct host_config *config, const struct dismount *division,
                     struct error *err)
{
    char name[pci_address_size];
    slots_t places = {0};
    struct error ignored;
    if (!host_exists(config, DEVICE "vendor", pci_address_format(division->address, name))) {
        return error_set(err, -ENODEV, "there is no card at %s", name);
    }
    int result = find_places(config, division, &places, err);
    for (uint32_t i = 0; result == 0 && i < places.len; i++) {
        result = check_place(config, &places.items[i], division_profile_at(division, i), err);
    }
    for (size_t i = 0; result == 0 && i < places.len; i++) {
        result = host_vgpu_clear(config, &places.items[i], err);
    }
    uint32_t made = 0;
    while (result == 0 && made < places.len) {
        result =
            host_vgpu_make(config, &places.items[made], division_profile_at(division, made), err);
        made += result == 0;
    }
    if (result < 0 && made > 0) {
        result = say_refused(division, made, result, err);
    }
    for (size_t i = 0; i < made; i++) {
        int one = host_vgpu_clear(config, &places.items[i], result == 0 ? err : &ignored);
        result = result == 0 ? one : result;
    }
    VEC_DONE(&places);
    return result;
}
