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

#define OWNER struct fence_test
static const struct field fence_test_fields[] = {
    TEXT("by", by, ABOUT("host that is to ask the fence agents")),
    U64("incarnation", incarnation, ABOUT("incarnation of the host at that time"), SPARSE),
};
const struct shape shape_of_fence_test = {
    .fields = fence_test_fields, .len = ARRAY_LEN(fence_test_fields), .size = sizeof(OWNER)};
#undef OWNER

#define OWNER struct fence_answer
static const char *const state_words[] = {FENCE_TEST_LIST(WORD_)};
static const struct field fence_answer_fields[] = {
    TEXT("agent", agent, ABOUT("the fence agent")),
    ENUM("state", state, state_words, ABOUT("what it says of the host")),
    TEXT("text", text, ABOUT("its answer, or why there is none")),
};
SHAPE(fence_answer_shape, fence_answer_fields);
ITEM(fence_answer_item, fence_answer_shape);
#undef OWNER

#define OWNER struct fence_test_result
static const struct field fence_test_result_fields[] = {
    TEXT("node", node, ABOUT("host whose fence agents were asked")),
    U64("asked", asked, ABOUT("revision of the order to ask them")),
    U64("spec", spec, ABOUT("revision of the settings of that host")),
    ARRAY("levels", levels, level_len, fence_answer_item, ABOUT("what each agent answered")),
};
SHAPE(fence_test_result_shape, fence_test_result_fields);
const struct field item_of_fence_tests = {
    .type = FIELD_STRUCT, .size = sizeof(OWNER), .shape = &fence_test_result_shape};
#undef OWNER
