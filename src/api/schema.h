/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What requests and answers look like: a short notation (schemas.c), from which the JSON Schemas of
 * /openapi.json are made.
 *
 *     "name:s count?:i state:=vm_state needs:[Need] labels:{s} placement:~VmPlacement"
 *
 * Members by name; '?': may be left out. Types: s text, i whole number, b boolean, any; [T] array,
 * {T} object of any names, =LIST one of a list of words, ~T or null, else the name of a schema.
 * "&Other ..." begins with the members of another. "%KIND ..." takes the members of that name from
 * the record's own table of fields, all of which may be left out; without names, all of them.
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

/* {"Vm": {...}, ...}: all of 'schemas'. */
json_t *schema_all(void);
