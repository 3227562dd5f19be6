/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests named by sentences; output is TAP. A file holds TEST()s and nothing else; test_main.c has
 * the main(). Arguments of the program select tests by substring.
 *
 *     TEST(parse_refuses_a_number_with_a_tail)
 *     {
 *         uint64_t value;
 *         CHECK(!parse_u64("12x", 100, &value));
 *     }
 */
#pragma once

#include "base/types.h"

#include <stdio.h>
#include <string.h>

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *test);

/* Marks the running test failed; the test goes on with CHECK, ends with REQUIRE. */
void test_fail(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
_Noreturn void test_abandon(void);

/* Ends the running test as skipped. 'why' must say what is missing. */
_Noreturn void test_skip(const char *why);

#define TEST(sentence)                                                                             \
    static void sentence(void);                                                                    \
    __attribute__((constructor)) static void sentence##_register(void)                             \
    {                                                                                              \
        static struct test test = {#sentence, sentence, NULL};                                     \
        test_register(&test);                                                                      \
    }                                                                                              \
    static void sentence(void)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_fail(__FILE__, __LINE__, "%s", #condition);                                       \
        }                                                                                          \
    } while (0)
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_fail(__FILE__, __LINE__, "%s", #condition);                                       \
            test_abandon();                                                                        \
        }                                                                                          \
    } while (0)
#define CHECK_INT(have, want)                                                                      \
    do {                                                                                           \
        long long have_ = (long long)(have), want_ = (long long)(want);                            \
        if (have_ != want_) {                                                                      \
            test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #have, have_, want_);            \
        }                                                                                          \
    } while (0)
#define CHECK_STR(have, want)                                                                      \
    do {                                                                                           \
        const char *have_ = (have), *want_ = (want);                                               \
        if (!have_ || strcmp(have_, want_) != 0) {                                                 \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #have,                       \
                      have_ ? have_ : "NULL", want_);                                              \
        }                                                                                          \
    } while (0)
#define CHECK_HAS(have, part)                                                                      \
    do {                                                                                           \
        const char *have_ = (have), *part_ = (part);                                               \
        if (!have_ || !strstr(have_, part_)) {                                                     \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", without \"%s\"", #have,                   \
                      have_ ? have_ : "NULL", part_);                                              \
        }                                                                                          \
    } while (0)
