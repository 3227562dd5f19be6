/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON body of a request, read field by field and strictly. The first fault is kept, with its
 * path; after it every reader says 'absent'. Ask for all fields, then once whether it was good:
 *
 *     CLEANUP(body_done) struct body body;
 *     body_init(&body, call);
 *     const char *pool = body_name(&body, "pool", "pool");
 *     if (!body_end(&body, call)) { return; }            answered with 400
 */
#pragma once

#include "api/call.h"

enum { body_fields_max = 32 };

struct body {
    json_t *root;                       /* an object; NULL: there was none */
    const char *asked[body_fields_max]; /* fields that some reader knows; static */
    size_t asked_len;
    const char *missing; /* the first that must be there and is not */
    struct error fault;  /* its code says whether there is one ... */
    struct buf words;    /* ... and this what it is, in full */
    struct buf known;
};

/* An empty body is an empty object. */
void body_init(struct body *body, const struct api_call *call);
void body_done(struct body *body);

/* Absent: NULL, false or 0 elements. Texts are lent until body_done(). 'field' is static. */
const char *body_text(struct body *body, const char *field, size_t size_max);
const char *body_name(struct body *body, const char *field, const char *what);
bool body_bool(struct body *body, const char *field, bool *ret);
bool body_number(struct body *body, const char *field, uint64_t min, uint64_t max, uint64_t *ret);
/* An array or an object, whose elements the caller reads; NULL if absent. */
json_t *body_array(struct body *body, const char *field, size_t len_max);
json_t *body_object(struct body *body, const char *field, size_t len_max);

/* Somebody else reads that field. */
void body_know(struct body *body, const char *field);
/* The field's presence, without reading it. */
bool body_has(struct body *body, const char *field);
/* A fault at 'path' ("$.members[2].node"); kept if it is the first. */
void body_fault(struct body *body, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);
/* The field must be there. */
void body_need(struct body *body, const char *field);

/* "there are: name, type" into 'ret'; its text. */
const char *fields_text(const char *const *fields, size_t len, struct buf *ret);

/* Whether all was good and nobody sent a field that was not asked for; else it is answered. */
bool body_end(struct body *body, struct api_call *call);
