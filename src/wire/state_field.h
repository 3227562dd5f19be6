/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Single fields of a state file, read strictly. Private to state.c. */
#pragma once

#include "wire/state.h"

#include <jansson.h>

/* Where the reader stands, for its complaints: "vms[3]" and the field below it. */
struct place {
    const char *list; /* "nodes", "vms"; NULL: the document itself */
    size_t index;
    struct error *err;
};

/* -EBADMSG with "vms[3].field: <formatted>". */
int field_complain(const struct place *place, const char *field, const char *format, ...)
    PRINTF_LIKE(3, 4);
int field_no_memory(const struct place *place);

/* Each returns 0 or an error. '*ret' stays as it is where the field is absent. */

/* Refuses fields that are not in 'known' (names between blanks): a misspelt one would be ignored.
 */
int field_check_known(const struct place *place, const json_t *object, const char *known);
int field_u64(const struct place *place, const json_t *object, const char *field, uint64_t max,
              uint64_t *ret);
int field_u32(const struct place *place, const json_t *object, const char *field, uint32_t max,
              uint32_t *ret);
/* Likewise field "'map'.'name'", where 'map' is the object of that name: a count of a pool. */
int field_count(const struct place *place, const char *map, const json_t *counts, const char *name,
                uint32_t max, uint32_t *ret);
int field_bool(const struct place *place, const json_t *object, const char *field, bool *ret);
/* '*ret' is lent by 'object'. */
int field_text(const struct place *place, const json_t *object, const char *field,
               const char **ret);
/* The "name" of a 'what', which must be there and be allowed. */
int field_name(const struct place *place, const json_t *object, const char *what,
               char ret[name_size]);
int field_labels(const struct place *place, const json_t *object, state_labels_t *ret);
/* The field as an array; NULL if it is absent. */
int field_array(const struct place *place, const json_t *object, const char *field,
                const json_t **ret);
/* The field as an object; NULL if it is absent. */
int field_object(const struct place *place, const json_t *object, const char *field,
                 const json_t **ret);
/* jansson iterates only what it could change. */
json_t *field_iterable(const json_t *json);
