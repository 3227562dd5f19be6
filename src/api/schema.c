/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/schema.h"

#include "api/about.h"
#include "api/requests.h"
#include "wire/record.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { word_size = 64 };

static json_t *type_at(const char **at);

/* A name of letters, digits, '_' and '-'. */
static void take_word(const char **at, char ret[word_size])
{
    size_t size = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    assert(size > 0 && size < word_size);
    memcpy(ret, *at, size);
    ret[size] = '\0';
    *at += size;
}

static const struct schema *schema_named(const char *name)
{
    for (size_t i = 0; i < schemas_len; i++) {
        if (strcmp(schemas[i].name, name) == 0) {
            return &schemas[i];
        }
    }
    return NULL;
}

/* The requests that change a record, by its own table. */
static const struct patch {
    const char *name;
    enum record_kind kind;
} patches[] = {
    {"SettingsPatch", RECORD_CLUSTER},
    {"NodePatch", RECORD_NODE_SPEC},
    {"PoolPatch", RECORD_POOL},
    {"VmPatch", RECORD_VM_SPEC},
};

static const struct patch *patch_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
        if (strcmp(patches[i].name, name) == 0) {
            return &patches[i];
        }
    }
    return NULL;
}

static json_t *named_type(const char *word)
{
    char reference[word_size + 32];
    static const struct {
        const char *word, *type;
    } simple[] = {{"s", "string"}, {"i", "integer"}, {"b", "boolean"}};
    for (size_t i = 0; i < ARRAY_LEN(simple); i++) {
        if (strcmp(word, simple[i].word) == 0) {
            return json_pack("{s:s}", "type", simple[i].type);
        }
    }
    if (strcmp(word, "any") == 0) {
        return json_object();
    }
    assert(schema_named(word) || request_find(word) || patch_find(word));
    (void)snprintf(reference, sizeof(reference), "#/components/schemas/%s", word);
    return json_pack("{s:s}", "$ref", reference);
}

static json_t *type_at(const char **at)
{
    char word[word_size];
    char mark = **at;
    if (mark == '[' || mark == '{') {
        ++*at;
        json_t *inner = type_at(at);
        assert(**at == (mark == '[' ? ']' : '}'));
        ++*at;
        if (mark == '{' && json_object_size(inner) == 0) {
            json_decref(inner); /* {any}: generators know the short form of that */
            return json_pack("{s:s, s:b}", "type", "object", "additionalProperties", 1);
        }
        return mark == '['
                   ? json_pack("{s:s, s:o}", "type", "array", "items", inner)
                   : json_pack("{s:s, s:o}", "type", "object", "additionalProperties", inner);
    }
    if (mark == '~') {
        ++*at;
        return json_pack("{s:[o, {s:s}]}", "anyOf", type_at(at), "type", "null");
    }
    if (mark == '=') {
        ++*at;
        take_word(at, word);
        json_t *words = schema_words(word);
        assert(words);
        return json_pack("{s:s, s:o}", "type", "string", "enum", words);
    }
    take_word(at, word);
    return named_type(word);
}

json_t *schema_of_type(const char *notation)
{
    json_t *json = type_at(&notation);
    assert(*notation == '\0');
    return json;
}

/* Adds the members that 'at' lists to 'properties', and the names of those that must be there.
 * 'schema' is whose they are. */
static void take_members(const char *schema, const char *at, json_t *properties, json_t *required)
{
    char name[word_size];
    while (*at) {
        if (*at == '&') {
            at++;
            take_word(&at, name);
            assert(schema_named(name));
            take_members(name, schema_named(name)->notation, properties, required);
        } else {
            take_word(&at, name);
            bool is_optional = *at == '?';
            at += is_optional;
            assert(*at == ':');
            at++;
            json_t *type = type_at(&at);
            const char *about = about_field(schema, name);
            if (about) {
                (void)json_object_set_new(type, "description", json_string(about));
            }
            (void)json_object_set_new(properties, name, type);
            if (!is_optional) {
                (void)json_array_append_new(required, json_string(name));
            }
        }
        at += strspn(at, " ");
    }
}

json_t *schema_members(const char *name)
{
    json_t *properties = json_object(), *required = json_array();
    assert(schema_named(name));
    take_members(name, schema_named(name)->notation, properties, required);
    json_decref(required);
    return properties;
}

/* "%vm_spec" */
static json_t *record_schema(const char *word)
{
    static const struct {
        const char *word;
        enum record_kind kind;
    } kinds[] = {
        {"cluster", RECORD_CLUSTER},
        {"node_spec", RECORD_NODE_SPEC},
        {"pool", RECORD_POOL},
        {"vm_spec", RECORD_VM_SPEC},
        {"placement", RECORD_VM_PLACEMENT},
        {"status", RECORD_VM_STATUS},
    };
    size_t i = 0;
    while (i < ARRAY_LEN(kinds) && strcmp(kinds[i].word, word) != 0) {
        i++;
    }
    assert(i < ARRAY_LEN(kinds));
    return wire_record_schema(kinds[i].kind, 0);
}

static json_t *answer_schema(const struct schema *schema)
{
    if (strcmp(schema->notation, "%parameters") == 0) {
        return wire_parameters_schema();
    }
    if (schema->notation[0] == '%') {
        return record_schema(schema->notation + 1);
    }
    json_t *properties = json_object(), *required = json_array();
    take_members(schema->name, schema->notation, properties, required);
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required",
                     required);
}

/* A VM is added with its policy. */
static json_t *vm_add_schema(void)
{
    json_t *json = shape_schema(&request_vm_add, WIRE_REFUSE_UNKNOWN);
    json_t *policy = wire_record_schema(RECORD_VM_SPEC, WIRE_REFUSE_UNKNOWN | WIRE_POLICY_ONLY);
    (void)json_object_update(json_object_get(json, "properties"),
                             json_object_get(policy, "properties"));
    json_decref(policy);
    return json;
}

static void add_requests(json_t *all)
{
#define ADD_(id, name)                                                                             \
    (void)json_object_set_new(all, name, shape_schema(&request_##id, WIRE_REFUSE_UNKNOWN));
    REQUEST_LIST(ADD_)
#undef ADD_
    (void)json_object_set_new(all, "VmAdd", vm_add_schema());
    for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
        (void)json_object_set_new(
            all, patches[i].name,
            wire_record_schema(patches[i].kind, WIRE_REFUSE_UNKNOWN | WIRE_POLICY_ONLY));
    }
}

json_t *schema_all(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < schemas_len; i++) {
        (void)json_object_set_new(all, schemas[i].name, answer_schema(&schemas[i]));
    }
    add_requests(all);
    return all;
}
