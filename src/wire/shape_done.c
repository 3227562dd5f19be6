/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a value, by its table of fields. */
#include "wire/shape.h"

#include <stdlib.h>
#include <string.h>

static void done_field(const struct field *field, char *owner)
{
    struct any_vec *vec = (void *)(owner + field->offset);
    char *text;
    switch (field->type) {
    case FIELD_HEAP_TEXT:
        memcpy(&text, owner + field->offset, sizeof(text));
        free(text);
        return;
    case FIELD_VEC:
    case FIELD_MAP:
        for (size_t i = 0; field->item && i < vec->len; i++) {
            done_field(field->item, vec->items + i * field->size);
        }
        free(vec->items);
        return;
    case FIELD_STRUCT:
        for (size_t i = 0; i < field->shape->len; i++) {
            done_field(&field->shape->fields[i], owner + field->offset);
        }
        return;
    case FIELD_TEXT:
    case FIELD_BOOL:
    case FIELD_INTEGER:
    case FIELD_HEX:
    case FIELD_ENUM:
    case FIELD_ENUM_OPEN:
    case FIELD_FLAGS:
    case FIELD_ADDRESS:
    case FIELD_SLOT:
    case FIELD_SLOT_MAYBE:
    case FIELD_ARRAY: /* of plain structs */
    case FIELD_ARRAY_FULL:
        return;
    }
}

void shape_done(const struct shape *shape, void *value)
{
    for (size_t i = 0; i < shape->len; i++) {
        done_field(&shape->fields[i], value);
    }
    explicit_bzero(value, shape->size);
}
