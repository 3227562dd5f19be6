/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes that may be asked for again: a request with the header Idempotency-Key whose change was
 * committed gets the first answer again, from whichever berth-api, as long as the change's event is
 * kept; nothing is done twice. Two at the same moment are safe, too: both guard what they write, so
 * one is refused, handled again, and finds the other's event.
 */
#pragma once

#include "api/call.h"

/* Whether the request is answered by this: with the first answer, or since its key is no good. */
bool repeat_answers(struct api_call *call);

/* Keeps the answer that 'call' has now in 'event', if the request has a key. False without memory.
 */
bool repeat_keep(const struct api_call *call, struct event_record *event);
