/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Notes as people read them: lines for the journal, and event records in the store. What the store
 * cannot take now is kept and written later, the oldest dropped beyond a bound. The only place
 * where wall time is read: for the name of an event, never for a decision.
 */
#pragma once

#include "core/core.h"
#include "run/journal.h"
#include "run/store.h"

struct event_log;

/* 'node' is the writer. NULL without memory. */
struct event_log *event_log_new(sd_event *event, struct store *store, const char *node);
/* Writes nothing to the store while 'is_held'; what is noted meanwhile goes there later. */
void event_log_hold(struct event_log *log, bool is_held);
struct event_log *event_log_free(struct event_log *log);

/* A line in the journal, and a record on its way to the store. */
void event_log_note(struct event_log *log, const struct note *note);
