/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/demand.h"

#include "model/bound.h"

#include <stdio.h>
#include <string.h>

/* Hosts are mostly alike, and their lists, too. */
static bool has_network(const struct node_inventory *inventory, const char *name, size_t at)
{
    if (at < inventory->networks.len && strcmp(inventory->networks.items[at].name, name) == 0) {
        return true;
    }
    VEC_EACH(&inventory->networks, each) {
        if (strcmp(each->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool demand_find(struct plan_cluster *c)
{
    WORLD_EACH(c->world, RECORD_NODE_INVENTORY, each) {
        const struct node_inventory *inventory = (*each)->inventory;
        bool is_first = inventory->has_networks && !c->common.has_networks;
        if (!inventory->has_networks) {
            continue;
        }
        c->common.has_networks = true;
        for (size_t i = 0; is_first && i < inventory->networks.len; i++) {
            struct host_network *place = VEC_ADD(&c->common.networks);
            if (!place) {
                return false;
            }
            *place = inventory->networks.items[i];
        }
        for (size_t i = c->common.networks.len; i-- > 0;) {
            if (!has_network(inventory, c->common.networks.items[i].name, i)) {
                VEC_REMOVE(&c->common.networks, i);
            }
        }
    }
    return true;
}

bool demand_is_met_everywhere(const struct plan_cluster *c, const struct vm_spec *spec)
{
    return spec->bind_len == 0 && !bound_missing_network(&c->common, spec);
}

bool demand_is_met(const struct plan_cluster *c, const struct vm_spec *spec, const char *node,
                   struct cause *ret_why)
{
    const struct record *record = world_find(c->world, RECORD_NODE_INVENTORY, node);
    const char *missing = record ? bound_missing_network(record->inventory, spec) : NULL;
    struct bound_memory memory;
    if (missing) {
        *ret_why = cause_make(CAUSE_NO_NETWORK, NULL, NULL, NULL);
        (void)snprintf(ret_why->facts.label, sizeof(ret_why->facts.label), "%s", missing);
        return false;
    }
    if (record && !bound_memory_fits(record->inventory, spec, &memory)) {
        *ret_why = cause_make(CAUSE_NUMA_MEMORY, NULL, NULL, NULL);
        (void)bound_nodes_text(memory.nodes, ret_why->facts.label, sizeof(ret_why->facts.label));
        ret_why->facts.need = memory.need_mib;
        ret_why->facts.have = memory.have_mib;
        return false;
    }
    return true;
}
