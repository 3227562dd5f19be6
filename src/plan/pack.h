/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Do all items fit at once? Bin completion (Martello and Toth; Korf; in several dimensions): take
 * the item that is hardest to place, try each bin that could have it, and complete that bin in
 * every way that wastes no more room than can be wasted in all. Where room is tight nearly every
 * set of items wastes too much, which is what makes tight problems easy; where it is not, the first
 * completions lead to an answer.
 */
#pragma once

#include "plan/problem.h"

/* Packs all items but those that 'is_left_out' marks (may be NULL). Looks at an item on a bin at
 * most 'steps_max' times; how often it did is added to '*steps'. YES: problem->at has the packing.
 * NO, there is none; or UNKNOWN: problem->at means nothing. */
enum search_result pack_all(struct problem *problem, const bool *is_left_out, uint64_t steps_max,
                            uint64_t *steps);
