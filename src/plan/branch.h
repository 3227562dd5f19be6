/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Not all items fit: which are left out? Branch and bound in the order of placing, every bin
 * and at last none for each item, for the fewest left out, class by class.
 */
#pragma once

#include "plan/problem.h"

/*
 * Looks for an answer that is better than problem->at and puts it there. Looks at an item on a bin
 * at most 'steps_max' times; how often it did is added to '*steps'. NO: nothing is better than what
 * problem->at holds now, found here or not. UNKNOWN: something may be.
 */
enum search_result branch(struct problem *problem, uint64_t steps_max, uint64_t *steps);
