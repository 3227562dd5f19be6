/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/binding.h"

#include "host/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEVICE "/sys/bus/pci/devices/%s/"

/* The card and its companions: what goes together. */
struct members {
    struct pci_address address[companions_max + 1];
    bool had_driver[companions_max + 1]; /* before anything was touched */
    uint32_t len;
};

static const char *driver_of(const struct host_config *config, const char *name, char *ret)
{
    (void)host_link_name(config, ret, gpu_driver_size, DEVICE "driver", name);
    return ret;
}

static struct members members_of(const struct host_config *config, const struct gpu *gpu)
{
    struct members members = {.len = 1};
    char name[pci_address_size], driver[gpu_driver_size];
    members.address[0] = gpu->address;
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        members.address[members.len++] = gpu->companions[i];
    }
    for (uint32_t i = 0; i < members.len; i++) {
        pci_address_format(members.address[i], name);
        members.had_driver[i] = driver_of(config, name, driver)[0] != '\0';
    }
    return members;
}

static bool is_bound_to_vfio(const struct host_config *config, const char *name)
{
    return backend_of(config, name) != GPU_BACKEND_NONE;
}

/* Lets go of the present driver (if any) and lets the kernel look for another. */
static int rebind(const struct host_config *config, const char *name, struct error *err)
{
    char driver[gpu_driver_size];
    int result = 0;
    if (driver_of(config, name, driver)[0]) {
        result = kernel_write(config, name, DEVICE "driver/unbind", name);
        if (result < 0 && driver_of(config, name, driver)[0]) {
            return error_set(err, result, "the driver %s does not let go of %s: %s", driver, name,
                             strerror(-result));
        }
    }
    result = kernel_write(config, name, "/sys/bus/pci/drivers_probe");
    if (result < 0) {
        return error_set(err, result, "no driver could be looked for to take %s: %s", name,
                         strerror(-result));
    }
    return 0;
}

static int set_override(const struct host_config *config, const char *name, const char *driver,
                        struct error *err)
{
    int result = kernel_write(config, driver, DEVICE "driver_override", name);
    if (result < 0) {
        return error_set(err, result, "the driver of %s cannot be chosen (driver_override): %s",
                         name, strerror(-result));
    }
    return 0;
}

int binding_take(const struct host_config *config, const char *name, struct error *err)
{
    char wanted[gpu_driver_size], driver[gpu_driver_size], override[gpu_driver_size];
    int result = backend_driver(config, name, wanted, err);
    if (result == 0 &&
        (host_read(config, override, sizeof(override), DEVICE "driver_override", name) < 0 ||
         strcmp(override, wanted) != 0)) {
        result = set_override(config, name, wanted, err);
    }
    if (result == 0 && strcmp(driver_of(config, name, driver), wanted) != 0) {
        result = rebind(config, name, err);
    }
    if (result == 0 && strcmp(driver_of(config, name, driver), wanted) != 0) {
        return error_set(err, -EIO,
                         "the kernel did not give %s to %s; %s%s has it now. Its "
                         "log (dmesg) says why",
                         name, wanted, driver[0] ? "the driver " : "no driver", driver);
    }
    return result;
}

/* An empty line clears driver_override; an empty write would not arrive. */
static int release(const struct host_config *config, const char *name, struct error *err)
{
    int result = 0;
    if (backend_is_overridden(config, name)) {
        result = set_override(config, name, "\n", err);
    }
    if (result == 0 && is_bound_to_vfio(config, name)) {
        result = rebind(config, name, err);
    }
    if (result == 0 && is_bound_to_vfio(config, name)) {
        return error_set(err, -EIO,
                         "the kernel gave %s to vfio-pci again: is its id listed there "
                         "(vfio-pci.ids, new_id)?",
                         name);
    }
    return result;
}

/* As far as it goes: one that had a driver and was left without gets one again. */
static void put_back(const struct host_config *config, const char *name, bool had_driver)
{
    char driver[gpu_driver_size];
    struct error ignored;
    if (release(config, name, &ignored) == 0 && had_driver && !driver_of(config, name, driver)[0]) {
        (void)rebind(config, name, &ignored);
    }
}

static bool is_taken(const struct host_config *config, const struct members *members)
{
    for (uint32_t i = 0; i < members->len; i++) {
        char name[pci_address_size];
        pci_address_format(members->address[i], name);
        if (!is_bound_to_vfio(config, name) || !backend_is_overridden(config, name)) {
            return false;
        }
    }
    return true;
}

/* What 'force' may go past, and what no one can. */
static int may_take(const struct card *card, bool force, struct error *err)
{
    char name[pci_address_size];
    const struct gpu *gpu = &card->gpu;
    pci_address_format(gpu->address, name);
    switch (gpu->verdict) {
    case GPU_ASSIGNABLE:
    case GPU_HOST_DRIVER:
        return 0;
    case GPU_IN_USE:
        return force ? 0 : error_set(err, -EBUSY, "%s is in use: %s", name, gpu->verdict_detail);
    case GPU_NO_RESET:
        if (force) {
            return 0;
        }
        break;
    case GPU_STUCK:
    case GPU_OFF_BUS:
    case GPU_NO_IOMMU:
    case GPU_FIRMWARE_RESERVED:
    case GPU_SHARED_GROUP:
    case GPU_WRONG_KIND:
    case GPU_NO_BARS:
    case GPU_PARTITIONED:
        break;
    }
    return error_set(err, -EPERM, "%s cannot be passed to a VM: %s", name, gpu->verdict_detail);
}

/* Before anything is touched. */
static int load_drivers(const struct host_config *config, const struct members *members,
                        struct error *err)
{
    char name[pci_address_size], driver[gpu_driver_size];
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < members->len; i++) {
        result = backend_driver(config, pci_address_format(members->address[i], name), driver, err);
    }
    return result;
}

int host_gpu_dismount(const struct host_config *config, struct pci_address address, bool force,
                      struct error *err)
{
    struct card card;
    char name[pci_address_size];
    if (!card_read(config, address, false, &card)) {
        return error_set(err, -ENODEV, "there is no card at %s", pci_address_format(address, name));
    }
    struct members members = members_of(config, &card.gpu);
    if (card.facts.stranger_len == 0 && is_taken(config, &members)) {
        return 0;
    }
    inventory_finish(config, &card, 1);
    int result = may_take(&card, force, err);
    if (result == 0) {
        result = load_drivers(config, &members, err);
    }
    for (uint32_t i = 0; result == 0 && i < members.len; i++) {
        result = binding_take(config, pci_address_format(members.address[i], name), err);
        for (uint32_t undo = 0; result < 0 && undo <= i; undo++) {
            put_back(config, pci_address_format(members.address[undo], name),
                     members.had_driver[undo]);
        }
    }
    return result;
}

int host_gpu_mount(const struct host_config *config, struct pci_address address, struct error *err)
{
    struct card card;
    struct error later, *first = err;
    char name[pci_address_size], who[64];
    int result = 0;
    if (!card_read(config, address, false, &card)) {
        return error_set(err, -ENODEV, "there is no card at %s", pci_address_format(address, name));
    }
    if (card.gpu.iommu_group >= 0 &&
        usage_of_group(config, card.gpu.iommu_group, who, sizeof(who))) {
        return error_set(err, -EBUSY, "%s is held by %s: stop that VM first",
                         pci_address_format(address, name), who);
    }
    struct members members = members_of(config, &card.gpu);
    for (uint32_t i = 0; i < members.len; i++) {
        int one = release(config, pci_address_format(members.address[i], name), first);
        if (one < 0 && result == 0) {
            result = one;
            first = &later;
        }
    }
    return result;
}
