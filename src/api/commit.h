/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a change ends: its audit event goes into the transaction, its sentence into the answer. */
#pragma once

#include "api/call.h"

/* What is told of a change; its facts are to be filled in. */
struct note call_note(enum note_code code, const char *subject);

/* Ends a change: 'note' becomes the audit event, and the answer, once it is committed, is
 * {"message": its sentence, "subject": ...}. */
void call_commit(struct api_call *call, const struct note *note);
/* The same with more to say: 'extra' (taken over, may be NULL) is merged into the answer. */
void call_commit_with(struct api_call *call, unsigned status, json_t *extra,
                      const struct note *note);
