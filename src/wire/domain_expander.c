/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_expander.h"

#include "base/parse.h"

#include <stdio.h>
#include <string.h>

enum { slots = 32 };

/* The only number in the text of 'node' or of its attribute; -1: there is none, or there are more.
 */
static int number_of(char *text)
{
    uint64_t number;
    CLEANUP(freep) char *owned = text;
    return owned && tree_number(owned, INT16_MAX, &number) ? (int)number : -1;
}

bool number_set_has(const char *text, int node)
{
    bool has_it = false;
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ",");
        int first, last;
        char part[24];
        (void)snprintf(part, sizeof(part), "%.*s", (int)len, at);
        bool is_out = part[0] == '^';
        int count = sscanf(part + is_out, "%d-%d", &first, &last);
        last = count == 1 ? first : last;
        if (count >= 1 && first <= node && node <= last) {
            has_it = !is_out;
        }
        at += len + (at[len] == ',');
    }
    return has_it;
}

static int guest_node(const xmlNode *domain, int host_node)
{
    const xmlNode *tuning = tree_child(domain, "numatune");
    if (!tree_child(tuning, "memnode")) {
        return host_node;
    }
    TREE_EACH(tuning, "memnode", memnode)
    {
        CLEANUP(freep) char *nodes = tree_attribute(memnode, "nodeset");
        if (nodes && number_set_has(nodes, host_node)) {
            return (int)tree_attribute_number(memnode, "cellid");
        }
    }
    return -1;
}

int expander_host_node(const xmlNode *domain, int guest_cell)
{
    TREE_EACH(tree_child(domain, "numatune"), "memnode", memnode)
    {
        if (tree_attribute_number(memnode, "cellid") == (uint32_t)guest_cell) {
            return number_of(tree_attribute(memnode, "nodeset"));
        }
    }
    const xmlNode *tuning = tree_child(domain, "numatune");
    const xmlNode *all = tree_child(tuning, "memory");
    if (tree_child(tuning, "memnode")) {
        return -1;
    }
    return all ? number_of(tree_attribute(all, "nodeset")) : guest_cell;
}

int expander_find(const xmlNode *domain, const xmlNode *devices, int host_node)
{
    int wanted = host_node < 0 ? -1 : guest_node(domain, host_node);
    TREE_EACH(devices, "controller", controller)
    {
        const xmlNode *target = tree_child(controller, "target");
        if (wanted >= 0 && tree_attribute_is(controller, "model", "pcie-expander-bus") &&
            number_of(tree_text(tree_child(target, "node"))) == wanted) {
            return (int)tree_attribute_number(controller, "index");
        }
    }
    return -1;
}

uint32_t expander_next_bus(const xmlNode *domain)
{
    uint32_t next = 1;
    TREE_EACH(domain, "devices", devices)
    {
        for (const xmlNode *device = devices->children; device; device = device->next) {
            const xmlNode *address = tree_child(device, "address");
            if (tree_attribute_is(address, "type", "pci")) {
                next = MAX(next, tree_attribute_number(address, "bus") + 1);
            }
        }
        TREE_EACH(devices, "controller", controller)
        {
            if (tree_attribute_is(controller, "type", "pci")) {
                next = MAX(next, tree_attribute_number(controller, "index") + 1);
            }
        }
    }
    return next;
}

int expander_slot(const xmlNode *devices, int bus)
{
    uint32_t taken = 0;
    for (const xmlNode *device = devices->children; device; device = device->next) {
        const xmlNode *address = tree_child(device, "address");
        if (tree_attribute_is(address, "type", "pci") &&
            tree_attribute_number(address, "bus") == (uint32_t)bus) {
            taken |= UINT32_C(1) << (tree_attribute_number(address, "slot") & (slots - 1));
        }
    }
    for (int slot = 0; slot < slots; slot++) {
        if (!(taken & UINT32_C(1) << slot)) {
            return slot;
        }
    }
    return -1;
}
