/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a table of fields is written: a row a member of OWNER, the struct, which is defined around
 * the table. What more there is to say of a field stands behind its type:
 *
 *     #define OWNER struct pool_member
 *     static const struct field member_fields[] = {
 *         TEXT("node", node, ABOUT("host that has the GPU"), REQUIRED, NAME_OF("node")),
 *     };
 *     SHAPE(member_shape, member_fields);
 *     #undef OWNER
 */
#pragma once

#include "wire/shape.h"

#include <stddef.h>

#define OFFSET(member)  (uint32_t) offsetof(OWNER, member)
#define MEMBER(member)  ((OWNER *)0)->member
#define SIZE(member)    (uint32_t)sizeof(MEMBER(member))
#define SIGNED(member)  ((__typeof__(MEMBER(member)))-1 < (__typeof__(MEMBER(member)))1)
#define WORD_(id, text) [id] = (text),

#define TEXT(json, member, ...)                                                                    \
    {                                                                                              \
        .name = json, .type = FIELD_TEXT, .offset = OFFSET(member), .size = SIZE(member),          \
        ##__VA_ARGS__                                                                              \
    }
#define HEAP_TEXT(json, member, limit, ...)                                                        \
    {                                                                                              \
        .name = json, .type = FIELD_HEAP_TEXT, .offset = OFFSET(member), .size = SIZE(member),     \
        .max = (limit), ##__VA_ARGS__                                                              \
    }
#define BOOL(json, member, ...)                                                                    \
    {                                                                                              \
        .name = json, .type = FIELD_BOOL, .offset = OFFSET(member), .size = SIZE(member),          \
        ##__VA_ARGS__                                                                              \
    }
#define INTEGER(json, member, low, high, ...)                                                      \
    {                                                                                              \
        .name = json, .type = FIELD_INTEGER, .offset = OFFSET(member), .size = SIZE(member),       \
        .is_signed = SIGNED(member), .min = (low), .max = (high), ##__VA_ARGS__                    \
    }
#define U32(json, member, ...)  INTEGER(json, member, 0, UINT32_MAX, ##__VA_ARGS__)
#define U64(json, member, ...)  INTEGER(json, member, 0, INT64_MAX, ##__VA_ARGS__)
#define SPAN(json, member, ...) INTEGER(json, member, 0, span_max, ##__VA_ARGS__)
#define HEX(json, member, width, high, ...)                                                        \
    {                                                                                              \
        .name = json, .type = FIELD_HEX, .offset = OFFSET(member), .size = SIZE(member),           \
        .digits = (width), .max = (high), ##__VA_ARGS__                                            \
    }
#define ENUM(json, member, list, ...)                                                              \
    {                                                                                              \
        .name = json, .type = FIELD_ENUM, .offset = OFFSET(member), .size = SIZE(member),          \
        .words = list, .word_len = ARRAY_LEN(list), ##__VA_ARGS__                                  \
    }
/* A newer version may have more of them, which here count as the word for the others. */
#define ENUM_OPEN(json, member, list, other_word, text_member, ...)                                \
    {                                                                                              \
        .name = json, .type = FIELD_ENUM_OPEN, .offset = OFFSET(member), .size = SIZE(member),     \
        .words = list, .word_len = ARRAY_LEN(list), .other = (other_word),                         \
        .len_offset = OFFSET(text_member), .max = SIZE(text_member) - 1, ##__VA_ARGS__             \
    }
#define FLAGS(json, member, list, ...)                                                             \
    {                                                                                              \
        .name = json, .type = FIELD_FLAGS, .offset = OFFSET(member), .size = SIZE(member),         \
        .words = list, .word_len = ARRAY_LEN(list), ##__VA_ARGS__                                  \
    }
#define ADDRESS(json, member, ...)                                                                 \
    {                                                                                              \
        .name = json, .type = FIELD_ADDRESS, .offset = OFFSET(member), .size = SIZE(member),       \
        ##__VA_ARGS__                                                                              \
    }
#define SLOT_MAYBE(json, member, flag, ...)                                                        \
    {                                                                                              \
        .name = json, .type = FIELD_SLOT_MAYBE, .offset = OFFSET(member), .size = SIZE(member),    \
        .len_offset = OFFSET(flag), ##__VA_ARGS__                                                  \
    }
#define SLOT(json, member, ...)                                                                    \
    {                                                                                              \
        .name = json, .type = FIELD_SLOT, .offset = OFFSET(member), .size = SIZE(member),          \
        ##__VA_ARGS__                                                                              \
    }
#define STRUCT(json, member, its_shape, ...)                                                       \
    {                                                                                              \
        .name = json, .type = FIELD_STRUCT, .offset = OFFSET(member), .size = SIZE(member),        \
        .shape = &(its_shape), ##__VA_ARGS__                                                       \
    }
#define LIST(json, member, its_item, limit, ...)                                                   \
    {                                                                                              \
        .name = json, .type = FIELD_VEC, .offset = OFFSET(member), .size = SIZE(member.items[0]),  \
        .item = &(its_item), .max = (limit), ##__VA_ARGS__                                         \
    }
#define ARRAY(json, member, len_member, its_item, ...)                                             \
    {                                                                                              \
        .name = json, .type = FIELD_ARRAY, .offset = OFFSET(member), .size = SIZE(member[0]),      \
        .len_offset = OFFSET(len_member), .item = &(its_item), .max = ARRAY_LEN(MEMBER(member)),   \
        ##__VA_ARGS__                                                                              \
    }
#define ARRAY_FULL(json, member, its_item, ...)                                                    \
    {                                                                                              \
        .name = json, .type = FIELD_ARRAY_FULL, .offset = OFFSET(member), .size = SIZE(member[0]), \
        .item = &(its_item), .max = ARRAY_LEN(MEMBER(member)), ##__VA_ARGS__                       \
    }
#define MAP(json, member, pair, limit, ...)                                                        \
    {                                                                                              \
        .name = json, .type = FIELD_MAP, .offset = OFFSET(member), .size = SIZE(member.items[0]),  \
        .shape = &(pair), .max = (limit), ##__VA_ARGS__                                            \
    }

#define SHAPE(name, table)                                                                         \
    static const struct shape name = {                                                             \
        .fields = table, .len = ARRAY_LEN(table), .size = sizeof(OWNER)}
#define ITEM(name, its_shape)                                                                      \
    static const struct field name = {                                                             \
        .type = FIELD_STRUCT, .size = sizeof(OWNER), .shape = &(its_shape)}

/* What more there is to say of a field. */
#define ABOUT(text)   .about = (text)
#define REQUIRED      .is_required = true
#define SPARSE        .is_sparse = true
#define POLICY        .is_policy = true
#define NAME_OF(what) .name_of = (what)

/* A year: far beyond any span that makes sense, and sums of them do not overflow. */
#define span_max (INT64_C(366) * 24 * 3600 * 1000)
