/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cause in an answer: a stable code and its parameters for programs, a sentence for people. Here,
 * at the edge, is where causes become sentences; programs compare the code.
 */
#pragma once

#include "base/buf.h"
#include "model/facts.h"
#include "model/record.h"

#include <jansson.h>

/* Adds "NAME", "NAME_code", "NAME_parameters" to the object that is being written. */
void because_write(struct buf *out, const char *name, const struct cause *cause);
/* The same to a tree. */
void because_put(json_t *object, const char *name, const struct cause *cause);

/* The parameters alone; the caller's. */
json_t *because_parameters(const struct cause *cause);

/* {"subject", "code", "parameters", "text"} as an element. */
void because_write_reason(struct buf *out, const char *subject, const struct cause *cause);
/* "reasons": why the coordinator found no place, host by host; NULL: none. */
void because_write_reasons(struct buf *out, const struct vm_placement *placement);
/* The same as because_write_reason(), as a tree; the caller's. */
json_t *because_reason(const char *subject, const struct cause *cause);
