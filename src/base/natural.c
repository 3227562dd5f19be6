/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/natural.h"

#include <stdbool.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares the numbers that '*a' and '*b' begin with, which may have any length, and moves both
 * behind them. Zeros in front do not count. */
static int compare_numbers(const char **a, const char **b)
{
    size_t a_len, b_len;
    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    a_len = strspn(*a, "0123456789");
    b_len = strspn(*b, "0123456789");
    int order = a_len != b_len ? (a_len < b_len ? -1 : 1) : memcmp(*a, *b, a_len);
    *a += a_len;
    *b += b_len;
    return order;
}

int natural_compare(const char *a, const char *b)
{
    const char *x = a, *y = b;
    while (*x && *y) {
        if (is_digit(*x) && is_digit(*y)) {
            int order = compare_numbers(&x, &y);
            if (order != 0) {
                return order;
            }
        } else if (*x != *y) {
            return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
        } else {
            x++;
            y++;
        }
    }
    return *x || *y ? (*y ? -1 : 1) : strcmp(a, b);
}
