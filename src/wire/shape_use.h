/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What hosts say of their use; for shapes.c alone. */
#pragma once

#include "wire/shape_table.h"

#define OWNER struct vm_use
static const struct field vm_use_fields[] = {
    TEXT("vm", vm, ABOUT("VM")),
    U32("cpu_milli", cpu_milli, ABOUT("processors it keeps busy, in thousandths")),
    U64("memory_mib", memory_mib, ABOUT("memory of its QEMU in MiB")),
};
SHAPE(vm_use_shape, vm_use_fields);
ITEM(vm_use_item, vm_use_shape);
#undef OWNER

#define OWNER struct node_use
static const struct field node_use_fields[] = {
    U32("cpus", cpus, ABOUT("processors")),
    U32("cpu_milli", cpu_milli, ABOUT("processors that are busy, in thousandths")),
    U64("memory_mib", memory_mib, ABOUT("memory in use in MiB")),
    U64("memory_total_mib", memory_total_mib, ABOUT("memory in MiB")),
    LIST("vms", vms, vm_use_item, vms_max, ABOUT("use of each VM")),
};
SHAPE(node_use_shape, node_use_fields);
#undef OWNER
