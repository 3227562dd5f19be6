/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory is of several kinds: what the kernel hands out page by page, and huge pages, which are set
 * aside by size. One kind is never taken for another.
 */
#pragma once

#include "model/record.h"

#define MEMORY_KIND_LIST(X)                                                                        \
    X(MEMORY_ORDINARY, "memory")                                                                   \
    X(MEMORY_2M, "2 MiB pages")                                                                    \
    X(MEMORY_1G, "1 GiB pages")                                                                    \
    X(MEMORY_OTHER, "other huge pages")
ENUM_DECLARE(memory_kind, MEMORY_KIND_LIST)
enum { memory_kinds = 4 };

/* What a VM takes that asks for huge pages of 'page_kib' (huge_page_default: of the host's own
 * size; 0: none) on a host whose own size is 'default_kib'. */
enum memory_kind memory_kind_of(uint32_t page_kib, uint32_t default_kib);

/* MiB that VMs may use of 'kind'; of ordinary memory 0 means that it is not counted. */
uint64_t memory_of_kind(const struct node_inventory *inventory, enum memory_kind kind);
/* The same of one NUMA node, without what the host keeps for itself. */
uint64_t memory_of_node(const struct node_inventory *inventory, enum memory_kind kind,
                        const struct numa_node *node);
