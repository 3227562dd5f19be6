/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A value into a JSON tree, by its table of fields. */
#include "wire/shape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Any VEC() looks like this. */
struct any_vec {
    const char *items;
    size_t len;
    size_t capacity;
};

static json_t *write_field(const struct field *field, const char *owner, struct error *err);

static json_t *no_memory(struct error *err)
{
    (void)error_set(err, -ENOMEM, "out of memory");
    return NULL;
}

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

static json_t *write_integer(const struct field *field, const char *at, struct error *err)
{
    uint64_t value = load_integer(field, at);
    int64_t number = (int64_t)value;
    if (number < field->min || number > field->max || (!field->is_signed && value > INT64_MAX)) {
        (void)error_set(err, -ERANGE, "%s: %" PRIu64 " (or %" PRId64 ") is out of range",
                        field->name ? field->name : "item", value, number);
        return NULL;
    }
    return json_integer(number);
}

static json_t *write_hex(const struct field *field, const char *at)
{
    char text[20];
    (void)snprintf(text, sizeof(text), "%0*" PRIx64, (int)field->digits, load_integer(field, at));
    return json_string(text);
}

static json_t *write_word(const struct field *field, const char *at, struct error *err)
{
    uint64_t value = load_integer(field, at);
    if (value >= field->word_len) {
        (void)error_set(err, -ERANGE, "%s: %" PRIu64 " has no name", field->name, value);
        return NULL;
    }
    return json_string(field->words[value]);
}

static json_t *write_flags(const struct field *field, const char *at)
{
    uint64_t value = load_integer(field, at);
    json_t *array = json_array();
    for (uint32_t bit = 0; array && bit < field->word_len; bit++) {
        if ((value >> bit & 1) &&
            json_array_append_new(array, json_string(field->words[bit])) < 0) {
            json_decref(TAKE(array));
        }
    }
    return array;
}

static json_t *write_address(const char *at)
{
    char text[pci_address_size];
    struct pci_address address;
    memcpy(&address, at, sizeof(address));
    return json_string(pci_address_format(address, text));
}

static json_t *write_slot(const char *at)
{
    char text[name_size];
    return json_string_of(gpu_slot_format((const void *)at, text), sizeof(text) - 1);
}

static json_t *write_items(const struct field *field, const char *items, size_t len,
                           struct error *err)
{
    if (len > (size_t)field->max) {
        (void)error_set(err, -ERANGE, "%s: %zu elements; at most %" PRId64 " are allowed",
                        field->name, len, field->max);
        return NULL;
    }
    json_t *array = json_array();
    for (size_t i = 0; array && i < len; i++) {
        json_t *item = write_field(field->item, items + i * field->size, err);
        if (!item || json_array_append_new(array, item) < 0) {
            json_decref(TAKE(array));
        }
    }
    return array;
}

static json_t *write_map(const struct field *field, const char *at)
{
    const struct any_vec *vec = (const void *)at;
    const struct field *key = &field->shape->fields[0], *value = &field->shape->fields[1];
    json_t *object = json_object();
    for (size_t i = 0; object && i < vec->len; i++) {
        const char *pair = vec->items + i * field->size;
        json_t *name = json_string_of(pair + key->offset, key->size - 1);
        json_t *text = json_string_of(pair + value->offset, value->size - 1);
        if (!name || !text || json_object_set(object, json_string_value(name), text) < 0) {
            json_decref(TAKE(object));
        }
        json_decref(name);
        json_decref(text);
    }
    return object;
}

static json_t *write_array(const struct field *field, const char *owner, struct error *err)
{
    uint32_t len;
    memcpy(&len, owner + field->len_offset, sizeof(len));
    return write_items(field, owner + field->offset, len, err);
}

static json_t *write_heap_text(const struct field *field, const char *at, struct error *err)
{
    const char *text;
    memcpy(&text, at, sizeof(text));
    if (text && strlen(text) > (size_t)field->max) {
        (void)error_set(err, -ERANGE, "%s: %zu bytes; at most %" PRId64 " are allowed", field->name,
                        strlen(text), field->max);
        return NULL;
    }
    return json_string_of(text ? text : "", (size_t)field->max);
}

static json_t *write_field(const struct field *field, const char *owner, struct error *err)
{
    const char *at = owner + field->offset;
    const struct any_vec *vec = (const void *)at;
    switch (field->type) {
    case FIELD_TEXT:
        return json_string_of(at, field->size - 1);
    case FIELD_HEAP_TEXT:
        return write_heap_text(field, at, err);
    case FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case FIELD_INTEGER:
        return write_integer(field, at, err);
    case FIELD_HEX:
        return write_hex(field, at);
    case FIELD_ENUM:
        return write_word(field, at, err);
    case FIELD_FLAGS:
        return write_flags(field, at);
    case FIELD_ADDRESS:
        return write_address(at);
    case FIELD_SLOT:
        return write_slot(at);
    case FIELD_SLOT_MAYBE:
        return *(const bool *)(owner + field->len_offset) ? write_slot(at) : json_null();
    case FIELD_STRUCT:
        return shape_write(field->shape, at, err);
    case FIELD_VEC:
        return write_items(field, vec->items, vec->len, err);
    case FIELD_ARRAY:
        return write_array(field, owner, err);
    case FIELD_ARRAY_FULL:
        return write_items(field, at, (size_t)field->max, err);
    case FIELD_MAP:
        return write_map(field, at);
    }
    return NULL;
}

json_t *shape_write(const struct shape *shape, const void *value, struct error *err)
{
    struct error cause = {0};
    json_t *object = json_object();
    for (size_t i = 0; object && i < shape->len; i++) {
        json_t *member = write_field(&shape->fields[i], value, &cause);
        if (!member || json_object_set_new_nocheck(object, shape->fields[i].name, member) < 0) {
            json_decref(TAKE(object));
        }
    }
    if (!object && cause.code == 0) {
        return no_memory(err);
    }
    if (!object && err) {
        *err = cause;
    }
    return object;
}
