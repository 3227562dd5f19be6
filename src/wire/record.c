/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/record.h"

#include "wire/shape.h"

#include <errno.h>
#include <inttypes.h>

json_t *wire_record_to_json(const struct record *record, struct error *err)
{
    json_t *json = shape_write(shape_of(record->key.kind), record->any, err);
    if (!json) {
        return NULL;
    }
    /* The schema first, where a reader looks for it. */
    json_t *whole = json_object();
    if (!whole || json_object_set_new(whole, "schema", json_integer(wire_schema)) < 0 ||
        json_object_update(whole, json) < 0) {
        (void)error_set(err, -ENOMEM, "out of memory");
        json_decref(TAKE(whole));
    }
    json_decref(json);
    return whole;
}

static int add_text(const char *text, size_t size, void *userdata)
{
    struct buf *buf = userdata;
    buf_add(buf, text, size);
    return buf->failed ? -1 : 0;
}

int wire_record_encode(const struct record *record, struct buf *json, struct error *err)
{
    struct error cause = {0};
    size_t before = json->size;
    json_t *tree = wire_record_to_json(record, &cause);
    if (!tree) {
        return error_set(err, cause.code, "%s", cause.text);
    }
    int r = json_dump_callback(tree, add_text, json, JSON_COMPACT);
    json_decref(tree);
    if (r < 0) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    if (json->size - before > wire_document_size_max) {
        return error_set(err, -ERANGE, "the document has %zu bytes; at most %d are allowed",
                         json->size - before, wire_document_size_max);
    }
    return 0;
}

/* A document of a schema that we do not know means what we cannot know. */
static int check_schema(const json_t *json, struct error *err)
{
    const json_t *schema = json_object_get(json, "schema");
    if (!schema) {
        return 0;
    }
    if (!json_is_integer(schema) || json_integer_value(schema) < 1) {
        return error_set(err, -EBADMSG, "schema: a number from 1 on is wanted here");
    }
    if (json_integer_value(schema) > wire_schema) {
        return error_set(err, -EBADMSG,
                         "schema: %" JSON_INTEGER_FORMAT
                         " was written by a newer version; this one "
                         "reads up to %d: update this host",
                         json_integer_value(schema), wire_schema);
    }
    return 0;
}

int wire_record_update(struct record *record, const json_t *json, unsigned flags, struct error *err)
{
    if (!json_is_object(json)) {
        return error_set(err, -EBADMSG, "not a JSON object");
    }
    int r = check_schema(json, err);
    return r < 0 ? r : shape_read(shape_of(record->key.kind), json, flags, record->any, err);
}

int wire_record_from_json(const struct record_key *key, const json_t *json, unsigned flags,
                          struct record **ret, struct error *err)
{
    CLEANUP(record_unrefp) struct record *record = record_new(key->kind, key->name, key->second);
    if (!record) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    int r = wire_record_update(record, json, flags, err);
    if (r < 0) {
        return r;
    }
    /* Never NULL in a record that somebody reads. */
    if (key->kind == RECORD_VM_SPEC && !record->vm_spec->xml) {
        record->vm_spec->xml = calloc(1, 1);
        if (!record->vm_spec->xml) {
            return error_set(err, -ENOMEM, "out of memory");
        }
    }
    *ret = TAKE(record);
    return 0;
}

int wire_record_decode(const struct record_key *key, const void *bytes, size_t size,
                       struct record **ret, struct error *err)
{
    json_t *json = NULL;
    int r = wire_json_parse(bytes, size, &json, err);
    if (r < 0) {
        return r;
    }
    r = wire_record_from_json(key, json, 0, ret, err);
    json_decref(json);
    return r;
}
