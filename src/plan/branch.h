/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Not all items fit: which shall be left out? Branch and bound in the order of placing, every bin
 * and at last none for each item, for the fewest left out, class by class.
 */
#pragma once

#include "plan/problem.h"

/*
 * Looks for an answer with fewer left out than 'best' (per class; replaced when one is found, with
 * the answer in problem->at). Looks at an item on a bin at most 'steps_max' times; how often it did
 * is added to '*steps'. NO: nothing better than what 'best' came with. YES: problem->at is the
 * best. UNKNOWN: it may be better, or not, than what 'best' came with; see 'best'.
 */
enum search_result branch(struct problem *problem, uint32_t *best, uint64_t steps_max,
                          uint64_t *steps);

/* Per class, how many items 'at' leaves out; 'ret' has room for class_len. */
void branch_count(const struct problem *problem, const uint32_t *at, uint32_t *ret);
/* Whether 'a' is better than 'b': fewer left out in the first class in which they differ. */
bool branch_is_better(const struct problem *problem, const uint32_t *a, const uint32_t *b);
