/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/state_field.h"

#include "base/parse.h"
#include "model/name.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int field_complain(const struct place *place, const char *field, const char *format, ...)
{
    char sentence[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (!place->list) {
        return error_set(place->err, -EBADMSG, "%s: %s", field, sentence);
    }
    return error_set(place->err, -EBADMSG, "%s[%zu]%s%s: %s", place->list, place->index,
                     field[0] ? "." : "", field, sentence);
}

int field_no_memory(const struct place *place)
{
    return error_set(place->err, -ENOMEM, "out of memory");
}

json_t *field_iterable(const json_t *json)
{
    return (json_t *)(uintptr_t)json;
}

int field_check_known(const struct place *place, const json_t *object, const char *known)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        return field_complain(place, place->list ? "" : "document", "is not an object");
    }
    json_object_foreach(field_iterable(object), name, value) {
        char word[name_size + 2];
        if ((size_t)snprintf(word, sizeof(word), " %s ", name) >= sizeof(word) ||
            !strstr(known, word)) {
            return field_complain(place, name, "is no field of the format");
        }
    }
    return 0;
}

int field_u64(const struct place *place, const json_t *object, const char *field, uint64_t max,
              uint64_t *ret)
{
    const json_t *value = json_object_get(object, field);
    if (!value) {
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > max) {
        return field_complain(place, field, "is not a whole number from 0 to %llu",
                              (unsigned long long)max);
    }
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

int field_u32(const struct place *place, const json_t *object, const char *field, uint32_t max,
              uint32_t *ret)
{
    uint64_t value = *ret;
    int r = field_u64(place, object, field, max, &value);
    *ret = (uint32_t)value;
    return r;
}

int field_count(const struct place *place, const char *map, const json_t *counts, const char *name,
                uint32_t max, uint32_t *ret)
{
    const json_t *value = json_object_get(counts, name);
    char path[2 * name_size];
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > max) {
        (void)snprintf(path, sizeof(path), "%s.%s", map, name);
        return field_complain(place, path, "is not a whole number from 0 to %u", max);
    }
    *ret = (uint32_t)json_integer_value(value);
    return 0;
}

int field_bool(const struct place *place, const json_t *object, const char *field, bool *ret)
{
    const json_t *value = json_object_get(object, field);
    if (value && !json_is_boolean(value)) {
        return field_complain(place, field, "is neither true nor false");
    }
    *ret = value ? json_is_true(value) : *ret;
    return 0;
}

int field_text(const struct place *place, const json_t *object, const char *field, const char **ret)
{
    const json_t *value = json_object_get(object, field);
    if (value && !json_is_string(value)) {
        return field_complain(place, field, "is not a text");
    }
    *ret = value ? json_string_value(value) : *ret;
    return 0;
}

int field_name(const struct place *place, const json_t *object, const char *what,
               char ret[name_size])
{
    const char *name = NULL;
    struct error why;
    int r = field_text(place, object, "name", &name);
    if (r < 0) {
        return r;
    }
    if (!name) {
        return field_complain(place, "name", "is missing");
    }
    if (name_check(what, name, &why) < 0) {
        return field_complain(place, "name", "%s", why.text);
    }
    (void)copy_text(ret, name_size, name);
    return 0;
}

int field_array(const struct place *place, const json_t *object, const char *field,
                const json_t **ret)
{
    *ret = json_object_get(object, field);
    return *ret && !json_is_array(*ret) ? field_complain(place, field, "is not an array") : 0;
}

int field_object(const struct place *place, const json_t *object, const char *field,
                 const json_t **ret)
{
    *ret = json_object_get(object, field);
    return *ret && !json_is_object(*ret) ? field_complain(place, field, "is not an object") : 0;
}

int field_labels(const struct place *place, const json_t *object, state_labels_t *ret)
{
    const json_t *map;
    const char *key;
    json_t *value;
    int r = field_object(place, object, "labels", &map);
    if (r < 0 || !map) {
        return r;
    }
    json_object_foreach(field_iterable(map), key, value) {
        struct node_label *label = ret->len < labels_max ? VEC_ADD(ret) : NULL;
        if (!label) {
            return field_complain(place, "labels", "are more than %d, or no memory", labels_max);
        }
        if (!json_is_string(value) || !copy_text(label->key, sizeof(label->key), key) ||
            !copy_text(label->value, sizeof(label->value), json_string_value(value))) {
            return field_complain(place, "labels", "\"%s\" and its value are no short texts", key);
        }
    }
    return 0;
}
