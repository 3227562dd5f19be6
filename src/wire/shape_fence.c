/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As shapes.c: of fence agents, and of the keys that their secrets are sealed to. */
#include "wire/shape_table.h"

#define OWNER struct fence_parameter
static const struct field fence_parameter_fields[] = {
    TEXT("key", key, ABOUT("name of the parameter")), TEXT("value", value, ABOUT("its value"))};
const struct shape shape_of_fence_parameter = {.fields = fence_parameter_fields,
                                               .len = ARRAY_LEN(fence_parameter_fields),
                                               .size = sizeof(OWNER)};
#undef OWNER

#define OWNER struct fence_device
static const struct field fence_device_fields[] = {
    TEXT("agent", agent, ABOUT("fence agent to run; empty: none")),
    MAP("parameters", parameters, shape_of_fence_parameter, fence_parameters_max,
        ABOUT("parameters of the fence agent; (sealed): its value is in the box")),
    HEAP_TEXT("box", box, fence_box_max, ABOUT("its sealed secrets"), SPARSE),
};
const struct shape shape_of_fence_device = {
    .fields = fence_device_fields, .len = ARRAY_LEN(fence_device_fields), .size = sizeof(OWNER)};
#undef OWNER

#define OWNER struct node_key
static const struct field node_key_fields[] = {
    TEXT("host_key", host_key, ABOUT("public key of the host that can open the grants")),
    U64("number", number, ABOUT("which key of the cluster it is")),
    TEXT("public_key", public_key, ABOUT("public key that fence secrets are sealed to")),
    TEXT("grant", grant, ABOUT("its private key, sealed to the host")),
    TEXT("old_public_key", old_public_key, ABOUT("the key before"), SPARSE),
    TEXT("old_grant", old_grant, ABOUT("its private key, sealed to the host"), SPARSE),
};
const struct shape shape_of_node_key = {
    .fields = node_key_fields, .len = ARRAY_LEN(node_key_fields), .size = sizeof(OWNER)};
#undef OWNER
