/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan as JSON, and as people read it. */
#pragma once

#include "cli/plan_file.h"

#include <jansson.h>
#include <stdio.h>

struct plan_result {
    struct plan plan;
    struct plan_survival survival; /* with the plan carried out */
    double plan_us;
};

/* The answer; the caller's (json_decref). NULL without memory. */
json_t *plan_answer(const struct plan_file *file, const struct plan_request *request,
                    const struct plan_result *result);
/* The same answer for people: nodes with one reason share a line. */
void plan_print(const json_t *answer, FILE *out);
