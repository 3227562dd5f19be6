/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/bound.h"

#include "model/memory.h"

#include <stdio.h>
#include <string.h>

/* A bridge is an interface of its host. */
static bool is_same(const char *of_vm, const char *of_host)
{
    static const char bridge[] = "bridge ", interface[] = "interface ";
    size_t len = strlen(bridge), size = strlen(interface);
    return strcmp(of_vm, of_host) == 0 ||
           (strncmp(of_vm, bridge, len) == 0 && strncmp(of_host, interface, size) == 0 &&
            strcmp(of_vm + len, of_host + size) == 0);
}

const char *bound_missing_network(const struct node_inventory *inventory,
                                  const struct vm_spec *spec)
{
    for (uint32_t i = 0; inventory->has_networks && i < spec->network_len; i++) {
        bool is_there = false;
        VEC_EACH(&inventory->networks, each) {
            is_there |= is_same(spec->networks[i].name, each->name);
        }
        if (!is_there) {
            return spec->networks[i].name;
        }
    }
    return NULL;
}

/* MiB of all of 'nodes' that the host has. */
static uint64_t memory_of(const struct node_inventory *inventory, enum memory_kind kind,
                          uint32_t nodes)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < inventory->numa_node_len; i++) {
        const struct numa_node *node = &inventory->numa_nodes[i];
        bool is_meant = node->id >= 0 && node->id < 32 && nodes >> node->id & 1;
        sum += is_meant ? memory_of_node(inventory, kind, node) : 0;
    }
    return sum;
}

/* What is bound to a part of 'nodes' must find room there as well. */
static uint64_t need_of(const struct vm_spec *spec, uint32_t nodes)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < spec->bind_len; i++) {
        sum += (spec->binds[i].nodes & ~nodes) == 0 ? spec->binds[i].memory_mib : 0;
    }
    return sum;
}

bool bound_memory_fits(const struct node_inventory *inventory, const struct vm_spec *spec,
                       struct bound_memory *ret_short)
{
    enum memory_kind kind = memory_kind_of(spec->huge_page_kib, inventory->huge_default_kib);
    for (uint32_t i = 0; inventory->numa_node_len > 0 && i < spec->bind_len; i++) {
        uint32_t nodes = spec->binds[i].nodes;
        struct bound_memory look = {nodes, need_of(spec, nodes), memory_of(inventory, kind, nodes)};
        if (look.have_mib < look.need_mib && !(nodes & inventory->bare_nodes)) {
            *ret_short = look;
            return false;
        }
    }
    return true;
}

const char *bound_nodes_text(uint32_t nodes, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (int i = 0; i < 32 && used < size; i++) {
        if (nodes >> i & 1) {
            int len = snprintf(ret + used, size - used, "%s%d", used > 0 ? "," : "", i);
            used += (size_t)MAX(len, 0);
        }
    }
    return ret;
}
