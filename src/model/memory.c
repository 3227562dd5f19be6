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

uint64_t memory_of_kind(const struct node_inventory *inventory, enum memory_kind kind)
{
    uint64_t kib = 0;
    if (kind == MEMORY_ORDINARY) {
        return inventory->memory_mib;
    }
    for (uint32_t i = 0; i < inventory->huge_page_len; i++) {
        const struct huge_pages *pages = &inventory->huge_pages[i];
        kib += memory_kind_of(pages->size_kib, 0) == kind ? (uint64_t)pages->size_kib * pages->total
                                                          : 0;
    }
    return kib >> 10;
}
