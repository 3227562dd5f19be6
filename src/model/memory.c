/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/memory.h"

ENUM_DEFINE(memory_kind, MEMORY_KIND_LIST)

enum memory_kind memory_kind_of(uint32_t page_kib, uint32_t default_kib)
{
    uint32_t size = page_kib == huge_page_default ? default_kib : page_kib;
    if (page_kib == 0) {
        return MEMORY_ORDINARY;
    }
    return size == 2048 || size == 0 ? MEMORY_2M : size == 1048576 ? MEMORY_1G : MEMORY_OTHER;
}

/* Huge pages of 'kind' on one NUMA node, or on all of them (NULL). */
static uint64_t huge_mib(const struct node_inventory *inventory, enum memory_kind kind,
                         const struct numa_node *node)
{
    uint64_t kib = 0;
    for (uint32_t i = 0; i < inventory->huge_page_len; i++) {
        const struct huge_pages *pages = &inventory->huge_pages[i];
        bool is_wanted =
            memory_kind_of(pages->size_kib, 0) == kind && (!node || pages->numa_node == node->id);
        kib += is_wanted ? (uint64_t)pages->size_kib * pages->total : 0;
    }
    return kib >> 10;
}

uint64_t memory_of_kind(const struct node_inventory *inventory, enum memory_kind kind)
{
    return kind == MEMORY_ORDINARY ? inventory->memory_mib : huge_mib(inventory, kind, NULL);
}

uint64_t memory_of_node(const struct node_inventory *inventory, enum memory_kind kind,
                        const struct numa_node *node)
{
    return kind == MEMORY_ORDINARY ? node->memory_mib : huge_mib(inventory, kind, node);
}
