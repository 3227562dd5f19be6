/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_xml.h"

#include "base/parse.h"
#include "wire/domain_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Attributes of <address> are hexadecimal, with 0x or without. */
static bool read_part(const xmlNode *address, const char *name, uint64_t max, uint64_t *ret)
{
    CLEANUP(freep) char *text = tree_attribute(address, name);
    if (!text && strcmp(name, "domain") == 0) {
        *ret = 0;
        return true;
    }
    return text && parse_hex(text, max, ret);
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
        if (read_hostdev(hostdev, &device) && takes(userdata, &device)) {
            xmlUnlinkNode(hostdev);
            xmlFreeNode(hostdev);
        }
        hostdev = next;
    }
    return tree_write(doc, ret, err);
}
