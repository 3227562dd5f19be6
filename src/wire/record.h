/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records <-> their JSON documents, as the store holds them and the API serves them: one object,
 * "schema": 1, enum values by name, PCI addresses and devices as text, times in milliseconds.
 *
 * One table per struct (shapes.c) drives both directions. Reading: fields that are missing keep
 * their defaults; a wrong type, a number out of range, a text that is too long or an array with too
 * many elements is refused with the place of the fault ("gpus[3].address: ..."). Whether the values
 * make sense together (the relations of the settings, a pool's one model) is not asked here. Pure.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "model/record.h"

#include <jansson.h>

enum { wire_schema = 1 };

enum {
    /* etcd takes 1.5 MiB in one request by default. */
    wire_document_size_max = 2 * 1024 * 1024,
    wire_depth_max = 16,
    /* Values in one document: its tree costs at most some 30 MiB. */
    wire_values_max = 128 * 1024,
};

enum wire_json_flags {
    WIRE_REFUSE_UNKNOWN = 1 << 0, /* for people's input: a field we do not know is a typing error */
    WIRE_POLICY_ONLY = 1 << 1,    /* only what an administrator sets is a field */
    WIRE_NULL_IS_ABSENT = 1 << 2, /* as generated clients write what they leave out */
};

/* Parses one JSON object, of anybody: refuses what is no object, duplicate names, NULs, bad UTF-8,
 * and what exceeds the limits above. '*ret' is the caller's (json_decref). -EBADMSG, -ENOMEM. */
int wire_json_parse(const void *bytes, size_t size, json_t **ret, struct error *err);

/* The document of 'record' for the store, with what it has from a newer version, compact, added to
 * 'json'. Text that is not UTF-8 (a vendor's name, a
 * message cut in the middle of a character) is made so. -ERANGE: a number that JSON cannot carry
 * (above INT64_MAX) or the document is too large; -ENOMEM. */
int wire_record_encode(const struct record *record, struct buf *json, struct error *err);

/* The same for other readers: only what this version knows, and without the member 'without', a
 * value among others that wire/out.h writes. */
int wire_record_write(struct buf *json, const struct record *record, const char *without,
                      struct error *err);

/* Reads a document of the store. The record has revision 0 and one reference, the caller's.
 * -EBADMSG: refused, with the place; -ENOMEM. */
int wire_record_decode(const struct record_key *key, const void *bytes, size_t size,
                       struct record **ret, struct error *err);

/* The same as a tree; the caller's (json_decref). NULL with 'err' filled, as wire_record_encode. */
json_t *wire_record_to_json(const struct record *record, struct error *err);
int wire_record_from_json(const struct record_key *key, const json_t *json, unsigned flags,
                          struct record **ret, struct error *err);

/* The JSON Schema of a record's document; the caller's. NULL without memory. 'flags': as of
 * shape_schema(). */
json_t *wire_record_schema(enum record_kind kind, unsigned flags);

/* The name of the field of number 'index' among those that an administrator sets; NULL: there are
 * no more. */
const char *wire_policy_field(enum record_kind kind, size_t index);

/* Changes the fields that 'json' has and leaves the others: what a PATCH does. 'record' must be
 * the caller's alone (record_copy); after an error (-EBADMSG with the place, -ENOMEM) it is half
 * changed: throw it away. An array that is given replaces the old one. */
int wire_record_update(struct record *record, const json_t *json, unsigned flags,
                       struct error *err);

/* {"code": ..., and its parameters} as an element, or as the member 'name' unless that is NULL. */
void wire_cause_write(struct buf *json, const char *name, const struct cause *cause);
/* The parameters alone. */
void wire_parameters_write(struct buf *json, const char *name, const struct cause *cause);
/* The JSON Schema of that object; the caller's. NULL without memory. */
json_t *wire_parameters_schema(void);
/* -EBADMSG with the place of the first fault. */
int wire_cause_read(const json_t *json, struct cause *ret, struct error *err);
