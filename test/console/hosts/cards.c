/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cards of a played host: two of one model on its two NUMA nodes, which can be divided, and one
 * of another; the first host shows its console on a fourth, the second's odd one shares its IOMMU
 * group, the third's cannot be reset.
 */
#include "test/console/hosts/hosts.h"

#include <stdio.h>
#include <stdlib.h>

enum { mib = 1 << 20 };

static struct card *add(struct host *host, const struct gpu *gpu, const char *driver)
{
    struct card *card = VEC_ADD(&host->cards);
    if (!card) {
        abort();
    }
    card->gpu = *gpu;
    (void)snprintf(card->host_driver, gpu_driver_size, "%s", driver);
    (void)snprintf(card->gpu.driver, gpu_driver_size, "%s", driver);
    return card;
}

static void speak_against(struct card *card, enum gpu_verdict verdict, const char *why)
{
    card->gpu.verdict = verdict;
    (void)snprintf(card->gpu.verdict_detail, reason_size, "%s", why);
}

static void add_pair(struct host *host)
{
    for (int i = 0; i < 2; i++) {
        struct gpu gpu = {
            .address = {.bus = (uint8_t)(i ? 0xa1 : 0x41)},
            .vendor = 0x10de,
            .device = 0x2235,
            .subsystem_vendor = 0x10de,
            .subsystem_device = 0x145a,
            .class_code = 0x030200,
            .vendor_name = "NVIDIA Corporation",
            .device_name = "GA102GL [A40]",
            .iommu_group = 40 + i,
            .numa_node = i,
            .bar_size = {16 * mib, UINT64_C(64) << 30, 0, 32 * mib},
            .reset_methods = GPU_RESET_FLR | GPU_RESET_BUS,
            .sriov_total = 32,
            .link_speed_mts = 16000,
            .link_width = 16,
        };
        (void)snprintf(gpu.serial, sizeof(gpu.serial), "48-b0-2d-ff-ff-00-%02x-%02x",
                       host->number & 0xff, (unsigned)i);
        (void)add(host, &gpu, "nouveau");
    }
}

static struct card *add_odd(struct host *host)
{
    struct gpu gpu = {
        .address = {.bus = 0xc1},
        .vendor = 0x1002,
        .device = 0x73a3,
        .subsystem_vendor = 0x1002,
        .subsystem_device = 0x0e1e,
        .class_code = 0x030000,
        .vendor_name = "Advanced Micro Devices, Inc. [AMD/ATI]",
        .device_name = "Navi 21 [Radeon PRO W6800]",
        .iommu_group = 52,
        .companions = {{.bus = 0xc1, .function = 1}},
        .companion_len = 1,
        .numa_node = 1,
        .bar_size = {UINT64_C(32) << 30, 0, 256 * mib, 0, 0, 1 * mib},
        .reset_methods = GPU_RESET_BUS,
        .link_speed_mts = 16000,
        .link_width = 16,
    };
    return add(host, &gpu, "amdgpu");
}

static void add_console(struct host *host)
{
    struct gpu gpu = {
        .address = {.bus = 0x04},
        .vendor = 0x1a03,
        .device = 0x2000,
        .class_code = 0x030000,
        .vendor_name = "ASPEED Technology, Inc.",
        .device_name = "ASPEED Graphics Family",
        .iommu_group = 12,
        .numa_node = -1,
        .bar_size = {16 * mib, 128 << 10},
        .reset_methods = GPU_RESET_PM,
        .is_boot_display = true,
    };
    speak_against(add(host, &gpu, "ast"), GPU_IN_USE,
                  "it shows the host's console: let the firmware boot on another display");
}

void cards_init(struct host *host)
{
    if (host->number == 0) {
        add_console(host);
    }
    add_pair(host);
    struct card *odd = add_odd(host);
    if (host->number == 1) {
        speak_against(odd, GPU_SHARED_GROUP,
                      "shares IOMMU group 52 with 0000:c2:00.0: put one of them into another slot, "
                      "or switch on ACS (access control services) in the firmware setup");
    } else if (host->number == 2) {
        odd->gpu.reset_methods = 0;
        speak_against(odd, GPU_NO_RESET,
                      "it cannot be reset between two VMs: no function-level, power or bus reset "
                      "works; a slot of its own behind a root port may allow a bus reset");
    }
}

struct gpu_slot cards_part(const struct card *card, uint32_t number)
{
    struct gpu_slot slot = {.address = card->gpu.address};
    struct pci_address part = slot.address;
    part.slot = (uint8_t)((number + 4) / 8);
    part.function = (uint8_t)((number + 4) % 8);
    (void)pci_address_format(part, slot.partition);
    return slot;
}

bool cards_can_give(const struct card *card, const struct gpu_slot *slot)
{
    if (card->is_off_bus || slot->partition[0] == '\0') {
        return !card->is_off_bus && gpu_is_dismounted(&card->gpu);
    }
    for (uint32_t i = 0; i < card->gpu.sriov_enabled; i++) {
        struct gpu_slot part = cards_part(card, i);
        if (gpu_slot_equal(&part, slot)) {
            return true;
        }
    }
    return false;
}

void cards_add_parts(const struct card *card, struct node_inventory *inventory)
{
    for (uint32_t i = 0; i < card->gpu.sriov_enabled; i++) {
        struct gpu_partition *part = VEC_ADD(&inventory->partitions);
        if (!part) {
            abort();
        }
        *part = (struct gpu_partition){.slot = cards_part(card, i),
                                       .iommu_group = card->gpu.iommu_group + 100 + (int32_t)i,
                                       .mmio_size = UINT64_C(4) << 30};
        (void)snprintf(part->type, sizeof(part->type), "%s", GPU_TYPE_VF);
        (void)snprintf(part->driver, sizeof(part->driver), "vfio-pci");
    }
}

struct gpu cards_look(const struct card *card, const char *node)
{
    struct gpu gpu = card->gpu;
    char address[pci_address_size];
    if (card->is_off_bus) {
        gpu.verdict = GPU_OFF_BUS;
        (void)snprintf(gpu.verdict_detail, reason_size,
                       "it does not answer on the PCI bus any more: switch the host off and on; if "
                       "that does not help, reseat or replace it");
    } else if (gpu.sriov_enabled > 0) {
        gpu.verdict = GPU_PARTITIONED;
    } else if (gpu.verdict == GPU_ASSIGNABLE && !gpu_is_dismounted(&gpu)) {
        gpu.verdict = GPU_HOST_DRIVER;
        (void)snprintf(gpu.verdict_detail, reason_size,
                       "it belongs to the host's driver %s: `berth gpu dismount %s %s`", gpu.driver,
                       node, pci_address_format(gpu.address, address));
    }
    return gpu;
}
