/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One PCI function as sysfs shows it (the kernel's Documentation/ABI/testing/sysfs-bus-pci). */
#include "host/internal.h"

#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum {
    /* include/linux/ioport.h of the kernel, as the third column of 'resource' shows them */
    resource_is_memory = 0x00000200,
    resource_is_unset = 0x20000000,
    link_speed_max_mts = 1000 * 1000,
};

#define DEVICE "/sys/bus/pci/devices/%s/"

static uint32_t read_id(const struct host_config *config, const char *name, const char *file)
{
    return (uint32_t)host_read_number(config, 0, DEVICE "%s", name, file);
}

static void read_ids(const struct host_config *config, const char *name, struct gpu *gpu)
{
    gpu->vendor = (uint16_t)read_id(config, name, "vendor");
    gpu->device = (uint16_t)read_id(config, name, "device");
    gpu->subsystem_vendor = (uint16_t)read_id(config, name, "subsystem_vendor");
    gpu->subsystem_device = (uint16_t)read_id(config, name, "subsystem_device");
    gpu->class_code = read_id(config, name, "class") & 0xffffffU;
    gpu->numa_node = (int32_t)host_read_number(config, -1, DEVICE "numa_node", name);
    gpu->is_boot_display = host_read_number(config, 0, DEVICE "boot_vga", name) == 1;
}

static void read_driver(const struct host_config *config, const char *name, bool skip_lock,
                        struct gpu *gpu)
{
    (void)host_link_name(config, gpu->driver, sizeof(gpu->driver), DEVICE "driver", name);
    gpu->backend = backend_of(config, name);
    /* The kernel takes the device's lock to show this one: a driver that hangs holds it. */
    gpu->is_overridden = !skip_lock && backend_is_overridden(config, name);
}

/* A function that fell off the bus reads all ones; sysfs goes on showing what it read at boot. The
 * ids of a virtual function read all ones by specification (SR-IOV 3.4.1). */
static bool is_silent(const struct host_config *config, struct pci_address address)
{
    uint32_t ids = 0;
    return host_read_config(config, address, 0, &ids, sizeof(ids)) && ids == UINT32_MAX;
}

/* Lines "start end flags" of the memory regions, in the order of the base address registers. */
static void read_bars(const struct host_config *config, const char *name, struct gpu *gpu,
                      int *ret_lost_bar)
{
    char path[64];
    CLEANUP(buf_done) struct buf text = {0};
    (void)snprintf(path, sizeof(path), DEVICE "resource", name);
    (void)host_read_all(config, &text, path);
    const char *line = buf_str(&text);
    *ret_lost_bar = -1;
    for (int i = 0; i < bars_max && line && *line; i++) {
        unsigned long long start, end, flags;
        if (sscanf(line, "%llx %llx %llx", &start, &end, &flags) == 3 &&
            (flags & resource_is_memory) && end >= start && end > 0) {
            gpu->bar_size[i] = end - start + 1;
            if ((flags & resource_is_unset) || start == 0) {
                *ret_lost_bar = i;
            }
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
}

/* Lines "start end type"; VFIO refuses a device with a region of the type "direct", which the
 * firmware wants mapped always (RMRR); "direct-relaxable" ones it ignores, as we do. */
static void read_regions(const struct host_config *config, struct card *card)
{
    char path[80];
    CLEANUP(buf_done) struct buf text = {0};
    (void)snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/reserved_regions",
                   card->gpu.iommu_group);
    if (card->gpu.iommu_group < 0 || !host_read_all(config, &text, path)) {
        return;
    }
    for (const char *line = buf_str(&text); line && *line;) {
        unsigned long long start, end;
        char type[32];
        if (sscanf(line, "%llx %llx %31s", &start, &end, type) == 3 &&
            strcmp(type, "direct") == 0) {
            (void)snprintf(card->facts.firmware_region, sizeof(card->facts.firmware_region),
                           "0x%llx-0x%llx", start, end);
            return;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
}

/*
 * Whether no one else sits on its bus but what goes along, with a bridge above. A reset of the
 * whole bus is missing in reset_method if other functions sit on that bus, but VFIO does it all the
 * same (VFIO_DEVICE_PCI_HOT_RESET) if all of them belong to the same VM, whatever groups they are
 * in.
 */
static bool is_alone_behind_bridge(const struct host_config *config, const struct gpu *gpu)
{
    char name[pci_address_size], target[256];
    if (!host_link(config, target, sizeof(target), "/sys/bus/pci/devices/%s",
                   pci_address_format(gpu->address, name))) {
        return false;
    }
    struct pci_address above, other;
    char *last = strrchr(target, '/');
    char *parent = last ? (*last = '\0', strrchr(target, '/')) : NULL;
    if (!parent || !pci_address_parse(parent + 1, &above)) {
        return false;
    }
    uint32_t on_bus = 0, ours = 1;
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        ours += gpu->companions[i].domain == gpu->address.domain &&
                gpu->companions[i].bus == gpu->address.bus;
    }
    host_entries_t all = host_list(config, "/sys/bus/pci/devices");
    VEC_EACH(&all, each) {
        on_bus += pci_address_parse(each->name, &other) && other.domain == gpu->address.domain &&
                  other.bus == gpu->address.bus;
    }
    VEC_DONE(&all);
    return on_bus == ours;
}

static uint32_t reset_bit(const char *word)
{
    static const struct {
        const char *word;
        enum gpu_reset bit;
    } resets[] = {
        {"flr", GPU_RESET_FLR},   {"pm", GPU_RESET_PM},
        {"bus", GPU_RESET_BUS},   {"device_specific", GPU_RESET_DEVICE_SPECIFIC},
        {"acpi", GPU_RESET_ACPI}, {"af_flr", GPU_RESET_AF_FLR},
    };
    for (size_t i = 0; i < ARRAY_LEN(resets); i++) {
        if (strcmp(word, resets[i].word) == 0) {
            return resets[i].bit;
        }
    }
    return 0;
}

static void read_resets(const struct host_config *config, const char *name, struct card *card)
{
    char text[128], *rest = text, *word;
    bool is_told = host_read(config, text, sizeof(text), DEVICE "reset_method", name) == 0;
    while (is_told && (word = strsep(&rest, " "))) {
        card->gpu.reset_methods |= reset_bit(word);
    }
    card->facts.is_reset_off = is_told && card->gpu.reset_methods == 0;
    /* Before Linux 5.15 there was only 'reset', which does not say how. */
    if (!is_told && host_exists(config, DEVICE "reset", name)) {
        card->gpu.reset_methods = GPU_RESET_BUS;
    }
    card->facts.is_alone_on_bus =
        !card->facts.is_virtual_function && is_alone_behind_bridge(config, &card->gpu);
    if (!is_told && card->gpu.companion_len > 0 && card->facts.is_alone_on_bus) {
        card->gpu.reset_methods |= GPU_RESET_BUS;
    }
}

/* The width is the link's as it is now: a narrower one than the slot's is a fault worth seeing. The
 * speed is the card's best: cards lower theirs whenever they idle. */
static void read_link(const struct host_config *config, const char *name, struct gpu *gpu)
{
    char text[64];
    double speed;
    int64_t width = host_read_number(config, 0, DEVICE "current_link_width", name);
    if (width <= 0 || width > 32) {
        return;
    }
    gpu->link_width = (uint32_t)width;
    if (host_read(config, text, sizeof(text), DEVICE "max_link_speed", name) == 0 &&
        sscanf(text, "%lf", &speed) == 1 && speed > 0 && speed * 1000 < link_speed_max_mts) {
        gpu->link_speed_mts = (uint32_t)(speed * 1000 + 0.5);
    }
}

/* What the slot above can do, too: a card of 16 lanes in a slot of 8 is as it was built. */
static void read_width_max(const struct host_config *config, const char *name, struct gpu *gpu)
{
    int64_t own = host_read_number(config, 0, DEVICE "max_link_width", name);
    int64_t slot = host_read_number(config, own, DEVICE "../max_link_width", name);
    if (own > 0 && own <= 32 && slot > 0 && slot <= 32) {
        gpu->link_width_max = (uint32_t)MIN(own, slot);
    }
}

/* The last line of the file, "TOTAL_ERR_FATAL 0" (sysfs-bus-pci-devices-aer_stats). */
static uint64_t read_errors(const struct host_config *config, const char *name, const char *file)
{
    char path[96];
    unsigned long long count = 0;
    CLEANUP(buf_done) struct buf text = {0};
    (void)snprintf(path, sizeof(path), DEVICE "%s", name, file);
    (void)host_read_all(config, &text, path);
    const char *total = strstr(buf_str(&text), "TOTAL_ERR_");
    return total && sscanf(total, "%*s %llu", &count) == 1 ? MIN(count, (uint64_t)INT64_MAX) : 0;
}

static void read_health(const struct host_config *config, const char *name, struct gpu *gpu)
{
    read_width_max(config, name, gpu);
    gpu->errors_fatal = read_errors(config, name, "aer_dev_fatal");
    gpu->errors_nonfatal = read_errors(config, name, "aer_dev_nonfatal");
    uint64_t corrected = read_errors(config, name, "aer_dev_correctable");
    while (corrected & (corrected - 1)) {
        corrected &= corrected - 1;
    }
    gpu->errors_corrected = corrected;
}

static void read_partitions(const struct host_config *config, const char *name, struct gpu *gpu)
{
    gpu->sriov_total = (uint32_t)host_read_number(config, 0, DEVICE "sriov_totalvfs", name);
    if (gpu->sriov_total == 0) {
        return;
    }
    /* Not from sriov_numvfs, which waits for the driver's lock. */
    host_entries_t entries = host_list(config, "/sys/bus/pci/devices/%s", name);
    VEC_EACH(&entries, each) {
        gpu->sriov_enabled += strncmp(each->name, "virtfn", 6) == 0;
    }
    VEC_DONE(&entries);
}

static void read_mdev_type(const struct host_config *config, const char *name, const char *type,
                           struct card *card)
{
    struct gpu *gpu = &card->gpu;
    host_entries_t made = host_list(config, DEVICE "mdev_supported_types/%s/devices", name, type);
    card->facts.mdev_len += (uint32_t)made.len;
    VEC_DONE(&made);
    if (gpu->mdev_type_len == gpu_mdev_types_max) {
        return;
    }
    struct gpu_mdev_type *each = &gpu->mdev_types[gpu->mdev_type_len++];
    (void)snprintf(each->id, sizeof(each->id), "%s", type);
    (void)host_read(config, each->name, sizeof(each->name), DEVICE "mdev_supported_types/%s/name",
                    name, type);
    int64_t available = host_read_number(
        config, 0, DEVICE "mdev_supported_types/%s/available_instances", name, type);
    each->available = (uint32_t)MIN(MAX(available, INT64_C(0)), (int64_t)UINT32_MAX);
}

static void read_mdevs(const struct host_config *config, const char *name, struct card *card)
{
    host_entries_t types = host_list(config, DEVICE "mdev_supported_types", name);
    VEC_EACH(&types, each) {
        read_mdev_type(config, name, each->name, card);
    }
    VEC_DONE(&types);
}

/* Those that the host still has keep the card from any VM. */
static void read_companions(const struct host_config *config, struct card *card)
{
    struct card_facts *facts = &card->facts;
    for (uint32_t i = 0; i < card->gpu.companion_len; i++) {
        char name[pci_address_size], driver[32];
        struct gpu companion = {0};
        int lost_bar;
        pci_address_format(card->gpu.companions[i], name);
        read_bars(config, name, &companion, &lost_bar);
        card->gpu.companion_mmio += gpu_mmio_size(&companion);
        (void)host_link_name(config, driver, sizeof(driver), DEVICE "driver", name);
        if (backend_of(config, name) == GPU_BACKEND_NONE && !facts->loose_companion[0]) {
            (void)snprintf(facts->loose_companion, sizeof(facts->loose_companion), "%s (%s)", name,
                           driver[0] ? driver : "no driver");
        }
    }
}

bool card_read(const struct host_config *config, struct pci_address address, bool skip_lock,
               struct card *ret)
{
    char name[pci_address_size];
    pci_address_format(address, name);
    memset(ret, 0, sizeof(*ret));
    ret->gpu.address = address;
    if (!host_exists(config, DEVICE "vendor", name)) {
        return false;
    }
    ret->facts.is_virtual_function = card_parent(config, address, &ret->facts.parent);
    read_ids(config, name, &ret->gpu);
    read_driver(config, name, skip_lock, &ret->gpu);
    read_bars(config, name, &ret->gpu, &ret->facts.lost_bar);
    companions_read(config, ret);
    read_regions(config, ret);
    read_resets(config, name, ret);
    read_link(config, name, &ret->gpu);
    read_health(config, name, &ret->gpu);
    read_partitions(config, name, &ret->gpu);
    if (!skip_lock) {
        read_mdevs(config, name, ret); /* asks the driver */
        backend_read_vendor(config, name, ret);
    }
    read_companions(config, ret);
    ret->facts.is_bridge = companions_is_bridge(config, address);
    ret->facts.is_silent = !ret->facts.is_virtual_function && is_silent(config, address);
    return true;
}
