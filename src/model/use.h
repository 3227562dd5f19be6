/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much of a host its VMs take, and the host in all: as its berthd measured over half a minute.
 * For people; nothing is decided on it. */
#pragma once

#include "base/vec.h"
#include "model/limits.h"

/* Time of a processor is in thousandths of one: 1500 is one and a half. */
struct vm_use {
    char vm[name_size];
    uint32_t cpu_milli;
    uint64_t memory_mib; /* of its QEMU that is in memory */
};

typedef VEC(struct vm_use) vm_uses_t;

struct node_use {
    uint32_t cpus;
    uint32_t cpu_milli;
    uint64_t memory_mib, memory_total_mib; /* used, of so much; huge pages count as used */
    vm_uses_t vms;
};
