/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a VM's XML demands of its host by name: model/network.h. */
#include "wire/shape_table.h"

#define OWNER struct host_network
static const struct field network_fields[] = {
    TEXT("name", name, ABOUT("network NAME of libvirt, or interface or bridge NAME of the host"))};
SHAPE(network_shape, network_fields);
const struct field item_of_networks = {
    .type = FIELD_STRUCT, .size = sizeof(OWNER), .shape = &network_shape};
#undef OWNER

#define OWNER struct memory_bind
static const struct field bind_fields[] = {
    U32("nodes", nodes, ABOUT("NUMA nodes, a bit each")),
    U64("memory_mib", memory_mib, ABOUT("memory in MiB")),
};
SHAPE(bind_shape, bind_fields);
const struct field item_of_binds = {
    .type = FIELD_STRUCT, .size = sizeof(OWNER), .shape = &bind_shape};
#undef OWNER
