/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns for people, as wide as what is in them. */
#pragma once

#include "base/types.h"

#include <stdio.h>

enum { table_columns_max = 12 };

/* How a person or a script wants to see tables. */
struct table_look {
    bool has_colour;
    bool is_wide;     /* nothing is cut or left out */
    bool is_headless; /* rows alone, and nothing at all without rows */
    bool is_names;    /* of each row only the words that commands know it by */
    const char *sort; /* a heading in any case, descending with "-" before it; NULL: as it is */
};

struct table {
    size_t columns;
    size_t name_columns; /* the first ones are its name, joined by '/'; 1 unless set */
    char **cells;        /* row by row; the first row is the heading */
    size_t len, capacity;
    const struct table_look *look;
};

/* 'look' must outlive the table. */
void table_init(struct table *table, const struct table_look *look, const char *const *headings,
                size_t columns);
void table_done(struct table *table);

/* The next cell, copied; rows fill from left to right. */
void table_add(struct table *table, const char *text);
void table_printf(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);

/* Orders the rows as the look says, in natural order (node2 before node10); rows that are alike
 * stay as they were. -EINVAL: there is no such heading. */
int table_sort(struct table *table);

/* The headings, "NODE, STATE": what --sort takes, into 'ret' of 'size' bytes. */
void table_headings(const struct table *table, char *ret, size_t size);

/* Columns are two spaces apart, nothing behind the last one. On a terminal the widest are cut, with
 * an ellipsis, until a row fits; if that does not do, the last ones are left out. A cell whose text
 * is a state is coloured. Without rows: 'empty' instead, as a sentence. */
void table_print(const struct table *table, FILE *out, const char *empty);

/* The colour of a state's word ("" none), and what ends it. */
const char *state_colour(const char *state);
#define COLOUR_END "\033[0m"
