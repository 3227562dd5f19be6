/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/domain_host.h"

#include "wire/domain_expander.h"

#include <stdio.h>
#include <string.h>

/* ---- networks ---- */

static void add_network(struct host_names *info, const char *kind, const char *name)
{
    struct host_network network;
    int len = name ? snprintf(network.name, sizeof(network.name), "%s %s", kind, name) : -1;
    bool is_new = len >= 0 && (size_t)len < sizeof(network.name) &&
                  info->network_len < ARRAY_LEN(info->networks);
    for (uint32_t i = 0; i < info->network_len; i++) {
        is_new = is_new && strcmp(info->networks[i].name, network.name) != 0;
    }
    if (is_new) {
        info->networks[info->network_len++] = network;
    }
}

void host_find_networks(const xmlNode *domain, struct host_names *info)
{
    static const char *const kinds[][3] = {{"network", "network", "network"},
                                           {"bridge", "bridge", "bridge"},
                                           {"direct", "dev", "interface"}};
    TREE_EACH(domain, "devices", devices)
    {
        TREE_EACH(devices, "interface", interface)
        {
            const xmlNode *source = tree_child(interface, "source");
            for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                CLEANUP(freep) char *name = tree_attribute(source, kinds[i][1]);
                if (tree_attribute_is(interface, "type", kinds[i][0])) {
                    add_network(info, kinds[i][2], name);
                }
            }
        }
    }
}

/* ---- memory ---- */

enum { kernel_nodes_max = 1024 }; /* CONFIG_NODES_SHIFT is 10 at most */

/* The nodes that 'node' binds to, a bit each; 0: to none, or only by preference. */
static uint32_t nodes_of(const xmlNode *node)
{
    CLEANUP(freep) char *mode = tree_attribute(node, "mode");
    CLEANUP(freep) char *set = tree_attribute(node, "nodeset");
    uint32_t nodes = 0;
    bool is_bound =
        set && (!mode || strcmp(mode, "strict") == 0 || strcmp(mode, "restrictive") == 0);
    for (int i = 0; is_bound && i < 32; i++) {
        nodes |= number_set_has(set, i) ? UINT32_C(1) << i : 0;
    }
    for (int i = 32; nodes != 0 && i < kernel_nodes_max; i++) {
        nodes = number_set_has(set, i) ? 0 : nodes; /* what these have is not counted */
    }
    return nodes;
}

static void add_bind(struct host_names *info, uint32_t nodes, uint64_t memory_mib)
{
    if (nodes != 0 && memory_mib > 0 && info->bind_len < ARRAY_LEN(info->binds)) {
        info->binds[info->bind_len++] = (struct memory_bind){nodes, memory_mib};
    }
}

static uint64_t memory_of_cell(const xmlNode *cell)
{
    CLEANUP(freep) char *text = tree_attribute(cell, "memory");
    CLEANUP(freep) char *unit = tree_attribute(cell, "unit");
    uint64_t amount = 0, factor = 0;
    bool is_amount = text && tree_unit(unit ? unit : "KiB", &factor) &&
                     tree_number(text, (UINT64_C(1) << 60) / factor, &amount);
    return is_amount ? amount * factor >> 20 : 0;
}

/* Of what the cell of the guest is; that of all its memory if nothing is said of the cell. */
static uint32_t nodes_of_cell(const xmlNode *tuning, uint32_t cell)
{
    TREE_EACH(tuning, "memnode", memnode)
    {
        if (tree_attribute_number(memnode, "cellid") == cell) {
            return nodes_of(memnode);
        }
    }
    return nodes_of(tree_child(tuning, "memory"));
}

void host_find_binds(const xmlNode *domain, uint64_t memory_mib, struct host_names *info)
{
    const xmlNode *tuning = tree_child(domain, "numatune");
    const xmlNode *numa = tree_child(tree_child(domain, "cpu"), "numa");
    uint32_t number = 0;
    if (!tree_child(tuning, "memnode")) {
        add_bind(info, nodes_of(tree_child(tuning, "memory")), memory_mib);
        return;
    }
    TREE_EACH(numa, "cell", cell)
    {
        CLEANUP(freep) char *id = tree_attribute(cell, "id");
        uint32_t which = id ? tree_attribute_number(cell, "id") : number;
        add_bind(info, nodes_of_cell(tuning, which), memory_of_cell(cell));
        number++;
    }
}
