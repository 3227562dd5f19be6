/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/record.h"

#include "wire/out.h"
#include "wire/shape.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int wire_record_write(struct buf *json, const struct record *record, const char *without,
                      struct error *err)
{
    struct error cause = {0};
    size_t before = json->size;
    buf_char(json, '{');
    out_number(json, "schema", wire_schema); /* first, where a reader looks for it */
    int r = shape_write(json, shape_of(record->key.kind), record->any, without, &cause);
    buf_char(json, '}');
    if (r == 0 && json->failed) {
        r = error_set(&cause, -ENOMEM, "out of memory");
    } else if (r == 0 && json->size - before > wire_document_size_max) {
        r = error_set(&cause, -ERANGE, "the document has %zu bytes; at most %d are allowed",
                      json->size - before, wire_document_size_max);
    }
    if (r < 0) {
        buf_truncate(json, before);
        return error_set(err, r, "%s", cause.text);
    }
    return 0;
}

int wire_record_encode(const struct record *record, struct buf *json, struct error *err)
{
    size_t before = json->size;
    int r = wire_record_write(json, record, NULL, err);
    if (r < 0 || !record->unknown) {
        return r;
    }
    buf_truncate(json, json->size - 1); /* its last brace */
    buf_printf(json, ",%s}", record->unknown);
    if (json->failed || json->size - before > wire_document_size_max) {
        buf_truncate(json, before);
        return error_set(err, -ERANGE,
                         "with what a newer version wrote, the document is too large: at most %d "
                         "bytes are allowed",
                         wire_document_size_max);
    }
    return 0;
}

/* Members that this version does not know, into the record. */
static int keep_unknown(struct record *record, const json_t *json, struct error *err)
{
    const struct shape *shape = shape_of(record->key.kind);
    json_t *unknown = NULL, *value;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)json, name, value) {
        if (strcmp(name, "schema") != 0 && !shape_has(shape, name)) {
            unknown = unknown ? unknown : json_object();
            (void)json_object_set(unknown, name, value);
        }
    }
    char *text = unknown ? json_dumps(unknown, JSON_COMPACT) : NULL;
    bool is_lost = unknown && !text;
    json_decref(unknown);
    if (is_lost) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    if (text) { /* without its braces */
        size_t len = strlen(text);
        memmove(text, text + 1, len - 2);
        text[len - 2] = '\0';
        record->unknown = text;
    }
    return 0;
}

json_t *wire_record_to_json(const struct record *record, struct error *err)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (wire_record_write(&text, record, NULL, err) < 0) {
        return NULL;
    }
    json_t *json = json_loadb(text.data, text.size, 0, NULL);
    if (!json) {
        (void)error_set(err, -ENOMEM, "out of memory");
    }
    return json;
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
    /* Never NULL in a record that is read. */
    if (key->kind == RECORD_VM_SPEC && !record->vm_spec->xml) {
        record->vm_spec->xml = calloc(1, 1);
        if (!record->vm_spec->xml) {
            return error_set(err, -ENOMEM, "out of memory");
        }
    }
    *ret = TAKE(record);
    return 0;
}

/* Orders name an epoch, and 0 is none: it would be an order about every instance of the VM. The
 * copy of a live move is always later than the VM. A state that is only planned with may do
 * without. */
static int check_epochs(const struct record *record, struct error *err)
{
    const struct vm_placement *p =
        record->key.kind == RECORD_VM_PLACEMENT ? record->placement : NULL;
    if ((p && p->phase != PLACEMENT_NONE && p->epoch == 0) ||
        (record->key.kind == RECORD_VM_INCOMING && record->incoming->epoch == 0)) {
        return error_set(err, -EBADMSG, "epoch: a number from 1 on is wanted here");
    }
    if (p && p->handover != HANDOVER_NONE && p->epoch_last <= p->epoch) {
        return error_set(err, -EBADMSG, "epoch_last: must be later than epoch in a live move");
    }
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
    CLEANUP(record_unrefp) struct record *record = NULL;
    r = wire_record_from_json(key, json, 0, &record, err);
    r = r < 0 ? r : check_epochs(record, err);
    r = r < 0 ? r : keep_unknown(record, json, err);
    json_decref(json);
    if (r == 0) {
        *ret = TAKE(record);
    }
    return r;
}

const char *wire_policy_field(enum record_kind kind, size_t index)
{
    const struct shape *shape = shape_of(kind);
    for (size_t i = 0; i < shape->len; i++) {
        if (shape->fields[i].is_policy && index-- == 0) {
            return shape->fields[i].name;
        }
    }
    return NULL;
}
