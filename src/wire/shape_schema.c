/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON Schema of a record, by its table of fields. */
#include "wire/record.h"
#include "wire/shape.h"

static json_t *schema_of_shape(const struct shape *shape);

static json_t *words(const struct field *field)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < field->word_len; i++) {
        (void)json_array_append_new(list, json_string(field->words[i]));
    }
    return json_pack("{s:s, s:o}", "type", "string", "enum", list);
}

static json_t *array_of(json_t *items, const struct field *field)
{
    return json_pack("{s:s, s:o, s:I}", "type", "array", "items", items, "maxItems",
                     (json_int_t)(field->type == FIELD_FLAGS ? field->word_len : field->max));
}

static json_t *map_of(const struct field *field)
{
    return json_pack("{s:s, s:{s:s, s:I}, s:I}", "type", "object", "additionalProperties", "type",
                     "string", "maxLength", (json_int_t)field->shape->fields[1].size - 1,
                     "maxProperties", (json_int_t)field->max);
}

static json_t *schema_of(const struct field *field)
{
    switch (field->type) {
    case FIELD_TEXT:
        return json_pack("{s:s, s:I}", "type", "string", "maxLength", (json_int_t)field->size - 1);
    case FIELD_HEAP_TEXT:
        return json_pack("{s:s, s:I}", "type", "string", "maxLength", (json_int_t)field->max);
    case FIELD_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case FIELD_INTEGER:
        return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)field->min,
                         "maximum", (json_int_t)field->max);
    case FIELD_ENUM:
        return words(field);
    case FIELD_FLAGS:
        return array_of(words(field), field);
    case FIELD_HEX:
    case FIELD_ADDRESS:
    case FIELD_SLOT:
        return json_pack("{s:s}", "type", "string");
    case FIELD_SLOT_MAYBE:
        return json_pack("{s:[s, s]}", "type", "string", "null");
    case FIELD_STRUCT:
        return schema_of_shape(field->shape);
    case FIELD_VEC:
    case FIELD_ARRAY:
    case FIELD_ARRAY_FULL:
        return array_of(schema_of(field->item), field);
    case FIELD_MAP:
        return map_of(field);
    }
    return NULL;
}

static json_t *schema_of_shape(const struct shape *shape)
{
    json_t *properties = json_object();
    for (size_t i = 0; i < shape->len; i++) {
        (void)json_object_set_new(properties, shape->fields[i].name, schema_of(&shape->fields[i]));
    }
    return json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
                     "additionalProperties", 0);
}

json_t *wire_record_schema(enum record_kind kind)
{
    json_t *json = schema_of_shape(shape_of(kind));
    (void)json_object_set_new(json_object_get(json, "properties"), "schema",
                              json_pack("{s:s}", "type", "integer"));
    return json;
}
