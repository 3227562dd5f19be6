/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verdict: the first cause that applies, in the order of GPU_VERDICT_LIST, and what to do. */
#include "host/internal.h"

#include <stdio.h>
#include <string.h>

enum { vendor_amd = 0x1002 };

static bool has_cpu_vendor(const struct host_config *config, const char *vendor)
{
    CLEANUP(buf_done) struct buf text = {0};
    (void)host_read_all(config, &text, "/proc/cpuinfo");
    return strstr(buf_str(&text), vendor) != NULL;
}

static bool has_entries(const struct host_config *config, const char *path)
{
    host_entries_t entries = host_list(config, "%s", path);
    size_t len = entries.len;
    VEC_DONE(&entries);
    return len > 0;
}

/* Tables by which the firmware tells of an IOMMU: DMAR (Intel), IVRS (AMD), IORT (ARM). */
const char *survey_iommu(const struct host_config *config, char *ret)
{
    const char *what;
    if (has_entries(config, "/sys/kernel/iommu_groups") &&
        (has_entries(config, "/sys/class/iommu") || !host_exists(config, "/sys/class/iommu"))) {
        what = "";
    } else if (host_exists(config, "/sys/firmware/acpi/tables/DMAR")) {
        what = "the IOMMU is off: add intel_iommu=on to the kernel's command line, then reboot";
    } else if (host_exists(config, "/sys/firmware/acpi/tables/IVRS") ||
               host_exists(config, "/sys/firmware/acpi/tables/IORT")) {
        what = "the IOMMU is off: take amd_iommu=off and iommu=off from the kernel's command line, "
               "then reboot";
    } else if (has_cpu_vendor(config, "GenuineIntel")) {
        what = "the firmware shows no IOMMU: switch on VT-d in its setup, and add intel_iommu=on "
               "to the kernel's command line";
    } else if (has_cpu_vendor(config, "AuthenticAMD")) {
        what = "the firmware shows no IOMMU: switch on IOMMU (AMD-Vi) in its setup";
    } else {
        what = "this machine shows no IOMMU: without one no device can be passed to a VM";
    }
    (void)snprintf(ret, reason_size, "%s", what);
    return ret;
}

static enum gpu_verdict verdict_say(struct card *card, enum gpu_verdict verdict, const char *format,
                                    ...) PRINTF_LIKE(3, 4);

static enum gpu_verdict verdict_say(struct card *card, enum gpu_verdict verdict, const char *format,
                                    ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(card->gpu.verdict_detail, sizeof(card->gpu.verdict_detail), format, args);
    va_end(args);
    return verdict;
}

static enum gpu_verdict say_no_reset(struct card *card)
{
    if (card->facts.is_reset_off) {
        return verdict_say(card, GPU_NO_RESET,
                           "its reset was switched off: someone emptied its "
                           "reset_method in sysfs; reboot, or write \"default\" there");
    }
    if (card->gpu.vendor == vendor_amd) {
        return verdict_say(
            card, GPU_NO_RESET,
            "it cannot be reset between two VMs: no function-level, power or bus reset "
            "works; the kernel module vendor-reset can reset many of AMD's GPUs: load it");
    }
    return verdict_say(
        card, GPU_NO_RESET,
        "it cannot be reset between two VMs: no function-level, power or bus reset works%s",
        card->facts.is_alone_on_bus
            ? ""
            : "; a slot of its own behind a root port may allow a bus reset");
}

static enum gpu_verdict say_shared(struct card *card)
{
    const struct card_facts *facts = &card->facts;
    char name[pci_address_size], more[32] = "";
    pci_address_format(facts->stranger, name);
    if (facts->is_with_head) {
        return verdict_say(
            card, GPU_SHARED_GROUP,
            "goes along with another card of IOMMU group %d, which is given to VMs as a whole "
            "(whole_groups in berth.conf)",
            card->gpu.iommu_group);
    }
    if (facts->stranger_len > 1) {
        (void)snprintf(more, sizeof(more), " and %u more", facts->stranger_len - 1);
    }
    /* Only cards: then the group is of use as it is. */
    bool is_all_cards = facts->card_strangers == facts->stranger_len;
    return verdict_say(
        card, GPU_SHARED_GROUP,
        "shares IOMMU group %d with %s%s: put one of them into another slot, or switch on "
        "ACS in the firmware setup%s",
        card->gpu.iommu_group, name, more,
        is_all_cards ? ", or give all to one VM (whole_groups in berth.conf)" : "");
}

/* What the machine decides: nothing that software could let go. */
static enum gpu_verdict judge_machine(const char *iommu, struct card *card)
{
    const struct card_facts *facts = &card->facts;
    if (facts->stuck_pid) {
        return verdict_say(card, GPU_STUCK, HOST_STUCK_TEXT, "it", facts->stuck_pid);
    }
    if (facts->is_silent) {
        return verdict_say(
            card, GPU_OFF_BUS,
            "it does not answer on the PCI bus any more: switch the host off and on; if it "
            "falls off again when idle, set disable_idle_d3=1 for vfio-pci; else reseat or "
            "replace it");
    }
    if (iommu[0]) {
        return verdict_say(card, GPU_NO_IOMMU, "%s", iommu);
    }
    if (card->gpu.iommu_group < 0 || facts->is_group_unsafe) {
        return verdict_say(card, GPU_NO_IOMMU,
                           "the host's IOMMU does not cover this card: put it into "
                           "another slot");
    }
    if (facts->firmware_region[0]) {
        return verdict_say(
            card, GPU_FIRMWARE_RESERVED,
            "the firmware keeps memory %s for itself through this card: look for an option "
            "that releases it in the firmware setup, or update the firmware",
            facts->firmware_region);
    }
    if (facts->stranger_len > 0) {
        return say_shared(card);
    }
    if (facts->is_bridge) {
        return verdict_say(card, GPU_WRONG_KIND,
                           "it is a bridge (class %06x): list the function behind it",
                           card->gpu.class_code);
    }
    if (card->gpu.reset_methods == 0) {
        return say_no_reset(card);
    }
    if (facts->lost_bar >= 0) {
        return verdict_say(
            card, GPU_NO_BARS,
            "the firmware gave its memory region %d (%llu MiB) no address: switch on Above "
            "4G Decoding in the firmware setup",
            facts->lost_bar, (unsigned long long)card->gpu.bar_size[facts->lost_bar] >> 20);
    }
    return GPU_ASSIGNABLE;
}

/* " takes 0000:04:00.1 (snd_hda_intel) and 2 more along", as far as there is room; "": nothing. */
static const char *what_goes_along(const struct host_config *config, const struct gpu *gpu,
                                   char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < gpu->companion_len && used < size; i++) {
        char name[pci_address_size], driver[gpu_driver_size], one[80];
        pci_address_format(gpu->companions[i], name);
        (void)host_link_name(config, driver, sizeof(driver), "/sys/bus/pci/devices/%s/driver",
                             name);
        int len = snprintf(one, sizeof(one), "%s%s%s%s%s", i ? ", " : " takes along ", name,
                           driver[0] ? " (" : "", driver, driver[0] ? ")" : "");
        if (used + (size_t)len + sizeof(" and 16 more") > size) {
            (void)snprintf(ret + used, size - used, " and %u more", gpu->companion_len - i);
            return ret;
        }
        memcpy(ret + used, one, (size_t)len + 1);
        used += (size_t)len;
    }
    return ret;
}

/* What software holds. */
static enum gpu_verdict judge_holders(const struct host_config *config, struct card *card)
{
    char name[pci_address_size];
    const struct card_facts *facts = &card->facts;
    const char *node = config->node[0] ? config->node : "NODE";
    pci_address_format(card->gpu.address, name);
    if (card->gpu.sriov_enabled > 0 || facts->mdev_len > 0) {
        return verdict_say(
            card, GPU_PARTITIONED,
            "it is partitioned (%u virtual functions, %u mediated devices), so it cannot be "
            "had whole",
            card->gpu.sriov_enabled, facts->mdev_len);
    }
    if (facts->is_framebuffer) {
        return verdict_say(
            card, GPU_IN_USE,
            "%s: add initcall_blacklist=sysfb_init (or video=efifb:off) to the kernel's "
            "command line and reboot",
            facts->user);
    }
    if (facts->user[0]) {
        return verdict_say(card, GPU_IN_USE, "%s: end that, or `berth gpu dismount %s %s --force`",
                           facts->user, node, name);
    }
    bool is_for_types = facts->is_virtual_function && backend_needs_types(&card->gpu);
    if ((facts->is_vendor || is_for_types) && !gpu_is_dismounted(&card->gpu)) {
        return verdict_say(card, GPU_HOST_DRIVER,
                           "it has no vGPU type: give it one on the host, and it is a partition");
    }
    if (facts->is_virtual_function && !gpu_is_dismounted(&card->gpu)) {
        return verdict_say(
            card, GPU_HOST_DRIVER, "%s%s, not to vfio-pci: `berth gpu partition %s %s` ...",
            card->gpu.driver[0] ? "it belongs to the host's driver " : "it has no driver",
            card->gpu.driver, node, pci_address_format(facts->parent, name));
    }
    if (!gpu_is_dismounted(&card->gpu)) {
        char along[120];
        return verdict_say(card, GPU_HOST_DRIVER, "%s%s: `berth gpu dismount %s %s`%s",
                           card->gpu.driver[0] ? "it belongs to the host's driver "
                                               : "it has no driver",
                           card->gpu.driver, node, name,
                           what_goes_along(config, &card->gpu, along, sizeof(along)));
    }
    if (facts->loose_companion[0]) {
        return verdict_say(
            card, GPU_HOST_DRIVER,
            "%s, which goes along, was not dismounted with it: `berth gpu dismount %s %s`",
            facts->loose_companion, node, name);
    }
    card->gpu.verdict_detail[0] = '\0';
    return GPU_ASSIGNABLE;
}

void survey_judge(const struct host_config *config, const char *iommu, struct card *card)
{
    card->gpu.verdict = judge_machine(iommu, card);
    if (card->gpu.verdict == GPU_ASSIGNABLE) {
        card->gpu.verdict = judge_holders(config, card);
    }
}
