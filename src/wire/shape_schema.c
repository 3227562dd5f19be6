/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON Schema of a record, by its table of fields. */
#include "wire/record.h"
#include "wire/shape.h"

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

static json_t *schema_of(const struct field *field, unsigned flags)
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
    case FIELD_ENUM_OPEN:
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
        /* What is in it is all set, or shown, with it. */
        return shape_schema(field->shape, flags & WIRE_REFUSE_UNKNOWN);
    case FIELD_VEC:
    case FIELD_ARRAY:
    case FIELD_ARRAY_FULL:
        return array_of(schema_of(field->item, flags & WIRE_REFUSE_UNKNOWN), field);
    case FIELD_MAP:
        return map_of(field);
    }
    return NULL;
}

json_t *shape_schema(const struct shape *shape, unsigned flags)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < shape->len; i++) {
        const struct field *field = &shape->fields[i];
        if ((flags & WIRE_POLICY_ONLY) && !field->is_policy) {
            continue;
        }
        json_t *json = schema_of(field, flags);
        if (field->about) {
            (void)json_object_set_new(json, "description", json_string(field->about));
        }
        (void)json_object_set_new(properties, field->name, json);
        if (field->is_required) {
            (void)json_array_append_new(required, json_string(field->name));
        }
    }
    json_t *json = json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties,
                             "required", required);
    if (flags & WIRE_REFUSE_UNKNOWN) {
        (void)json_object_set_new(json, "additionalProperties", json_false());
    }
    return json;
}

json_t *wire_record_schema(enum record_kind kind, unsigned flags)
{
    json_t *json = shape_schema(shape_of(kind), flags);
    if (!(flags & WIRE_POLICY_ONLY)) {
        (void)json_object_set_new(
            json_object_get(json, "properties"), "schema",
            json_pack("{s:s, s:s}", "type", "integer", "description", "version of the record"));
    }
    return json;
}
