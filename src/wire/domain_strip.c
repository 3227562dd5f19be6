/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_xml.h"

#include "base/parse.h"
#include "wire/domain_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Attributes of <address> are numbers as in C, as libvirt reads them: 0x1f, 31 and 037 are one. */
static bool read_part(const xmlNode *address, const char *name, uint64_t max, uint64_t *ret)
{
    CLEANUP(freep) char *text = tree_attribute(address, name);
    if (!text && strcmp(name, "domain") == 0) {
        *ret = 0;
        return true;
    }
    if (!text || text[0] < '0' || text[0] > '9') { /* no sign, no blanks */
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    *ret = value;
    return *end == '\0' && errno == 0 && value <= max;
}

static bool read_pci(const xmlNode *address, struct pci_address *ret)
{
    uint64_t domain, bus, slot, function;
    if (!read_part(address, "domain", UINT16_MAX, &domain) ||
        !read_part(address, "bus", UINT8_MAX, &bus) || !read_part(address, "slot", 31, &slot) ||
        !read_part(address, "function", 7, &function)) {
        return false;
    }
    *ret = (struct pci_address){(uint16_t)domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)function};
    return true;
}

static void note_loss(struct domain_hostdev *device, const char *format, ...) PRINTF_LIKE(2, 3);

static void note_loss(struct domain_hostdev *device, const char *format, ...)
{
    size_t used = strlen(device->losses);
    va_list args;
    va_start(args, format);
    if (used > 0 && used + 2 < sizeof(device->losses)) {
        memcpy(device->losses + used, ", ", 3);
        used += 2;
    }
    (void)vsnprintf(device->losses + used, sizeof(device->losses) - used, format, args);
    va_end(args);
}

/* What is said of it that Berth does not say when it adds a device. */
static void find_losses(const xmlNode *hostdev, struct domain_hostdev *device)
{
    const xmlNode *rom = tree_child(hostdev, "rom"), *address = tree_child(hostdev, "address");
    CLEANUP(freep) char *file = tree_attribute(rom, "file");
    CLEANUP(freep) char *bus = tree_attribute(address, "bus");
    CLEANUP(freep) char *slot = tree_attribute(address, "slot");
    CLEANUP(freep) char *function = tree_attribute(address, "function");
    CLEANUP(freep) char *order = tree_attribute(tree_child(hostdev, "boot"), "order");
    CLEANUP(freep) char *alias = tree_attribute(tree_child(hostdev, "alias"), "name");
    CLEANUP(freep) char *index = tree_attribute(tree_child(hostdev, "acpi"), "index");
    CLEANUP(freep) char *model = tree_attribute(tree_child(hostdev, "driver"), "model");
    if (file) {
        note_loss(device, "ROM file %.100s", file);
    }
    if (tree_attribute_is(rom, "bar", "off") || tree_attribute_is(rom, "enabled", "no")) {
        note_loss(device, "ROM switched off");
    }
    if (tree_attribute_is(hostdev, "display", "on")) {
        note_loss(device, "display");
    }
    if (tree_attribute_is(hostdev, "ramfb", "on")) {
        note_loss(device, "ramfb");
    }
    if (bus && slot && function) {
        note_loss(device, "guest address (bus %.6s, slot %.6s, function %.4s)", bus, slot,
                  function);
    }
    if (order) {
        note_loss(device, "boot order %.10s", order);
    }
    if (tree_child(hostdev, "teaming")) {
        note_loss(device, "teaming");
    }
    if (alias && strncmp(alias, "ua-", 3) == 0) { /* others are libvirt's own */
        note_loss(device, "alias %.60s", alias);
    }
    if (model) { /* of VFIO's drivers the one that fits is found without it */
        note_loss(device, "driver %.60s", model);
    }
    if (tree_attribute_is(tree_child(hostdev, "source"), "writeFiltering", "no")) {
        note_loss(device, "write filtering switched off");
    }
    if (index) {
        note_loss(device, "ACPI index %.10s", index);
    }
}

/* Whether it is a device of one host; '*ret' says which. */
static bool read_hostdev(const xmlNode *hostdev, struct domain_hostdev *ret)
{
    const xmlNode *address = tree_child(tree_child(hostdev, "source"), "address");
    *ret = (struct domain_hostdev){0};
    if (tree_attribute_is(hostdev, "type", "mdev")) {
        CLEANUP(freep) char *uuid = tree_attribute(address, "uuid");
        (void)copy_text(ret->mdev, sizeof(ret->mdev), uuid && uuid[0] ? uuid : "?");
        return true;
    }
    return tree_attribute_is(hostdev, "type", "pci") && read_pci(address, &ret->address);
}

int domain_xml_strip(const char *xml,
                     bool (*takes)(void *userdata, const struct domain_hostdev *device),
                     void *userdata, struct buf *ret, struct error *err)
{
    CLEANUP(tree_freep) xmlDoc *doc = NULL;
    int r = tree_parse(xml, &doc, err);
    if (r < 0) {
        return r;
    }
    xmlNode *domain = xmlDocGetRootElement(doc);
    xmlNode *devices = tree_child(domain, "devices");
    xmlNode *hostdev = tree_child(devices, "hostdev");
    while (hostdev) {
        struct domain_hostdev device;
        xmlNode *next = tree_next(hostdev, "hostdev");
        bool is_device = read_hostdev(hostdev, &device);
        find_losses(hostdev, &device);
        if (is_device && takes(userdata, &device)) {
            xmlUnlinkNode(hostdev);
            xmlFreeNode(hostdev);
        }
        hostdev = next;
    }
    return tree_write(doc, ret, err);
}
