/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host must have for a VM by name, besides its pools: the networks into which the VM is
 * plugged, and the NUMA nodes to which its memory is bound. Plain values; part of record.h.
 */
#pragma once

#include "base/types.h"
#include "model/limits.h"

/* "network default" (libvirt's), "bridge br0", "interface eno1". Of a host the last two are alike:
 * "interface NAME". */
struct host_network {
    char name[network_name_size];
};

/* Memory of a guest that must come from some NUMA nodes of its host. */
struct memory_bind {
    uint32_t nodes; /* a bit each, the lowest is node 0 */
    uint64_t memory_mib;
};

/* What a VM names. */
struct host_names {
    struct host_network networks[vm_networks_max]; /* each once; the first ones, if too many */
    uint32_t network_len;
    struct memory_bind binds[binds_max]; /* memory that must come from certain NUMA nodes */
    uint32_t bind_len;
};
