/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A value into JSON text, by its table of fields. */
#include "wire/shape.h"

#include "wire/out.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int write_field(struct buf *buf, const struct field *field, const char *owner,
                       struct error *err);

/* An integer of any width, as the table says. */
static uint64_t load_integer(const struct field *field, const char *at)
{
    uint8_t narrow;
    uint16_t half;
    uint32_t word;
    uint64_t wide;
    switch (field->size) {
    case sizeof(narrow):
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    case sizeof(half):
        memcpy(&half, at, sizeof(half));
        return half;
    case sizeof(word):
        memcpy(&word, at, sizeof(word));
        return field->is_signed ? (uint64_t)(int32_t)word : word;
    default:
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
}

static int write_integer(struct buf *buf, const struct field *field, const char *at,
                         struct error *err)
{
    uint64_t value = load_integer(field, at);
    int64_t number = (int64_t)value;
    if (number < field->min || number > field->max || (!field->is_signed && value > INT64_MAX)) {
        return error_set(err, -ERANGE, "%s: %" PRIu64 " (or %" PRId64 ") is out of range",
                         field->name ? field->name : "item", value, number);
    }
    out_number(buf, field->name, number);
    return 0;
}

static void write_hex(struct buf *buf, const struct field *field, const char *at)
{
    char text[20];
    (void)snprintf(text, sizeof(text), "%0*" PRIx64, (int)field->digits, load_integer(field, at));
    out_text(buf, field->name, text);
}

static int write_word(struct buf *buf, const struct field *field, const char *at, struct error *err)
{
    uint64_t value = load_integer(field, at);
    if (value >= field->word_len) {
        return error_set(err, -ERANGE, "%s: %" PRIu64 " has no name", field->name, value);
    }
    out_text(buf, field->name, field->words[value]);
    return 0;
}

/* As the value of a member, or an element. */
static void open_value(struct buf *buf, const char *key, char bracket)
{
    if (key) {
        out_key(buf, key);
    }
    out_open(buf, bracket);
}

static void write_flags(struct buf *buf, const struct field *field, const char *at)
{
    uint64_t value = load_integer(field, at);
    open_value(buf, field->name, '[');
    for (uint32_t bit = 0; bit < field->word_len; bit++) {
        if (value >> bit & 1) {
            out_text(buf, NULL, field->words[bit]);
        }
    }
    out_close(buf, ']');
}

static void write_address(struct buf *buf, const struct field *field, const char *at)
{
    char text[pci_address_size];
    struct pci_address address;
    memcpy(&address, at, sizeof(address));
    out_text(buf, field->name, pci_address_format(address, text));
}

static void write_slot(struct buf *buf, const struct field *field, const char *at)
{
    char text[name_size];
    out_text_cut(buf, field->name, gpu_slot_format((const void *)at, text), sizeof(text) - 1);
}

static int write_items(struct buf *buf, const struct field *field, const char *items, size_t len,
                       struct error *err)
{
    if (len > (size_t)field->max) {
        return error_set(err, -ERANGE, "%s: %zu elements; at most %" PRId64 " are allowed",
                         field->name, len, field->max);
    }
    int r = 0;
    open_value(buf, field->name, '[');
    for (size_t i = 0; r == 0 && i < len; i++) {
        r = write_field(buf, field->item, items + i * field->size, err);
    }
    out_close(buf, ']');
    return r;
}

static void write_map(struct buf *buf, const struct field *field, const char *at)
{
    const struct any_vec *vec = (const void *)at;
    const struct field *key = &field->shape->fields[0], *value = &field->shape->fields[1];
    open_value(buf, field->name, '{');
    for (size_t i = 0; i < vec->len; i++) {
        const char *pair = vec->items + i * field->size;
        out_text_cut(buf, NULL, pair + key->offset, key->size - 1); /* a key may need escapes */
        buf_char(buf, ':');
        out_text_cut(buf, NULL, pair + value->offset, value->size - 1);
    }
    out_close(buf, '}');
}

static int write_array(struct buf *buf, const struct field *field, const char *owner,
                       struct error *err)
{
    uint32_t len;
    memcpy(&len, owner + field->len_offset, sizeof(len));
    return write_items(buf, field, owner + field->offset, len, err);
}

static int write_heap_text(struct buf *buf, const struct field *field, const char *at,
                           struct error *err)
{
    const char *text;
    memcpy(&text, at, sizeof(text));
    if (text && strlen(text) > (size_t)field->max) {
        return error_set(err, -ERANGE, "%s: %zu bytes; at most %" PRId64 " are allowed",
                         field->name, strlen(text), field->max);
    }
    out_text_cut(buf, field->name, text ? text : "", (size_t)field->max);
    return 0;
}

static int write_struct(struct buf *buf, const struct field *field, const char *at,
                        struct error *err)
{
    open_value(buf, field->name, '{');
    int r = shape_write(buf, field->shape, at, NULL, err);
    out_close(buf, '}');
    return r;
}

static int write_field(struct buf *buf, const struct field *field, const char *owner,
                       struct error *err)
{
    const char *at = owner + field->offset;
    const struct any_vec *vec = (const void *)at;
    switch (field->type) {
    case FIELD_TEXT:
        out_text_cut(buf, field->name, at, field->size - 1);
        return 0;
    case FIELD_HEAP_TEXT:
        return write_heap_text(buf, field, at, err);
    case FIELD_BOOL:
        out_bool(buf, field->name, *(const bool *)at);
        return 0;
    case FIELD_INTEGER:
        return write_integer(buf, field, at, err);
    case FIELD_HEX:
        write_hex(buf, field, at);
        return 0;
    case FIELD_ENUM:
    case FIELD_ENUM_OPEN:
        return write_word(buf, field, at, err);
    case FIELD_FLAGS:
        write_flags(buf, field, at);
        return 0;
    case FIELD_ADDRESS:
        write_address(buf, field, at);
        return 0;
    case FIELD_SLOT:
        write_slot(buf, field, at);
        return 0;
    case FIELD_SLOT_MAYBE:
        if (*(const bool *)(owner + field->len_offset)) {
            write_slot(buf, field, at);
        } else {
            out_null(buf, field->name);
        }
        return 0;
    case FIELD_STRUCT:
        return write_struct(buf, field, at, err);
    case FIELD_VEC:
        return write_items(buf, field, vec->items, vec->len, err);
    case FIELD_ARRAY:
        return write_array(buf, field, owner, err);
    case FIELD_ARRAY_FULL:
        return write_items(buf, field, at, (size_t)field->max, err);
    case FIELD_MAP:
        write_map(buf, field, at);
        return 0;
    }
    return 0;
}

/* Whether it says nothing, and so need not be said. The size of a list is that of its items. */
static bool is_left_out(const struct field *field, const char *owner)
{
    static const char nothing[sizeof(uint64_t)];
    const char *at = owner + field->offset;
    const struct any_vec *vec = (const void *)at;
    if (!field->is_sparse) {
        return false;
    }
    if (field->type == FIELD_TEXT) {
        return at[0] == '\0';
    }
    if (field->type == FIELD_VEC) {
        return vec->len == 0;
    }
    if (field->type == FIELD_ARRAY) {
        return memcmp(owner + field->len_offset, nothing, sizeof(uint32_t)) == 0;
    }
    assert(field->size <= sizeof(nothing)); /* a number, a truth, or a word */
    return memcmp(at, nothing, field->size) == 0;
}

int shape_write(struct buf *buf, const struct shape *shape, const void *value, const char *without,
                struct error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < shape->len; i++) {
        const struct field *field = &shape->fields[i];
        if ((!without || strcmp(field->name, without) != 0) && !is_left_out(field, value)) {
            r = write_field(buf, field, value, err);
        }
    }
    return r;
}
