/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/table.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/vec.h"

#include <stdarg.h>
#include <string.h>

void table_init(struct table *table, bool has_colour, const char *const *headings, size_t columns)
{
    *table = (struct table){.columns = columns, .has_colour = has_colour};
    for (size_t i = 0; i < columns; i++) {
        table_add(table, headings[i]);
    }
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->len; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct table){0};
}

void table_add(struct table *table, const char *text)
{
    char *copy = strdup(text);
    if (copy &&
        vec_grow((void **)&table->cells, &table->capacity, table->len + 1, sizeof(char *))) {
        table->cells[table->len++] = copy;
    } else {
        free(copy);
    }
}

void table_printf(struct table *table, const char *format, ...)
{
    CLEANUP(buf_done) struct buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    table_add(table, buf_str(&text));
}

/* Characters, not bytes: UTF-8's continuation bytes take no room. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

const char *state_colour(const char *state)
{
    static const struct {
        const char *state, *colour;
    } colours[] = {
        {"up", "\033[32m"},          {"running", "\033[32m"},     {"available", "\033[32m"},
        {"assigned", "\033[36m"},    {"waiting", "\033[33m"},     {"starting", "\033[33m"},
        {"stopping", "\033[33m"},    {"paused", "\033[33m"},      {"draining", "\033[33m"},
        {"drained", "\033[33m"},     {"dismounting", "\033[33m"}, {"mounting", "\033[33m"},
        {"never-seen", "\033[33m"},  {"failed", "\033[31m"},      {"silent", "\033[31m"},
        {"fencing", "\033[31m"},     {"fenced", "\033[31m"},      {"unknown", "\033[31m"},
        {"quarantined", "\033[31m"}, {"missing", "\033[31m"},
    };
    for (size_t i = 0; i < ARRAY_LEN(colours); i++) {
        if (strcmp(colours[i].state, state) == 0) {
            return colours[i].colour;
        }
    }
    return "";
}

/* Nothing but empty cells follow in its row. */
static bool is_last(const struct table *table, size_t row, size_t column)
{
    for (column++; column < table->columns; column++) {
        if (table->cells[row * table->columns + column][0]) {
            return false;
        }
    }
    return true;
}

static void print_cell(const struct table *table, FILE *out, size_t row, size_t column,
                       size_t width)
{
    const char *text = table->cells[row * table->columns + column];
    const char *colour = table->has_colour && row > 0 ? state_colour(text) : "";
    const char *weight = table->has_colour && row == 0 ? "\033[1m" : colour;
    (void)fprintf(out, "%s%s%s", weight, text, weight[0] ? COLOUR_END : "");
    if (!is_last(table, row, column)) {
        (void)fprintf(out, "%*s", (int)(width - width_of(text) + 2), "");
    }
}

void table_print(const struct table *table, FILE *out, const char *empty)
{
    size_t widths[table_columns_max] = {0};
    size_t rows = table->columns ? table->len / table->columns : 0;
    if (rows <= 1) {
        (void)fprintf(out, "%s\n", empty);
        return;
    }
    for (size_t i = 0; i < rows * table->columns; i++) {
        size_t *width = &widths[i % table->columns];
        *width = MAX(*width, width_of(table->cells[i]));
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < table->columns; column++) {
            print_cell(table, out, row, column, widths[column]);
        }
        (void)fputc('\n', out);
    }
}
