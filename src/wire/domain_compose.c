/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the stored template to the domain that is started. */
#include "wire/domain_xml.h"

#include "base/parse.h"
#include "wire/domain_address.h"
#include "wire/domain_expander.h"
#include "wire/domain_topology.h"
#include "wire/domain_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where a guest of this machine can get a slot for a card of several functions. */
enum bus_kind {
    BUS_I440FX, /* slots of bus 0 */
    BUS_PCIE,   /* a root port of its own */
    BUS_OTHER,  /* unknown: libvirt places each function by itself */
};

struct composer {
    xmlNode *domain;
    xmlNode *devices;
    enum bus_kind bus;
    bool is_q35;
    uint32_t next_port;  /* BUS_PCIE: number of the next root port */
    uint32_t used_slots; /* BUS_I440FX: slots of bus 0 that the template takes, a bit each */
    struct pci_address placed[gpus_per_vm_max * (companions_max + 1)];
    size_t placed_len;
    bool is_unmanaged; /* the device that is being added stays with its driver */
    bool hides_rom;    /* ... and the guest does not see its ROM */
    int expander;      /* the template's bus for its NUMA node; -1: the root bus */
    struct error *err;
};

static int no_memory(struct error *err)
{
    return error_set(err, -ENOMEM, "out of memory");
}

/* Without a machine libvirt takes "pc" on x86 and "virt" elsewhere. */
static enum bus_kind bus_of(const xmlNode *domain, const char *machine)
{
    const xmlNode *type = tree_child(tree_child(domain, "os"), "type");
    bool is_virt =
        tree_attribute_is(type, "arch", "aarch64") || tree_attribute_is(type, "arch", "riscv64");
    if (strstr(machine, "q35") || strncmp(machine, "virt", 4) == 0 ||
        (machine[0] == '\0' && is_virt)) {
        return BUS_PCIE;
    }
    return machine[0] == '\0' || strncmp(machine, "pc", 2) == 0 ? BUS_I440FX : BUS_OTHER;
}

/* ---- which addresses the template takes ---- */

static void note_address(struct composer *c, const xmlNode *device)
{
    const xmlNode *address = tree_child(device, "address");
    if (!tree_attribute_is(address, "type", "pci")) {
        return;
    }
    uint32_t bus = tree_attribute_number(address, "bus");
    if (bus == 0) {
        c->used_slots |= UINT32_C(1) << (tree_attribute_number(address, "slot") & 31);
    }
}

static void note_template(struct composer *c)
{
    c->next_port = expander_next_bus(c->domain);
    TREE_EACH(c->domain, "devices", devices)
    {
        for (const xmlNode *device = devices->children; device; device = device->next) {
            if (device->type == XML_ELEMENT_NODE) {
                note_address(c, device);
            }
        }
    }
}

/* ---- GPUs ---- */

static bool set_hex(xmlNode *node, const char *name, unsigned value, int digits)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "0x%0*x", digits, value);
    return tree_set(node, name, text);
}

static bool set_address(xmlNode *node, struct pci_address address)
{
    return set_hex(node, "domain", address.domain, 4) && set_hex(node, "bus", address.bus, 2) &&
           set_hex(node, "slot", address.slot, 2) && set_hex(node, "function", address.function, 1);
}

/* The driver is named because libvirt's default depends on what it finds on the host. A managed
 * device libvirt would take to vfio-pci, away from any other driver, and a vGPU would be lost. */
static xmlNode *add_pci_hostdev(struct composer *c, struct pci_address host)
{
    xmlNode *hostdev = tree_add(c->devices, "hostdev", NULL);
    bool is_ok = tree_set(hostdev, "mode", "subsystem") && tree_set(hostdev, "type", "pci") &&
                 tree_set(hostdev, "managed", c->is_unmanaged ? "no" : "yes") &&
                 tree_set(tree_add(hostdev, "driver", NULL), "name", "vfio") &&
                 set_address(tree_add(tree_add(hostdev, "source", NULL), "address", NULL), host) &&
                 (!c->hides_rom || tree_set(tree_add(hostdev, "rom", NULL), "bar", "off"));
    return is_ok ? hostdev : NULL;
}

static int add_mdev_hostdev(struct composer *c, const char *uuid)
{
    xmlNode *hostdev = tree_add(c->devices, "hostdev", NULL);
    bool is_ok =
        tree_set(hostdev, "mode", "subsystem") && tree_set(hostdev, "type", "mdev") &&
        tree_set(hostdev, "model", "vfio-pci") &&
        tree_set(tree_add(tree_add(hostdev, "source", NULL), "address", NULL), "uuid", uuid);
    return is_ok ? 0 : no_memory(c->err);
}

/* A root port for one card, on the expander bus for its NUMA node; else libvirt finds the port
 * itself a place on the root bus. */
static int open_port(struct composer *c, struct pci_address *ret)
{
    char index[16];
    int slot = c->expander >= 0 ? expander_slot(c->devices, c->expander) : -1;
    if (c->next_port > UINT8_MAX) {
        return error_set(c->err, -EINVAL, "the domain XML leaves no PCI bus for the GPUs");
    }
    (void)snprintf(index, sizeof(index), "%u", c->next_port);
    xmlNode *port = tree_add(c->devices, "controller", NULL);
    if (!tree_set(port, "type", "pci") || !tree_set(port, "index", index) ||
        !tree_set(port, "model", "pcie-root-port")) {
        return no_memory(c->err);
    }
    if (slot >= 0) {
        xmlNode *address = tree_add(port, "address", NULL);
        if (!tree_set(address, "type", "pci") ||
            !set_address(address, (struct pci_address){.bus = (uint8_t)c->expander,
                                                       .slot = (uint8_t)slot})) {
            return no_memory(c->err);
        }
    }
    *ret = (struct pci_address){.bus = (uint8_t)c->next_port++};
    return 0;
}

/* From the top downwards: libvirt fills the slots of bus 0 from below. */
static int open_slot(struct composer *c, struct pci_address *ret)
{
    for (unsigned slot = 31; slot > 2; slot--) {
        if (!(c->used_slots & UINT32_C(1) << slot)) {
            c->used_slots |= UINT32_C(1) << slot;
            *ret = (struct pci_address){.slot = (uint8_t)slot};
            return 0;
        }
    }
    return error_set(c->err, -EINVAL, "the domain XML leaves no PCI slot for the GPUs");
}

static int add_function(struct composer *c, struct pci_address host,
                        const struct pci_address *guest, bool is_one_of_many)
{
    xmlNode *hostdev = add_pci_hostdev(c, host);
    if (!hostdev) {
        return no_memory(c->err);
    }
    if (!guest) {
        return 0;
    }
    xmlNode *address = tree_add(hostdev, "address", NULL);
    bool is_ok =
        tree_set(address, "type", "pci") && set_address(address, *guest) &&
        (!is_one_of_many || guest->function != 0 || tree_set(address, "multifunction", "on"));
    return is_ok ? 0 : no_memory(c->err);
}

/* The functions of one slot of the host, in order, at one slot of the guest. A guest looks for
 * further functions only where it finds function 0: without one, the first stands there. */
static int add_slot(struct composer *c, const struct pci_address *functions, size_t len)
{
    struct pci_address guest = {0};
    bool is_placed = (len > 1 && c->bus != BUS_OTHER) || c->expander >= 0;
    if (is_placed) {
        int r = c->bus == BUS_PCIE ? open_port(c, &guest) : open_slot(c, &guest);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < len; i++) {
        guest.function = i == 0 ? 0 : functions[i].function;
        int r = add_function(c, functions[i], is_placed ? &guest : NULL, len > 1);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static bool is_same_slot(struct pci_address a, struct pci_address b)
{
    return a.domain == b.domain && a.bus == b.bus && a.slot == b.slot;
}

/* Two cards of one group name each other as companions: each function is added once. */
static bool place_once(struct composer *c, struct pci_address address)
{
    for (size_t i = 0; i < c->placed_len; i++) {
        if (pci_address_compare(c->placed[i], address) == 0) {
            return false;
        }
    }
    c->placed[c->placed_len++] = address;
    return true;
}

static int compare_addresses(const void *a, const void *b)
{
    return pci_address_compare(*(const struct pci_address *)a, *(const struct pci_address *)b);
}

static int add_card(struct composer *c, const struct domain_device *device)
{
    struct pci_address functions[companions_max + 1];
    size_t len = 0;
    if (place_once(c, device->slot.address)) {
        functions[len++] = device->slot.address;
    }
    for (size_t i = 0; i < MIN(device->companion_len, (uint32_t)companions_max); i++) {
        if (place_once(c, device->companions[i])) {
            functions[len++] = device->companions[i];
        }
    }
    qsort(functions, len, sizeof(functions[0]), compare_addresses);
    for (size_t first = 0, end; first < len; first = end) {
        for (end = first + 1; end < len && is_same_slot(functions[first], functions[end]); end++) {
        }
        int r = add_slot(c, functions + first, end - first);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static bool is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36;
}

static int add_device(struct composer *c, const struct domain_device *device)
{
    const char *partition = device->slot.partition;
    struct pci_address function;
    c->hides_rom = device->is_rom_hidden;
    c->is_unmanaged =
        device->backend == GPU_BACKEND_VARIANT || device->backend == GPU_BACKEND_VENDOR;
    c->expander = c->bus == BUS_PCIE ? expander_find(c->domain, c->devices, device->numa_node) : -1;
    if (partition[0] == '\0') {
        return add_card(c, device);
    }
    if (pci_address_parse(partition, &function)) {
        return place_once(c, function) ? add_slot(c, &function, 1) : 0;
    }
    if (is_uuid(partition)) {
        return add_mdev_hostdev(c, partition);
    }
    return error_set(c->err, -EINVAL, "the partition \"%s\" is neither a PCI address nor a UUID",
                     partition);
}

static int add_devices(struct composer *c, const struct domain_compose *compose)
{
    if (compose->device_len > gpus_per_vm_max) {
        return error_set(c->err, -EINVAL, "%zu devices for one VM; at most %d are allowed",
                         compose->device_len, gpus_per_vm_max);
    }
    for (size_t i = 0; i < compose->device_len; i++) {
        int r = add_device(c, &compose->devices[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ---- marker and life ---- */

static xmlNode *child_or_new(xmlNode *parent, const char *name)
{
    xmlNode *node = tree_child(parent, name);
    return node ? node : tree_add(parent, name, NULL);
}

/* Takes out what an earlier start left in a text that was dumped from a running domain. */
static void drop_marker(xmlNode *metadata)
{
    for (xmlNode *node = metadata->children, *next; node; node = next) {
        next = node->next;
        if (node->ns && xmlStrEqual(node->ns->href, (const xmlChar *)DOMAIN_NAMESPACE)) {
            xmlUnlinkNode(node);
            xmlFreeNode(node);
        }
    }
}

static bool set_number(xmlNode *node, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return tree_set(node, name, text);
}

static bool set_metadata(xmlNode *domain, const struct domain_marker *marker)
{
    xmlNode *metadata = child_or_new(domain, "metadata");
    if (!metadata) {
        return false;
    }
    drop_marker(metadata);
    xmlNode *node = tree_add(metadata, "instance", NULL);
    xmlNs *ns =
        node ? xmlNewNs(node, (const xmlChar *)DOMAIN_NAMESPACE, (const xmlChar *)"berth") : NULL;
    if (!ns) {
        return false;
    }
    xmlSetNs(node, ns);
    return (!marker->cluster[0] || tree_set(node, "cluster", marker->cluster)) &&
           tree_set(node, "vm", marker->vm) && set_number(node, "epoch", marker->epoch) &&
           set_number(node, "incarnation", marker->incarnation) &&
           tree_set(node, "node", marker->node);
}

static xmlNode *fw_cfg(xmlNode *domain)
{
    TREE_EACH(domain, "sysinfo", sysinfo)
    {
        if (tree_attribute_is(sysinfo, "type", "fwcfg")) {
            return sysinfo;
        }
    }
    xmlNode *sysinfo = tree_add(domain, "sysinfo", NULL);
    return tree_set(sysinfo, "type", "fwcfg") ? sysinfo : NULL;
}

static bool set_fw_cfg(xmlNode *domain, const struct domain_marker *marker)
{
    char text[domain_marker_text_size];
    xmlNode *sysinfo = fw_cfg(domain);
    for (xmlNode *entry = tree_child(sysinfo, "entry"), *next; entry; entry = next) {
        next = tree_next(entry, "entry");
        if (tree_attribute_is(entry, "name", DOMAIN_FW_CFG)) {
            xmlUnlinkNode(entry);
            xmlFreeNode(entry);
        }
    }
    xmlNode *entry = tree_add(sysinfo, "entry", domain_marker_format(marker, text));
    return tree_set(entry, "name", DOMAIN_FW_CFG);
}

/* A guest that ends must be gone: a domain that lingers would hold its GPUs. */
static bool set_life(xmlNode *domain)
{
    CLEANUP(freep) char *crash = tree_text(tree_child(domain, "on_crash"));
    bool keeps_dump = crash && strcmp(crash, "coredump-destroy") == 0;
    return tree_replace_text(domain, "on_poweroff", "destroy") &&
           (keeps_dump || tree_replace_text(domain, "on_crash", "destroy"));
}

/* libvirt would delete the state of the TPM together with the transient domain. */
static bool keep_tpm_state(xmlNode *devices)
{
    TREE_EACH(devices, "tpm", tpm)
    {
        xmlNode *backend = tree_child(tpm, "backend");
        if (tree_attribute_is(backend, "type", "emulator") &&
            !tree_set(backend, "persistent_state", "yes")) {
            return false;
        }
    }
    return true;
}

static int set_identity(struct composer *c, const struct domain_compose *compose)
{
    xmlUnsetProp(c->domain, (const xmlChar *)"id");
    bool is_ok = tree_replace_text(c->domain, "name", compose->marker.vm);
    if (compose->uuid && compose->uuid[0]) {
        is_ok = is_ok && tree_replace_text(c->domain, "uuid", compose->uuid);
    }
    is_ok = is_ok && set_metadata(c->domain, &compose->marker) &&
            set_fw_cfg(c->domain, &compose->marker) && set_life(c->domain) &&
            keep_tpm_state(c->devices);
    return is_ok ? 0 : no_memory(c->err);
}

/* ---- the whole ---- */

static int set_addresses(struct composer *c, const struct domain_compose *compose,
                         const struct domain_info *info)
{
    enum address_bus bus = c->is_q35              ? ADDRESS_BUS_Q35
                           : c->bus == BUS_I440FX ? ADDRESS_BUS_I440FX
                           : c->bus == BUS_PCIE   ? ADDRESS_BUS_VIRT
                                                  : ADDRESS_BUS_OTHER;
    return address_write(c->domain, c->devices, bus, compose, info, c->err);
}

int domain_xml_compose(const struct domain_compose *compose, struct buf *ret, struct error *err)
{
    struct domain_info info;
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    int r = domain_xml_inspect(compose->xml, &info, err);
    r = r < 0 ? r : tree_parse(compose->xml, &doc, err);
    if (r < 0) {
        return r;
    }
    struct composer c = {.domain = xmlDocGetRootElement(doc), .err = err};
    c.devices = child_or_new(c.domain, "devices");
    if (!c.devices) {
        return no_memory(err);
    }
    c.bus = bus_of(c.domain, info.machine);
    c.is_q35 = strstr(info.machine, "q35") != NULL;
    r = topology_write(c.domain, c.devices, compose, c.bus == BUS_PCIE, err);
    note_template(&c);
    r = r < 0 ? r : set_identity(&c, compose);
    r = r < 0 ? r : add_devices(&c, compose);
    r = r < 0 ? r : set_addresses(&c, compose, &info);
    return r < 0 ? r : tree_write(doc, ret, err);
}

int domain_xml_remark(const char *xml, const struct domain_marker *marker, struct buf *ret,
                      struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    int r = tree_parse(xml, &doc, err);
    if (r < 0) {
        return r;
    }
    xmlNode *domain = xmlDocGetRootElement(doc);
    bool is_ok = set_metadata(domain, marker) && set_fw_cfg(domain, marker);
    return is_ok ? tree_write(doc, ret, err) : no_memory(err);
}
