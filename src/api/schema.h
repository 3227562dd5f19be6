/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What answers look like: a short notation (schemas.c), from which the JSON Schemas of
 * /openapi.json are made. Requests have tables of their own (requests.h).
 *
 *     "name:s count?:i state:=vm_state needs:[Need] labels:{s} placement:~VmPlacement"
 *
 * Members by name; '?': may be left out. Types: s text, i whole number, b boolean, any; [T] array,
 * {T} object of any names, =LIST one of a list of words, ~T or null, else the name of a schema.
 * "&Other ..." begins with the members of another. "%KIND": the record's own table of fields.
 * Answers are open: a field that is new breaks no client.
 */
#pragma once

#include "base/types.h"

#include <jansson.h>

struct schema {
    const char *name;
    const char *notation;
};

extern const struct schema schemas[];
extern const size_t schemas_len;

/* The words of a list such as "vm_state", as a JSON array; NULL: there is none of that name. */
json_t *schema_words(const char *list);

/* The type in 'notation' (one type, not members) as JSON Schema. A mistake in it is an assert. */
json_t *schema_of_type(const char *notation);

/* The members of an answer's schema, by name, with their types; a new object. */
json_t *schema_members(const char *name);

/* {"Vm": {...}, ...}: all of 'schemas' and all requests. */
json_t *schema_all(void);
