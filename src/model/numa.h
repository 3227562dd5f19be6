/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of a host that have CPUs and memory of their own, and guests that are built like them.
 * Plain values; part of record.h. */
#pragma once

#include "base/types.h"
#include "model/limits.h"

/* A NUMA node of a host with CPUs and memory. */
struct numa_node {
    int32_t id;
    uint32_t cpus;
    char cpu_list[1024]; /* "0-15,32-47"; every other one of 512 fits */
    uint64_t memory_mib; /* without huge pages */
};

/* Huge pages that are set aside on one NUMA node. */
struct huge_pages {
    int32_t numa_node; /* -1: the machine has no nodes */
    uint32_t size_kib; /* of one */
    uint32_t total, free_len;
};

/* How the guest is built. */
#define TOPOLOGY_LIST(X)                                                                           \
    X(TOPOLOGY_NONE, "none")     /* as its domain XML says */                                      \
    X(TOPOLOGY_MIRROR, "mirror") /* like the NUMA nodes of the host on which its GPUs are */
ENUM_DECLARE(topology, TOPOLOGY_LIST)
