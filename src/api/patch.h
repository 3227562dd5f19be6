/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A JSON object of new values into a record of the caller. */
#pragma once

#include "api/call.h"

/* Changes the fields of 'record' that 'json' has, all of which must be among the 'len' names of
 * 'fields'. False: it is answered with 400 and the path of the fault; 'record' is to be thrown
 * away. */
bool patch_apply(struct api_call *call, struct record *record, const json_t *json,
                 const char *const *fields, size_t len);

/* What the members of 'json' changed: "priority 2000 -> 100, apart as it was"; no secrets. 'before'
 * may be NULL: the defaults. */
void patch_tell(const struct record *before, const struct record *after, const json_t *json,
                struct buf *ret);
