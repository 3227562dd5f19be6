/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a host needs to pass devices to VMs, and whether it has it. */
#include "host/internal.h"
#include "host/services.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The check that was added last is advice only. */
static bool advise(struct node_inventory *inventory, bool is_added)
{
    if (is_added) {
        inventory->checks.items[inventory->checks.len - 1].is_advice = true;
    }
    return is_added;
}

static bool check_iommu(const struct host_config *config, const char *iommu,
                        struct node_inventory *inventory)
{
    host_entries_t groups = host_list(config, "/sys/kernel/iommu_groups");
    host_entries_t units = host_list(config, "/sys/class/iommu");
    bool added =
        iommu[0] ? node_checks_add(&inventory->checks, "iommu", false, "%s", iommu)
                 : node_checks_add(&inventory->checks, "iommu", true, "%zu groups, IOMMU %s",
                                   groups.len, units.len ? units.items[0].name : "without a name");
    VEC_DONE(&groups);
    VEC_DONE(&units);
    return added;
}

/* With interrupt remapping the interrupt controllers' names begin with IR-. VFIO refuses devices
 * without it, unless it was told to allow unsafe interrupts. Other machines (ARM) always isolate.
 */
static bool check_remapping(const struct host_config *config, struct node_inventory *inventory)
{
    CLEANUP(buf_done) struct buf text = {0};
    char unsafe[8];
    (void)host_read_all(config, &text, "/proc/interrupts");
    if (strstr(buf_str(&text), " IR-")) {
        return node_checks_add(&inventory->checks, "interrupt-remapping", true, "on");
    }
    if (!strstr(buf_str(&text), "IO-APIC")) {
        return node_checks_add(&inventory->checks, "interrupt-remapping", true,
                               "not a matter of this kind of machine");
    }
    (void)host_read(config, unsafe, sizeof(unsafe),
                    "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
    if (unsafe[0] == 'Y') {
        return advise(inventory,
                      node_checks_add(
                          &inventory->checks, "interrupt-remapping", false,
                          "off; unsafe interrupts are allowed, so a guest can disturb this host"));
    }
    return node_checks_add(
        &inventory->checks, "interrupt-remapping", false,
        "off: switch on x2APIC or interrupt remapping in the firmware setup, and take "
        "intremap=off from the kernel's command line; else no VM can start with a device");
}

static bool has_module(const struct host_config *config, const char *file)
{
    static const char *const lists[] = {"modules.dep", "modules.builtin"};
    char release[64], path[128];
    bool is_found = false;
    if (host_read(config, release, sizeof(release), "/proc/sys/kernel/osrelease") < 0) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(lists) && !is_found; i++) {
        CLEANUP(buf_done) struct buf text = {0};
        (void)snprintf(path, sizeof(path), "/lib/modules/%s/%s", release, lists[i]);
        (void)host_read_all(config, &text, path);
        is_found = strstr(buf_str(&text), file) != NULL;
    }
    return is_found;
}

static bool check_vfio(const struct host_config *config, struct node_inventory *inventory)
{
    if (host_exists(config, "/sys/bus/pci/drivers/vfio-pci")) {
        return node_checks_add(&inventory->checks, "vfio-pci", true, "loaded");
    }
    if (has_module(config, "/vfio-pci.ko")) {
        return node_checks_add(&inventory->checks, "vfio-pci", true,
                               "will be loaded when a card is dismounted");
    }
    return node_checks_add(
        &inventory->checks, "vfio-pci", false,
        "this kernel has no module vfio-pci: install the distribution's full kernel (Debian: "
        "linux-image-amd64, not the cloud one)");
}

/* Whether 'word' stands in the command line as a word of its own. */
static bool has_word(const char *line, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = line; (at = strstr(at, word)); at += len) {
        if ((at == line || at[-1] == ' ') &&
            (at[len] == ' ' || at[len] == '\0' || at[len] == '\n')) {
            return true;
        }
    }
    return false;
}

static bool check_command_line(const struct host_config *config, struct node_inventory *inventory)
{
    static const char *const harmful[] = {"intel_iommu=off", "amd_iommu=off", "iommu=off",
                                          "intremap=off",    "pci=nommconf",  "noiommu"};
    CLEANUP(buf_done) struct buf text = {0};
    if (!host_read_all(config, &text, "/proc/cmdline")) {
        return node_checks_add(&inventory->checks, "kernel-command-line", false,
                               "it cannot be read");
    }
    for (size_t i = 0; i < ARRAY_LEN(harmful); i++) {
        if (has_word(buf_str(&text), harmful[i])) {
            return node_checks_add(
                &inventory->checks, "kernel-command-line", false,
                "it holds %s, which keeps devices from VMs: take it out and reboot", harmful[i]);
        }
    }
    if (strstr(buf_str(&text), "pcie_acs_override=")) {
        return advise(inventory,
                      node_checks_add(&inventory->checks, "kernel-command-line", false,
                                      "it holds pcie_acs_override, so IOMMU groups are made up: "
                                      "devices that share a bus can reach each other past the "
                                      "IOMMU; use it only with guests that you trust"));
    }
    return node_checks_add(&inventory->checks, "kernel-command-line", true,
                           "nothing in it keeps devices from VMs");
}

static bool check_kvm(const struct host_config *config, struct node_inventory *inventory)
{
    bool has_kvm = host_exists(config, "/dev/kvm");
    if (has_kvm) {
        return node_checks_add(&inventory->checks, "kvm", true, "VMs run on the CPU itself");
    }
    return advise(
        inventory,
        node_checks_add(&inventory->checks, "kvm", false,
                        "there is no /dev/kvm: VMs are emulated, which is slow; switch on VT-x or "
                        "SVM in the firmware setup and load kvm_intel or kvm_amd"));
}

/* Huge pages make large pinned guests start faster; nothing depends on them. */
static bool check_huge_pages(const struct host_config *config, struct node_inventory *inventory)
{
    CLEANUP(buf_done) struct buf text = {0};
    (void)host_read_all(config, &text, "/proc/meminfo");
    return node_checks_add(&inventory->checks, "huge-pages", true,
                           "%" PRIu64 " reserved, %" PRIu64 " of them free",
                           host_meminfo(buf_str(&text), "HugePages_Total"),
                           host_meminfo(buf_str(&text), "HugePages_Free"));
}

bool checks_add(const struct host_config *config, const char *iommu,
                struct node_inventory *inventory)
{
    return check_iommu(config, iommu, inventory) && check_remapping(config, inventory) &&
           check_vfio(config, inventory) && check_command_line(config, inventory) &&
           check_kvm(config, inventory) && check_huge_pages(config, inventory) &&
           host_services_check(config->root, &inventory->checks);
}
