/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A JSON tree into a value, by its table of fields. Longer than most: one recursive reader, with a
 * function for each kind of field.
 */
#include "wire/shape.h"

#include "base/buf.h"
#include "base/parse.h"
#include "model/name.h"
#include "wire/record.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { name_looked_at_max = 4096 };

/* Where we are: "gpus[3].address", from the inside out. */
struct place {
    const struct place *outer;
    const char *name; /* NULL: 'index' */
    size_t index;
};

struct reader {
    unsigned flags;
    uint64_t given; /* fields of the outermost shape, by their place in it */
    struct error *err;
};

static int read_field(struct reader *reader, const struct place *place, const struct field *field,
                      const json_t *json, char *owner);

static void format_place(const struct place *place, struct buf *text)
{
    if (!place) {
        return;
    }
    format_place(place->outer, text);
    if (place->name) {
        buf_printf(text, "%s%.64s", place->outer ? "." : "", place->name);
    } else {
        buf_printf(text, "[%zu]", place->index);
    }
}

static int reader_refuse(struct reader *reader, const struct place *place, const char *format, ...)
    PRINTF_LIKE(3, 4);

static int reader_refuse(struct reader *reader, const struct place *place, const char *format, ...)
{
    CLEANUP(buf_done) struct buf text = {0}, where = {0};
    va_list args;
    va_start(args, format);
    format_place(place, &where);
    buf_printf(&text, "%s%s", buf_str(&where), place ? ": " : "");
    buf_vprintf(&text, format, args);
    va_end(args);
    (void)error_set(reader->err, -EBADMSG, "%s", buf_str(&text));
    if (reader->err) {
        (void)copy_text(reader->err->place, sizeof(reader->err->place), buf_str(&where));
    }
    return -EBADMSG;
}

static int refuse_type(struct reader *reader, const struct place *place, const char *want,
                       const json_t *json)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",  [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a fraction", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return reader_refuse(reader, place, "must be %s, not %s", want, names[json_typeof(json)]);
}

static int no_memory(struct reader *reader)
{
    return error_set(reader->err, -ENOMEM, "out of memory");
}

/* ---- one value ---- */

/* The text of a string that has at most 'max' bytes; NULL, refused, otherwise. */
static const char *text_of(struct reader *reader, const struct place *place, const json_t *json,
                           size_t max)
{
    if (!json_is_string(json)) {
        (void)refuse_type(reader, place, "a string", json);
        return NULL;
    }
    if (json_string_length(json) > max) {
        (void)reader_refuse(reader, place, "%zu bytes long; at most %zu are allowed",
                            json_string_length(json), max);
        return NULL;
    }
    return json_string_value(json);
}

static int read_text(struct reader *reader, const struct place *place, const struct field *field,
                     const json_t *json, char *at)
{
    /* Of a name that is too long its own check says more. */
    size_t size_max = field->name_of ? name_looked_at_max : field->size - 1;
    const char *text = text_of(reader, place, json, size_max);
    struct error why;
    if (!text) {
        return -EBADMSG;
    }
    if (field->name_of && name_check(field->name_of, text, &why) < 0) {
        return reader_refuse(reader, place, "%s", why.text);
    }
    assert(json_string_length(json) < field->size);
    memset(at, 0, field->size);
    memcpy(at, text, json_string_length(json));
    return 0;
}

static int read_heap_text(struct reader *reader, const struct place *place,
                          const struct field *field, const json_t *json, char *at)
{
    const char *text = text_of(reader, place, json, (size_t)field->max);
    if (!text) {
        return -EBADMSG;
    }
    char *copy = strdup(text), *old;
    if (!copy) {
        return no_memory(reader);
    }
    memcpy(&old, at, sizeof(old));
    free(old);
    memcpy(at, &copy, sizeof(copy));
    return 0;
}

static int read_bool(struct reader *reader, const struct place *place, const json_t *json, char *at)
{
    if (!json_is_boolean(json)) {
        return refuse_type(reader, place, "true or false", json);
    }
    *(bool *)at = json_is_true(json);
    return 0;
}

static void store_integer(const struct field *field, uint64_t value, char *at)
{
    uint8_t narrow = (uint8_t)value;
    uint16_t half = (uint16_t)value;
    uint32_t word = (uint32_t)value;
    const void *from = field->size == sizeof(narrow) ? (const void *)&narrow
                       : field->size == sizeof(half) ? (const void *)&half
                       : field->size == sizeof(word) ? (const void *)&word
                                                     : (const void *)&value;
    memcpy(at, from, field->size);
}

static int read_integer(struct reader *reader, const struct place *place, const struct field *field,
                        const json_t *json, char *at)
{
    if (!json_is_integer(json)) {
        return refuse_type(reader, place, "a whole number", json);
    }
    int64_t value = json_integer_value(json);
    if (value < field->min || value > field->max) {
        return reader_refuse(reader, place,
                             "must be a whole number from %" PRId64 " to %" PRId64 ", not %" PRId64,
                             field->min, field->max, value);
    }
    store_integer(field, (uint64_t)value, at);
    return 0;
}

static int read_hex(struct reader *reader, const struct place *place, const struct field *field,
                    const json_t *json, char *at)
{
    uint64_t value;
    const char *text = text_of(reader, place, json, 20);
    if (!text) {
        return -EBADMSG;
    }
    if (!parse_hex(text, (uint64_t)field->max, &value)) {
        return reader_refuse(reader, place, "\"%s\" is not %" PRIu32 " hexadecimal digits", text,
                             field->digits);
    }
    store_integer(field, value, at);
    return 0;
}

/* The index of a word, -1 if it is none of the table's. */
static int64_t word_of(const struct field *field, const char *text)
{
    for (uint32_t i = 0; i < field->word_len; i++) {
        if (strcmp(text, field->words[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static int refuse_word(struct reader *reader, const struct place *place, const struct field *field,
                       const char *text)
{
    CLEANUP(buf_done) struct buf words = {0};
    for (uint32_t i = 0; i < field->word_len; i++) {
        buf_printf(&words, "%s%s",
                   i == 0                     ? ""
                   : i + 1 == field->word_len ? " or "
                                              : ", ",
                   field->words[i]);
    }
    return reader_refuse(reader, place, "must be %s, not \"%s\"", buf_str(&words), text);
}

static int read_word(struct reader *reader, const struct place *place, const struct field *field,
                     const json_t *json, char *owner)
{
    bool is_open = field->type == FIELD_ENUM_OPEN;
    const char *text = text_of(reader, place, json, 64);
    if (!text) {
        return -EBADMSG;
    }
    int64_t word = word_of(field, text);
    if (word < 0 && !is_open) {
        return refuse_word(reader, place, field, text);
    }
    if (word < 0) {
        (void)copy_text(owner + field->len_offset, (size_t)field->max + 1, text);
    }
    store_integer(field, word < 0 ? field->other : (uint64_t)word, owner + field->offset);
    return 0;
}

/* A method that a newer kernel knows is nothing to refuse a host's whole inventory for: skipped. */
static int read_flags(struct reader *reader, const struct place *place, const struct field *field,
                      const json_t *json, char *at)
{
    size_t index;
    json_t *item;
    uint64_t value = 0;
    if (!json_is_array(json)) {
        return refuse_type(reader, place, "an array", json);
    }
    json_array_foreach(json, index, item) {
        const struct place inner = {place, NULL, index};
        const char *text = text_of(reader, &inner, item, 64);
        if (!text) {
            return -EBADMSG;
        }
        for (uint32_t bit = 0; bit < field->word_len; bit++) {
            value |= (uint64_t)(strcmp(text, field->words[bit]) == 0) << bit;
        }
    }
    store_integer(field, value, at);
    return 0;
}

static int read_address(struct reader *reader, const struct place *place, const json_t *json,
                        char *at)
{
    struct pci_address address;
    const char *text = text_of(reader, place, json, 64);
    if (!text) {
        return -EBADMSG;
    }
    if (!pci_address_parse(text, &address)) {
        return reader_refuse(reader, place, "\"%s\" is no PCI address, as 0000:65:00.0 is", text);
    }
    memcpy(at, &address, sizeof(address));
    return 0;
}

static int read_slot(struct reader *reader, const struct place *place, const json_t *json, char *at)
{
    struct gpu_slot slot;
    const char *text = text_of(reader, place, json, name_size);
    if (!text) {
        return -EBADMSG;
    }
    if (!gpu_slot_parse(text, &slot)) {
        return reader_refuse(reader, place,
                             "\"%s\" is no device, as 0000:65:00.0 or 0000:65:00.0+PARTITION is",
                             text);
    }
    memcpy(at, &slot, sizeof(slot));
    return 0;
}

static int read_slot_maybe(struct reader *reader, const struct place *place,
                           const struct field *field, const json_t *json, char *owner)
{
    bool *is_set = (bool *)(owner + field->len_offset);
    if (json_is_null(json)) {
        *is_set = false;
        memset(owner + field->offset, 0, field->size);
        return 0;
    }
    int r = read_slot(reader, place, json, owner + field->offset);
    if (r < 0) {
        return r;
    }
    *is_set = true;
    return 0;
}

/* ---- many values ---- */

static int check_len(struct reader *reader, const struct place *place, size_t len, int64_t max)
{
    if (len > (size_t)max) {
        return reader_refuse(reader, place, "%zu elements; at most %" PRId64 " are allowed", len,
                             max);
    }
    return 0;
}

/* Reads every element of 'json' into 'items', which has room for them. */
static int read_items(struct reader *reader, const struct place *place, const struct field *field,
                      const json_t *json, char *items)
{
    size_t index;
    json_t *element;
    json_array_foreach(json, index, element) {
        const struct place inner = {place, NULL, index};
        char *item = items + index * field->size;
        memset(item, 0, field->size);
        if (field->item->shape && field->item->shape->fallback) {
            memcpy(item, field->item->shape->fallback, field->size);
        }
        int r = read_field(reader, &inner, field->item, element, item);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_vec(struct reader *reader, const struct place *place, const struct field *field,
                    const json_t *json, char *at)
{
    struct any_vec *vec = (void *)at;
    if (!json_is_array(json)) {
        return refuse_type(reader, place, "an array", json);
    }
    size_t len = json_array_size(json);
    int r = check_len(reader, place, len, field->max);
    if (r < 0) {
        return r;
    }
    if (!vec_grow((void **)&vec->items, &vec->capacity, len, field->size)) {
        return no_memory(reader);
    }
    vec->len = len;
    return read_items(reader, place, field, json, vec->items);
}

static int read_array(struct reader *reader, const struct place *place, const struct field *field,
                      const json_t *json, char *owner)
{
    char *at = owner + field->offset;
    if (!json_is_array(json)) {
        return refuse_type(reader, place, "an array", json);
    }
    uint32_t len = (uint32_t)json_array_size(json);
    int r = check_len(reader, place, json_array_size(json), field->max);
    if (r < 0) {
        return r;
    }
    memset(at, 0, (size_t)field->max * field->size);
    if (field->type == FIELD_ARRAY) {
        memcpy(owner + field->len_offset, &len, sizeof(len));
    }
    return read_items(reader, place, field, json, at);
}

static int read_map(struct reader *reader, const struct place *place, const struct field *field,
                    const json_t *json, char *at)
{
    struct any_vec *vec = (void *)at;
    const struct field *key = &field->shape->fields[0], *value = &field->shape->fields[1];
    const char *name;
    json_t *text;
    if (!json_is_object(json)) {
        return refuse_type(reader, place, "an object", json);
    }
    size_t len = json_object_size(json);
    int r = check_len(reader, place, len, field->max);
    if (r < 0) {
        return r;
    }
    if (!vec_grow((void **)&vec->items, &vec->capacity, len, field->size)) {
        return no_memory(reader);
    }
    vec->len = 0;
    json_object_foreach((json_t *)(uintptr_t)json, name, text) {
        const struct place inner = {place, name, 0};
        char *pair = vec->items + vec->len++ * field->size;
        memset(pair, 0, field->size);
        if (name[0] == '\0' || !copy_text(pair + key->offset, key->size, name)) {
            return reader_refuse(reader, &inner, "a name here has 1 to %" PRIu32 " bytes",
                                 key->size - 1);
        }
        r = read_text(reader, &inner, value, text, pair + value->offset);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Whether the reader takes that field. Which fields an administrator sets is said of the record's
 * own: what is inside them is set with them. */
static bool takes(const struct reader *reader, const struct place *place, const struct field *field)
{
    return place || !(reader->flags & WIRE_POLICY_ONLY) || field->is_policy;
}

static bool is_absent(const struct reader *reader, const json_t *json)
{
    return !json || ((reader->flags & WIRE_NULL_IS_ABSENT) && json_is_null(json));
}

static int refuse_unknown(struct reader *reader, const struct place *place,
                          const struct shape *shape, const char *name)
{
    const struct place inner = {place, name, 0};
    CLEANUP(buf_done) struct buf known = {0};
    for (size_t i = 0; i < shape->len; i++) {
        if (takes(reader, place, &shape->fields[i])) {
            buf_printf(&known, "%s%s", known.size ? ", " : ": ", shape->fields[i].name);
        }
    }
    return reader_refuse(reader, &inner, "there is no such field; there are%s",
                         known.size ? buf_str(&known) : " none");
}

bool shape_has(const struct shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->len; i++) {
        if (strcmp(shape->fields[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_unknown(struct reader *reader, const struct place *place,
                         const struct shape *shape, const json_t *json)
{
    const char *name;
    json_t *unused;
    json_object_foreach((json_t *)(uintptr_t)json, name, unused) {
        bool is_known = !place && strcmp(name, "schema") == 0;
        for (size_t i = 0; i < shape->len && !is_known; i++) {
            is_known =
                takes(reader, place, &shape->fields[i]) && strcmp(name, shape->fields[i].name) == 0;
        }
        if (!is_known) {
            return refuse_unknown(reader, place, shape, name);
        }
    }
    return 0;
}

static int check_missing(struct reader *reader, const struct place *place,
                         const struct shape *shape, const json_t *json)
{
    for (size_t i = 0; i < shape->len; i++) {
        const struct place inner = {place, shape->fields[i].name, 0};
        if (shape->fields[i].is_required &&
            is_absent(reader, json_object_get(json, shape->fields[i].name))) {
            return reader_refuse(reader, &inner, "is missing");
        }
    }
    return 0;
}

/* Unknown before missing: a name that is misspelt is both. */
static int read_shape(struct reader *reader, const struct place *place, const struct shape *shape,
                      const json_t *json, char *value)
{
    if (!json_is_object(json)) {
        return refuse_type(reader, place, "an object", json);
    }
    int r = reader->flags & WIRE_REFUSE_UNKNOWN ? check_unknown(reader, place, shape, json) : 0;
    for (size_t i = 0; i < shape->len && r == 0; i++) {
        const struct field *field = &shape->fields[i];
        const struct place inner = {place, field->name, 0};
        const json_t *member = json_object_get(json, field->name);
        if (!takes(reader, place, field)) {
            continue;
        }
        if (!is_absent(reader, member)) {
            reader->given |= place ? 0 : UINT64_C(1) << i;
            r = read_field(reader, &inner, field, member, value);
        }
    }
    return r < 0 ? r : check_missing(reader, place, shape, json);
}

static int read_field(struct reader *reader, const struct place *place, const struct field *field,
                      const json_t *json, char *owner)
{
    char *at = owner + field->offset;
    switch (field->type) {
    case FIELD_TEXT:
        return read_text(reader, place, field, json, at);
    case FIELD_HEAP_TEXT:
        return read_heap_text(reader, place, field, json, at);
    case FIELD_BOOL:
        return read_bool(reader, place, json, at);
    case FIELD_INTEGER:
        return read_integer(reader, place, field, json, at);
    case FIELD_HEX:
        return read_hex(reader, place, field, json, at);
    case FIELD_ENUM:
    case FIELD_ENUM_OPEN:
        return read_word(reader, place, field, json, owner);
    case FIELD_FLAGS:
        return read_flags(reader, place, field, json, at);
    case FIELD_ADDRESS:
        return read_address(reader, place, json, at);
    case FIELD_SLOT:
        return read_slot(reader, place, json, at);
    case FIELD_SLOT_MAYBE:
        return read_slot_maybe(reader, place, field, json, owner);
    case FIELD_STRUCT:
        return read_shape(reader, place, field->shape, json, at);
    case FIELD_VEC:
        return read_vec(reader, place, field, json, at);
    case FIELD_ARRAY:
    case FIELD_ARRAY_FULL:
        return read_array(reader, place, field, json, owner);
    case FIELD_MAP:
        return read_map(reader, place, field, json, at);
    }
    return -EBADMSG;
}

int shape_read_given(const struct shape *shape, const json_t *json, unsigned flags, void *value,
                     uint64_t *ret_given, struct error *err)
{
    struct reader reader = {.flags = flags, .err = err};
    assert(shape->len <= 64); /* the bits of 'given' */
    int r = read_shape(&reader, NULL, shape, json, value);
    *ret_given = reader.given;
    return r;
}

int shape_read(const struct shape *shape, const json_t *json, unsigned flags, void *value,
               struct error *err)
{
    uint64_t given;
    return shape_read_given(shape, json, flags, value, &given, err);
}
