/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_address.h"

#include "base/parse.h"
#include "model/aperture.h"
#include "wire/domain_aperture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the aperture ---- */

static int no_memory(struct error *err)
{
    return error_set(err, -ENOMEM, "out of memory");
}

static bool set_hole(xmlNode *devices, enum address_bus bus, uint64_t aperture)
{
    char kib[24];
    xmlNode *controller = aperture_controller(devices);
    if (!controller) {
        controller = tree_add(devices, "controller", NULL);
        if (!tree_set(controller, "type", "pci") || !tree_set(controller, "index", "0") ||
            !tree_set(controller, "model", bus == ADDRESS_BUS_Q35 ? "pcie-root" : "pci-root")) {
            return false;
        }
    }
    (void)snprintf(kib, sizeof(kib), "%" PRIu64, aperture * 1024);
    return tree_replace_text(controller, "pcihole64", kib) &&
           tree_set(tree_child(controller, "pcihole64"), "unit", "KiB");
}

static xmlNs *qemu_namespace(xmlNode *domain)
{
    xmlNs *ns = xmlSearchNsByHref(domain->doc, domain, (const xmlChar *)QEMU_NAMESPACE);
    return ns && ns->prefix
               ? ns
               : xmlNewNs(domain, (const xmlChar *)QEMU_NAMESPACE, (const xmlChar *)"qemu");
}

static xmlNode *command_line_or_new(xmlNode *domain, xmlNs *ns)
{
    xmlNode *node = aperture_command_line(domain);
    if (!node && (node = tree_add(domain, "commandline", NULL))) {
        xmlSetNs(node, ns);
    }
    return node;
}

static bool add_argument(xmlNode *parent, xmlNs *ns, const char *value)
{
    xmlNode *arg = tree_add(parent, "arg", NULL);
    if (arg) {
        xmlSetNs(arg, ns);
    }
    return tree_set(arg, "value", value);
}

/* By QEMU's own argument: libvirt refuses names below opt/ovmf/ in <sysinfo type='fwcfg'>. One that
 * the template has is raised in its place. */
static bool set_ovmf_aperture(xmlNode *domain, uint64_t aperture)
{
    char value[80];
    (void)snprintf(value, sizeof(value), "name=" OVMF_APERTURE ",string=%" PRIu64, aperture);
    xmlNode *own = aperture_argument(domain);
    if (own) {
        return aperture_argument_mib(own) == aperture || tree_set(own, "value", value);
    }
    xmlNs *ns = qemu_namespace(domain);
    xmlNode *parent = ns ? command_line_or_new(domain, ns) : NULL;
    return parent && add_argument(parent, ns, "-fw_cfg") && add_argument(parent, ns, value);
}

/* ---- the width ---- */

/* Whether the guest may have the host's own width: libvirt allows that where the CPU is the host's,
 * under KVM. */
static bool may_pass_through(const xmlNode *domain, const xmlNode *cpu)
{
    return tree_attribute_is(domain, "type", "kvm") &&
           (tree_attribute_is(cpu, "mode", "host-passthrough") ||
            tree_attribute_is(cpu, "mode", "maximum"));
}

static uint32_t number_of(const xmlNode *node, const char *name)
{
    CLEANUP(freep) char *text = tree_attribute(node, name);
    uint64_t value = 0;
    if (text) {
        (void)tree_number(text, 64, &value);
    }
    return (uint32_t)value;
}

static bool set_bits(xmlNode *node, const char *name, uint32_t bits)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%" PRIu32, bits);
    return tree_set(node, name, text);
}

/* What the template says stays if it is enough. */
static bool set_width(xmlNode *domain, uint32_t bits)
{
    xmlNode *cpu = tree_child(domain, "cpu");
    xmlNode *width = tree_child(cpu, "maxphysaddr");
    if (tree_attribute_is(width, "mode", "passthrough")) {
        uint32_t limit = number_of(width, "limit");
        return limit == 0 || limit >= bits || set_bits(width, "limit", bits);
    }
    if (width) {
        return number_of(width, "bits") >= bits ||
               (tree_set(width, "mode", "emulate") && set_bits(width, "bits", bits));
    }
    if (bits <= address_bits_usual) {
        return true;
    }
    cpu = cpu ? cpu : tree_add(domain, "cpu", NULL);
    width = tree_add(cpu, "maxphysaddr", NULL);
    return may_pass_through(domain, cpu)
               ? tree_set(width, "mode", "passthrough")
               : tree_set(width, "mode", "emulate") && set_bits(width, "bits", bits);
}

/* ---- both ---- */

static uint64_t aperture_of(const struct domain_compose *compose, const struct domain_info *info)
{
    uint64_t sizes[gpus_per_vm_max];
    size_t len = MIN(compose->device_len, (size_t)gpus_per_vm_max);
    for (size_t i = 0; i < len; i++) {
        sizes[i] = compose->devices[i].mmio_size;
    }
    uint64_t computed = aperture_mib(sizes, len);
    if (compose->mmio_mib > 0) {
        return compose->mmio_mib;
    }
    return computed ? MAX(computed, info->mmio_mib) : 0;
}

/* What QEMU's "virt" gives (hw/arm/virt.c, high PCIe MMIO), unless an argument of the template asks
 * for more; from QEMU 10.0 on one can. */
static bool is_beyond_virt(const xmlNode *domain, uint64_t aperture)
{
    enum { virt_mib = 512 * 1024 };
    const xmlNode *parent = aperture_command_line(domain);
    for (const xmlNode *arg = parent ? parent->children : NULL; arg; arg = arg->next) {
        CLEANUP(freep) char *value = tree_attribute(arg, "value");
        if (value && strstr(value, "highmem-mmio-size")) {
            return false;
        }
    }
    return aperture > virt_mib;
}

int address_write(xmlNode *domain, xmlNode *devices, enum address_bus bus,
                  const struct domain_compose *compose, const struct domain_info *info,
                  struct error *err)
{
    uint64_t aperture = aperture_of(compose, info);
    if (aperture == 0) {
        return 0;
    }
    struct aperture_need need = {
        .memory_mib = MAX(info->memory_mib, info->memory_max_mib),
        .aperture_mib = aperture,
        .host_bits = compose->address_bits,
    };
    need.bits = aperture_address_bits(need.memory_mib, aperture);
    if (need.host_bits > 0 && need.bits > need.host_bits) {
        char text[reason_size];
        return error_set(err, -ERANGE, "the VM %s", aperture_text(&need, text, sizeof(text)));
    }
    if (bus == ADDRESS_BUS_VIRT && is_beyond_virt(domain, aperture)) {
        return error_set(err, -ERANGE,
                         "the VM needs %" PRIu64
                         " GiB for GPU memory, and the machine \"virt\" has "
                         "512: give it fewer GPUs, or set highmem-mmio-size (QEMU 10) in its XML",
                         aperture >> 10);
    }
    bool is_ok = bus == ADDRESS_BUS_OTHER || bus == ADDRESS_BUS_VIRT ||
                 (set_hole(devices, bus, aperture) && set_width(domain, need.bits));
    is_ok =
        is_ok && (info->firmware != DOMAIN_FIRMWARE_UEFI || set_ovmf_aperture(domain, aperture));
    return is_ok ? 0 : no_memory(err);
}
