/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A JSON object of new values into a record of the caller. */
#pragma once

#include "api/call.h"

/*
 * Changes 'next' (taken over; NULL: out of memory), a draft of what is stored as 'stored' (NULL:
 * nothing), by the body of the request: fields that administrators set, by the record's own table.
 * The draft, the caller's, with what was changed in 'ret_what' ("priority 2000 -> 100, apart as it
 * was"; no secrets); NULL: it is answered. */
struct record *patch_read(struct api_call *call, const struct record *stored, struct record *next,
                          struct buf *ret_what);

/* The same with fields of 'json'; 'ret_what' may be NULL. */
struct record *patch_apply(struct api_call *call, const struct record *stored, struct record *next,
                           const json_t *json, struct buf *ret_what);
