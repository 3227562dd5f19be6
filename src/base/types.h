/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scalars with a meaning, and helpers that every room uses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Milliseconds of a monotonic clock, or a span of them. Never wall time. */
typedef int64_t msec_t;

/* A revision of the store. 0: the key does not exist. */
typedef int64_t revision_t;

#define MSEC_NEVER INT64_MAX

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define PRINTF_LIKE(format_index, first_index)                                                     \
    __attribute__((format(printf, format_index, first_index)))

/* The lesser and the greater of two values; each argument is evaluated once. */
#define MIN(a, b) PICK_(a, <, b, __COUNTER__)
#define MAX(a, b) PICK_(a, >, b, __COUNTER__)
/* The number makes the names unique, so that one may stand inside the other. */
#define PICK_(a, relation, b, number) PICK_NAMED_(a, relation, b, number)
#define PICK_NAMED_(a, relation, b, number)                                                        \
    ({                                                                                             \
        __typeof__(a) pick_a_##number = (a);                                                       \
        __typeof__(b) pick_b_##number = (b);                                                       \
        pick_a_##number relation pick_b_##number ? pick_a_##number : pick_b_##number;              \
    })

/*
 * Enum and its text from one list:
 *
 *     #define COLOUR_LIST(X) X(COLOUR_RED, "red") X(COLOUR_BLUE, "blue")
 *     ENUM_DECLARE(colour, COLOUR_LIST)     enum colour, colour_name(), colour_parse()
 *     ENUM_DEFINE(colour, COLOUR_LIST)      in one .c file
 *
 * 'x_name' returns a static string ("?" if out of range); 'x_parse' returns false, and leaves
 * '*ret' alone, if 'text' is no name of the list.
 */
#define ENUM_MEMBER_(id, text) id,
#define ENUM_CASE_(id, text)                                                                       \
    case id:                                                                                       \
        return text;
#define ENUM_MATCH_(id, text_)                                                                     \
    if (strcmp(text, text_) == 0) {                                                                \
        *ret = id;                                                                                 \
        return true;                                                                               \
    }
#define ENUM_ONE_(id, text) +1

#define ENUM_DECLARE(name, LIST)                                                                   \
    enum name { LIST(ENUM_MEMBER_) };                                                              \
    enum { name##_count = 0 LIST(ENUM_ONE_) };                                                     \
    const char *name##_name(enum name value);                                                      \
    bool name##_parse(const char *text, enum name *ret);

#define ENUM_DEFINE(name, LIST)                                                                    \
    const char *name##_name(enum name value)                                                       \
    {                                                                                              \
        switch (value) {                                                                           \
            LIST(ENUM_CASE_)                                                                       \
        }                                                                                          \
        return "?";                                                                                \
    }                                                                                              \
    bool name##_parse(const char *text, enum name *ret)                                            \
    {                                                                                              \
        LIST(ENUM_MATCH_)                                                                          \
        return false;                                                                              \
    }
