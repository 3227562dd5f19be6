/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns for people, as wide as what is in them. */
#pragma once

#include "base/types.h"

#include <stdio.h>

enum { table_columns_max = 12 };

struct table {
    size_t columns;
    char **cells; /* row by row; the first row is the heading */
    size_t len, capacity;
    bool has_colour;
};

void table_init(struct table *table, bool has_colour, const char *const *headings, size_t columns);
void table_done(struct table *table);

/* The next cell, copied; rows fill from left to right. */
void table_add(struct table *table, const char *text);
void table_printf(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);

/* Columns are two spaces apart, nothing behind the last one. On a terminal the widest are cut, with
 * an ellipsis, until a row fits; if that does not do, the last ones are left out. A cell whose text
 * is a state is coloured. Without rows: 'empty' instead, as a sentence. */
void table_print(const struct table *table, FILE *out, const char *empty);

/* The colour of a state's word ("" none), and what ends it. */
const char *state_colour(const char *state);
#define COLOUR_END "\033[0m"
