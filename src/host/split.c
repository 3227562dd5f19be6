/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A card in virtual functions (the kernel's Documentation/PCI/pci-iov-howto). */
#include "host/binding.h"

#include "host/internal.h"

#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEVICE "/sys/bus/pci/devices/%s/"

/* The names of the virtual functions of card 'name'. False without memory. */
static bool find_functions(const struct host_config *config, const char *name, host_entries_t *ret)
{
    bool is_whole = true;
    host_entries_t entries = host_list(config, "/sys/bus/pci/devices/%s", name);
    VEC_EACH(&entries, each) {
        struct host_entry function;
        if (strncmp(each->name, "virtfn", 6) != 0 ||
            !host_link_name(config, function.name, sizeof(function.name), DEVICE "%s", name,
                            each->name)) {
            continue;
        }
        struct host_entry *place = VEC_ADD(ret);
        is_whole &= place != NULL;
        if (place) {
            *place = function;
        }
    }
    VEC_DONE(&entries);
    return is_whole;
}

/* Removing a function that a VM holds would wait for the VM's end. */
static int check_unused(const struct host_config *config, const host_entries_t *functions,
                        struct error *err)
{
    char who[64], text[64];
    uint64_t group;
    VEC_EACH(functions, function) {
        if (host_link_name(config, text, sizeof(text), DEVICE "iommu_group", function->name) &&
            parse_u64(text, INT32_MAX, &group) &&
            usage_of_group(config, (int32_t)group, who, sizeof(who))) {
            return error_set(err, -EBUSY, "its partition %s is held by %s: stop that VM first",
                             function->name, who);
        }
    }
    return 0;
}

static int write_count(const struct host_config *config, const char *name, uint32_t count,
                       struct error *err)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", count);
    int result = kernel_write(config, text, DEVICE "sriov_numvfs", name);
    if (result == -ENOENT) {
        return error_set(err, result,
                         "the driver that %s has now cannot divide it (SR-IOV): load the card's "
                         "own driver on the host",
                         name);
    }
    if (result < 0) {
        return error_set(err, result, "the kernel does not make %u virtual functions of %s: %s",
                         count, name, strerror(-result));
    }
    return 0;
}

/* What the host uses of the functions that are not VFIO's yet, for its network, a disk, a process:
 * it would lose that with its driver, or with the function. */
static int check_host_use(const struct host_config *config, const host_entries_t *functions,
                          struct error *err)
{
    struct pci_address address;
    VEC_EACH(functions, function) {
        struct card card;
        if (!pci_address_parse(function->name, &address) ||
            !card_read(config, address, false, &card) || gpu_is_dismounted(&card.gpu)) {
            continue;
        }
        usage_find(config, &card, 1);
        if (card.facts.user[0] != '\0') {
            return error_set(err, -EBUSY, "the host uses its partition %s: %s; end that first",
                             function->name, card.facts.user);
        }
    }
    return 0;
}

/* Through 0, as the kernel wants it. The host's drivers must not take what is made: a function
 * with a driver_override is bound all the same. */
static int change_count(const struct host_config *config, const char *name, uint32_t before,
                        uint32_t count, struct error *err)
{
    int result = before > 0 ? write_count(config, name, 0, err) : 0;
    (void)kernel_write(config, count > 0 ? "0" : "1", DEVICE "sriov_drivers_autoprobe", name);
    return result == 0 && count > 0 ? write_count(config, name, count, err) : result;
}

static int take_all(const struct host_config *config, const host_entries_t *functions,
                    struct error *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < functions->len; i++) {
        result = binding_take(config, functions->items[i].name, err);
    }
    return result;
}

static int check_range(const char *name, const struct gpu *gpu, uint32_t count, struct error *err)
{
    if (count > 0 && gpu->sriov_total == 0) {
        return error_set(err, -ERANGE, "%s cannot be divided: it has no SR-IOV", name);
    }
    if (count > gpu->sriov_total) {
        return error_set(err, -ERANGE, "%s takes 0 to %u partitions, not %u", name,
                         gpu->sriov_total, count);
    }
    return 0;
}

/* Virtual functions whose vendor's driver makes vGPUs of them are not ours to take. */
static int check_vendor(const struct host_config *config, const char *name, const struct gpu *gpu,
                        struct error *err)
{
    host_entries_t functions = {0};
    bool is_vendor = backend_needs_types(gpu), is_whole = find_functions(config, name, &functions);
    VEC_EACH(&functions, each) {
        is_vendor |= backend_is_vendor(config, each->name);
    }
    VEC_DONE(&functions);
    if (is_vendor) {
        return error_set(
            err, -EPERM,
            "the virtual functions of %s stay with their vendor's driver: give each a "
            "vGPU type on the host (see the vendor's guide), and it can join a pool as "
            "it is",
            name);
    }
    return is_whole ? 0 : error_set(err, -ENOMEM, "no memory to look at %s", name);
}

/* Makes them again: all that are there go. 'functions' are those that are there, before and after.
 */
static int make_parts(const struct host_config *config, const char *name, uint32_t count,
                      host_entries_t *functions, struct error *err)
{
    int result = change_count(config, name, (uint32_t)functions->len, count, err);
    functions->len = 0;
    if (result == 0 && !find_functions(config, name, functions)) {
        result = error_set(err, -ENOMEM, "no memory to look at the partitions of %s", name);
    }
    if (result == 0 && functions->len != count) {
        result = error_set(err, -EIO, "the kernel made %zu virtual functions of %s, not %u",
                           functions->len, name, count);
    }
    result = result == 0 ? take_all(config, functions, err) : result;
    if (result < 0) {
        struct error ignored;
        (void)change_count(config, name, count, 0, &ignored);
    }
    return result;
}

static int split_into(const struct host_config *config, const char *name, uint32_t count,
                      struct error *err)
{
    host_entries_t functions = {0};
    int result = find_functions(config, name, &functions)
                     ? 0
                     : error_set(err, -ENOMEM, "no memory to look at the partitions of %s", name);
    result = result == 0 ? check_host_use(config, &functions, err) : result;
    if (result == 0 && functions.len == count) {
        result = take_all(config, &functions, err);
    } else if (result == 0) {
        result = check_unused(config, &functions, err);
        result = result == 0 ? make_parts(config, name, count, &functions, err) : result;
    }
    VEC_DONE(&functions);
    return result;
}

int host_gpu_split(const struct host_config *config, struct pci_address address, uint32_t count,
                   struct error *err)
{
    struct card card;
    char name[pci_address_size];
    pci_address_format(address, name);
    if (!card_read(config, address, false, &card)) {
        return error_set(err, -ENODEV, "there is no card at %s", name);
    }
    int result = check_range(name, &card.gpu, count, err);
    if (result == 0) {
        result = check_vendor(config, name, &card.gpu, err);
    }
    if (result == 0 && count > 0) {
        result = backend_load_vfio(config, err);
    }
    if (result == 0 && gpu_is_dismounted(&card.gpu)) {
        result = host_gpu_mount(config, address, err);
    }
    return result == 0 ? split_into(config, name, count, err) : result;
}
