/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/table.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/natural.h"
#include "base/vec.h"
#include "cli/text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { column_least = 16 }; /* holds a PCI address and every state */

void table_init(struct table *table, const struct table_look *look, const char *const *headings,
                size_t columns)
{
    assert(columns > 0 && columns <= table_columns_max);
    *table = (struct table){.columns = columns, .name_columns = 1, .look = look};
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

const char *state_colour(const char *state)
{
    static const struct {
        const char *state, *colour;
    } colours[] = {
        {"ok", "\033[32m"},          {"warning", "\033[33m"},     {"up", "\033[32m"},
        {"running", "\033[32m"},     {"available", "\033[32m"},   {"assigned", "\033[36m"},
        {"waiting", "\033[33m"},     {"starting", "\033[33m"},    {"stopping", "\033[33m"},
        {"paused", "\033[33m"},      {"going-down", "\033[33m"},  {"draining", "\033[33m"},
        {"drained", "\033[33m"},     {"dismounting", "\033[33m"}, {"mounting", "\033[33m"},
        {"never-seen", "\033[33m"},  {"failed", "\033[31m"},      {"silent", "\033[31m"},
        {"fencing", "\033[31m"},     {"fenced", "\033[31m"},      {"unknown", "\033[31m"},
        {"quarantined", "\033[31m"}, {"missing", "\033[31m"},     {"away", "\033[31m"},
        {"error", "\033[31m"},
    };
    for (size_t i = 0; i < ARRAY_LEN(colours); i++) {
        if (strcmp(colours[i].state, state) == 0) {
            return colours[i].colour;
        }
    }
    return "";
}

/* Nothing but empty cells follow in its row, of the columns that are shown. */
static bool is_last(const struct table *table, size_t row, size_t column, size_t shown)
{
    for (column++; column < shown; column++) {
        if (table->cells[row * table->columns + column][0]) {
            return false;
        }
    }
    return true;
}

static void print_cell(const struct table *table, FILE *out, size_t row, size_t column,
                       size_t shown, size_t width)
{
    const char *text = table->cells[row * table->columns + column];
    const char *colour = table->look->has_colour && row > 0 ? state_colour(text) : "";
    const char *weight = table->look->has_colour && row == 0 && text[0] ? "\033[1m" : colour;
    bool is_cut;
    size_t size = text_cut(text, width, &is_cut);
    (void)fprintf(out, "%s%.*s%s%s", weight, (int)size, text, is_cut ? TEXT_ELLIPSIS : "",
                  weight[0] ? COLOUR_END : "");
    if (!is_last(table, row, column, shown)) {
        (void)fprintf(out, "%*s", (int)(width - MIN(text_width(text), width) + 2), "");
    }
}

/* Makes columns fit into 'columns' characters: what is wide is cut, and if that does not do, the
 * last columns are left out. How many remain. */
static size_t narrow(size_t *widths, size_t len, size_t columns)
{
    size_t total = 2 * (len - 1);
    for (size_t i = 0; i < len; i++) {
        total += widths[i];
    }
    while (total > columns) {
        size_t widest = 0;
        for (size_t i = 1; i < len; i++) {
            widest = widths[i] >= widths[widest] ? i : widest;
        }
        if (widths[widest] > column_least) {
            widths[widest]--;
            total--;
        } else if (len > 1) {
            total -= widths[--len] + 2;
        } else {
            break;
        }
    }
    return len;
}

/* ---- the order ---- */

/* The column with that heading; 'columns' if there is none. */
static size_t find_column(const struct table *table, const char *heading)
{
    size_t column = 0;
    while (column < table->columns && strcasecmp(table->cells[column], heading) != 0) {
        column++;
    }
    return column;
}

struct row {
    size_t index; /* before */
    char *cells[table_columns_max];
};

struct order {
    size_t column;
    bool is_descending;
};

static int compare_rows(const void *a, const void *b, void *userdata)
{
    const struct order *order = userdata;
    const struct row *left = a, *right = b;
    int way = natural_compare(left->cells[order->column], right->cells[order->column]);
    way = order->is_descending ? -way : way;
    return way ? way : left->index < right->index ? -1 : 1;
}

int table_sort(struct table *table)
{
    const char *sort = table->look->sort;
    if (!sort) {
        return 0;
    }
    struct order order = {.is_descending = sort[0] == '-'};
    order.column = find_column(table, sort + order.is_descending);
    if (order.column == table->columns || table->cells[order.column][0] == '\0') {
        return -EINVAL;
    }
    size_t len = table->len / table->columns - 1, size = table->columns * sizeof(char *);
    CLEANUP(freep) struct row *rows = calloc(len + 1, sizeof(*rows));
    for (size_t i = 0; rows && i < len; i++) {
        rows[i].index = i;
        memcpy(rows[i].cells, table->cells + (i + 1) * table->columns, size);
    }
    if (rows) { /* out of memory: as they were */
        qsort_r(rows, len, sizeof(*rows), compare_rows, &order);
    }
    for (size_t i = 0; rows && i < len; i++) {
        memcpy(table->cells + (i + 1) * table->columns, rows[i].cells, size);
    }
    return 0;
}

void table_headings(const struct table *table, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < table->columns && table->cells[i][0] && used < size; i++) {
        used += (size_t)snprintf(ret + used, size - used, "%s%s", i ? ", " : "", table->cells[i]);
    }
}

/* ---- what is printed ---- */

static void print_names(const struct table *table, FILE *out)
{
    for (size_t at = table->columns; at < table->len; at += table->columns) {
        for (size_t i = 0; i < table->name_columns; i++) {
            (void)fprintf(out, "%s%s", i ? "/" : "", table->cells[at + i]);
        }
        (void)fputc('\n', out);
    }
}

void table_print(const struct table *table, FILE *out, const char *empty)
{
    const struct table_look *look = table->look;
    size_t widths[table_columns_max] = {0};
    size_t rows = table->len / table->columns, first = look->is_headless ? 1 : 0;
    size_t columns = look->is_wide ? 0 : text_columns(out);
    if (look->is_names) {
        print_names(table, out);
        return;
    }
    if (rows <= 1) {
        (void)fprintf(out, "%s%s", look->is_headless ? "" : empty, look->is_headless ? "" : "\n");
        return;
    }
    for (size_t i = first * table->columns; i < rows * table->columns; i++) {
        size_t *width = &widths[i % table->columns];
        *width = MAX(*width, text_width(table->cells[i]));
    }
    size_t shown = columns > 0 ? narrow(widths, table->columns, columns) : table->columns;
    for (size_t row = first; row < rows; row++) {
        for (size_t column = 0; column < shown; column++) {
            print_cell(table, out, row, column, shown, widths[column]);
        }
        (void)fputc('\n', out);
    }
}
