/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The API as a function: a request and what is known of the cluster go in; an answer comes out, and
 * with it, where the request changes something, the store transaction that must commit before the
 * answer may be sent. Pure: no I/O, no clock; src/run/api_server joins it with HTTP and the store.
 *
 * The API writes what administrators want (settings, node specs, pools, VM specs) and an audit
 * event with it in the same transaction; berthd makes it so. Each write is guarded by the revisions
 * that the decision was made on.
 */
#pragma once

#include "api/exchange.h"

enum { api_etag_size = 48 };
/* The ETag: "REVISION-HASH"; of a change "REVISION". */
const char *api_etag_text(const struct api_answer *answer, char ret[api_etag_size]);

/* '*ret' is filled from scratch; the caller ends it with api_answer_done(). 'view' and 'request'
 * are borrowed. Whatever the request holds, there is an answer. */
void api_handle(const struct api_view *view, const struct api_request *request,
                struct api_answer *ret);

/* An audit event of what is no change: a login that failed. 'ret' has a transaction and no body. */
void api_note(const struct api_view *view, const struct api_request *request,
              const struct note *note, struct api_answer *ret);

/* One event as the server-sent event that tells it: "id: ...\ndata: ...\n\n". */
void api_event_text(const struct record *event, struct buf *ret);
