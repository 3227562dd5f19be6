/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan as JSON, and as people read it. */
#pragma once

#include "base/buf.h"
#include "cli/table.h"
#include "plan/question.h"

#include <jansson.h>
#include <stdio.h>

/* What the API answers, and besides what the cluster survives with the plan carried out, and how
 * long planning took. A new tree; NULL without memory. */
json_t *plan_answer(const struct plan_outcome *outcome, const struct plan_survival *survival,
                    double spent_us);
/* The same answer for people: nodes with one reason share a line. */
void plan_print(const json_t *answer, FILE *out);

/* Which VM goes where, and how, as a table; "none" without any. */
void placements_print(const json_t *placements, const struct table_look *look, const char *none,
                      FILE *out);
/* "live", or "by a restart: ...", of how a VM goes somewhere; "": 'object' does not say. */
void way_text(const json_t *object, struct buf *ret);
