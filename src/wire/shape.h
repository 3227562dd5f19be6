/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a struct looks like as JSON: one table of fields a struct, which drives reading and writing.
 * Private to src/wire and its tests.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "model/record.h"

#include <jansson.h>

enum field_type {
    FIELD_TEXT,      /* char[size], NUL terminated */
    FIELD_HEAP_TEXT, /* char *, at most 'max' bytes; NULL is "" */
    FIELD_BOOL,
    FIELD_INTEGER,    /* 'size' bytes, within [min, max] */
    FIELD_HEX,        /* the same, as text of 'digits' hexadecimal digits: "10de" */
    FIELD_ENUM,       /* by its word */
    FIELD_ENUM_OPEN,  /* the same; an unknown word is 'other', its text that at 'len_offset' */
    FIELD_FLAGS,      /* uint32_t, one bit a word: ["flr", "bus"] */
    FIELD_ADDRESS,    /* struct pci_address: "0000:65:00.0" */
    FIELD_SLOT,       /* struct gpu_slot: "0000:65:00.0+PARTITION" */
    FIELD_SLOT_MAYBE, /* the same, null unless the bool at 'len_offset' is set */
    FIELD_STRUCT,     /* an object of 'shape' */
    FIELD_VEC,        /* VEC() of 'item', at most 'max' */
    FIELD_ARRAY, /* array of 'item', at most 'max'; its length is the uint32_t at 'len_offset' */
    FIELD_ARRAY_FULL, /* array of 'item', always 'max' of them */
    FIELD_MAP,        /* VEC() of pairs of texts, at most 'max': {"key": "value"} */
};

/* Any VEC() looks like this. */
struct any_vec {
    char *items;
    size_t len;
    size_t capacity;
};

struct field {
    const char *name; /* in JSON; NULL for an array's item */
    enum field_type type;
    uint32_t offset;
    uint32_t size; /* of the member; of an item, for arrays, vectors and maps */
    uint32_t len_offset;
    uint32_t digits;
    bool is_signed;
    int64_t min, max;
    const char *const *words;
    uint32_t word_len;
    uint32_t other; /* FIELD_ENUM_OPEN: the value of a word that is none of them */
    const struct field *item;
    const struct shape *shape; /* of a struct; of a map's pair */
    const char *about;         /* what it means, for /openapi.json */
    const char *name_of;       /* a text that is the name of such a thing (name_check()) */
    bool is_required;
    bool is_sparse; /* not written if it is "" or 0 */
    bool is_policy; /* of a record: an administrator sets it (WIRE_POLICY_ONLY) */
};

struct shape {
    const struct field *fields;
    size_t len;
    size_t size;          /* of the struct */
    const void *fallback; /* what missing fields of a new item are; NULL: zero */
};

/* shape_fence.c: of parts of a node's spec and inventory, of RECORD_NODE_KEY and RECORD_FENCE_TEST.
 */
extern const struct shape shape_of_fence_parameter, shape_of_fence_device, shape_of_node_key;
extern const struct shape shape_of_fence_test;
extern const struct field item_of_fence_tests;
/* shape_bound.c: of inventories and VMs. */
extern const struct field item_of_networks, item_of_binds;
/* The shape of the value of each kind of record. */
const struct shape *shape_of(enum record_kind kind);

/* Of struct cause: all of it, and its parameters alone. */
extern const struct shape *const shape_of_cause, *const shape_of_parameters;

/* The members of 'value' into an object that out_open() began, but 'without' (NULL: all). -ERANGE:
 * a value that JSON cannot carry; half of it may be written then. Memory: buf->failed. */
int shape_write(struct buf *buf, const struct shape *shape, const void *value, const char *without,
                struct error *err);

/* Frees what 'value' holds, and wipes it: it may hold a password. */
void shape_done(const struct shape *shape, void *value);

/* The JSON Schema; the caller's. NULL without memory. 'flags': WIRE_REFUSE_UNKNOWN closes it,
 * WIRE_POLICY_ONLY leaves only such fields in it. */
json_t *shape_schema(const struct shape *shape, unsigned flags);

/* Whether it has a field of that name. */
bool shape_has(const struct shape *shape, const char *name);

/* Changes the fields of 'value' that 'json' has. 'flags': enum wire_json_flags. -EBADMSG with the
 * place of the first fault; -ENOMEM. */
int shape_read(const struct shape *shape, const json_t *json, unsigned flags, void *value,
               struct error *err);

/* The same; the fields that 'json' has, by their place in the table, into '*ret_given'. */
int shape_read_given(const struct shape *shape, const json_t *json, unsigned flags, void *value,
                     uint64_t *ret_given, struct error *err);
