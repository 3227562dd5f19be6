/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a host has what the domain XML of a VM demands of it by name: networks, and memory of
 * certain NUMA nodes. */
#pragma once

#include "model/record.h"

/* The first of its networks that the host lacks, lent from 'spec'; NULL: it has all, or does not
 * tell which it has. */
const char *bound_missing_network(const struct node_inventory *inventory,
                                  const struct vm_spec *spec);

/* Memory that is bound to nodes which have too little of it, whatever is free there. */
struct bound_memory {
    uint32_t nodes; /* as in struct memory_bind */
    uint64_t need_mib, have_mib;
};

/* Whether the nodes of the host have as much memory of the VM's kind as is bound to them; else
 * '*ret_short' says which have not. A host that tells of no nodes takes everything, and nodes that
 * have memory but no CPUs do not tell how much. */
bool bound_memory_fits(const struct node_inventory *inventory, const struct vm_spec *spec,
                       struct bound_memory *ret_short);

/* "0", "0,2" into 'ret' of 'size' bytes; returns 'ret'. */
const char *bound_nodes_text(uint32_t nodes, char *ret, size_t size);
