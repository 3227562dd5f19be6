/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/test.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/natural.h"
#include "base/parse.h"
#include "base/roff.h"
#include "base/vec.h"

#include <errno.h>

TEST(parse_takes_whole_numbers_only)
{
    uint64_t value = 7;
    CHECK(!parse_u64("", 100, &value));
    CHECK(!parse_u64("-1", 100, &value));
    CHECK(!parse_u64(" 1", 100, &value));
    CHECK(!parse_u64("1x", 100, &value));
    CHECK(!parse_u64("101", 100, &value));
    CHECK(!parse_u64("99999999999999999999", UINT64_MAX, &value));
    CHECK_INT(value, 7);
    CHECK(parse_u64("100", 100, &value));
    CHECK_INT(value, 100);
    CHECK(parse_hex("0x1fF", 0x1ff, &value));
    CHECK_INT(value, 0x1ff);
    int64_t number;
    CHECK(parse_i64("-3", -3, 3, &number));
    CHECK_INT(number, -3);
    CHECK(!parse_i64("-4", -3, 3, &number));
    CHECK(!parse_i64("-", -3, 3, &number));
}

TEST(bytes_are_written_as_hexadecimal_digits_and_read_back)
{
    const unsigned char bytes[] = {0x00, 0x0f, 0xa5, 0xff};
    unsigned char back[4];
    char text[9];
    hex_write(bytes, sizeof(bytes), text);
    CHECK_STR(text, "000fa5ff");
    CHECK(hex_read(text, back, sizeof(back)) == 4 && memcmp(back, bytes, 4) == 0);
    CHECK(hex_read("000fa5ff00", back, sizeof(back)) == 0);
    CHECK(hex_read("0", back, sizeof(back)) == 0 && hex_read("", back, sizeof(back)) == 0);
    CHECK(hex_read("0g", back, sizeof(back)) == 0 && hex_read("0F", back, sizeof(back)) == 0);
}

TEST(copy_text_refuses_what_does_not_fit)
{
    char small[4] = "xyz";
    CHECK(copy_text(small, sizeof(small), "abc"));
    CHECK_STR(small, "abc");
    CHECK(!copy_text(small, sizeof(small), "abcd"));
    CHECK_STR(small, "");
}

TEST(error_wrap_puts_the_context_before_and_keeps_the_code)
{
    struct error err;
    CHECK_INT(error_set(&err, -ENOENT, "no %s", "file"), -ENOENT);
    CHECK_INT(error_wrap(&err, "opening %d", 3), -ENOENT);
    CHECK_STR(err.text, "opening 3: no file");
    CHECK_INT(error_set(NULL, -EIO, "nobody reads this"), -EIO);
}

TEST(buf_grows_and_hands_over)
{
    CLEANUP(buf_done) struct buf buf = {0};
    CHECK_STR(buf_str(&buf), "");
    for (int i = 0; i < 1000; i++) {
        buf_printf(&buf, "%d,", i);
    }
    CHECK_INT(buf.size, 3890);
    CLEANUP(freep) char *text = buf_take(&buf);
    CHECK_INT(strlen(text), 3890);
    CHECK_INT(buf.size, 0);
}

TEST(names_are_in_the_order_that_people_expect)
{
    static const char *const order[] = {
        "",
        "10.0.0.2",
        "10.0.0.10",
        "a1b2",
        "a1b10",
        "a2b1",
        "node",
        "node01",
        "node1",
        "node2",
        "node10",
        "node10a",
        "node99999999999999999999999",
        "node100000000000000000000000",
        "nodes",
        "x-1",
        "x-1-a",
    };
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        for (size_t k = 0; k < ARRAY_LEN(order); k++) {
            int found = natural_compare(order[i], order[k]);
            if ((i < k) != (found < 0) || (i > k) != (found > 0)) {
                test_fail(__FILE__, __LINE__, "%s and %s: %d", order[i], order[k], found);
            }
        }
    }
}

TEST(vec_keeps_the_order_when_it_inserts_and_removes)
{
    VEC(int) numbers = {0};
    for (int i = 0; i < 100; i++) {
        *VEC_ADD(&numbers) = i;
    }
    *VEC_INSERT(&numbers, 0) = -1;
    VEC_REMOVE(&numbers, 1);
    CHECK_INT(numbers.len, 100);
    CHECK_INT(numbers.items[0], -1);
    CHECK_INT(numbers.items[1], 1);
    CHECK_INT(numbers.items[99], 99);
    VEC_DONE(&numbers);
}

TEST(text_of_a_manual_page_is_never_read_as_a_request)
{
    CLEANUP(buf_done) struct buf page = {0};
    roff_text(&page, ".sh it's\n.x a.b \\fB --yes");
    CHECK_STR(buf_str(&page), "\\&.sh it\\(aqs\n\\&.x a.b \\efB \\-\\-yes\n");
}
