/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The best answer to a packing problem that a bounded search finds. */
#pragma once

#include "plan/problem.h"

/* Replaces the answer in problem->at by a better one, if it finds one in about 'steps_max' steps;
 * how many it took is added to '*steps'. NO: proven, there is no better one than now. Else UNKNOWN.
 */
enum search_result solve(struct problem *problem, uint64_t steps_max, uint64_t *steps);
