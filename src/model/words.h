/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one place where codes become sentences. Linked at the edges only (journal, API, tools): what
 * decides has no words, and transcripts of decisions have none, so that rewording one changes
 * nothing else.
 */
#pragma once

#include "model/record.h"
#include "model/trouble.h"

enum { words_max = 1000 }; /* enough for every sentence with the longest parameters */

/* Into 'ret'; returns it. "" for CAUSE_NONE. */
const char *words_cause(const struct cause *cause, char ret[words_max]);
const char *words_note(const struct note *note, char ret[words_max]);
/* Of one that a later version wrote, with a code that is unknown here: its detail. */
const char *words_event(const struct event_record *event, char ret[words_max]);
/* Of 'words' as the tables have them. */
const char *words_made(const char *words, const char *subject, const struct facts *facts,
                       char ret[words_max]);
/* A problem as a sentence, and what to do about it; "" if its cause says that. */
const char *words_trouble(enum trouble_code code, const char *subject, const struct facts *facts,
                          char ret[words_max]);
const char *words_advice(enum trouble_code code, const char *subject, const struct facts *facts,
                         char ret[words_max]);
