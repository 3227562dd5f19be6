/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/solve.h"

#include "base/cleanup.h"
#include "plan/branch.h"
#include "plan/pack.h"

#include <stdlib.h>
#include <string.h>

/*
 * Three attempts. All at once: bin completion, strong where room is tight. All but a few: the
 * search is left room to breathe by leaving out the biggest of the lowest priority, which are as
 * many as any; as few as will do. And branch and bound, which gets through small problems and
 * proves what it says.
 */
struct solver {
    struct problem *problem;
    bool *is_left_out;
    uint32_t *answer; /* the best so far */
    uint32_t *left;   /* per class, by that */
    uint32_t *other;  /* per class */
    uint64_t *steps;
};

/* Marks the 'count' items that go first: of the lowest class the biggest. False if that is no
 * better than the best answer so far. */
static bool mark_left_out(struct solver *solver, uint32_t count)
{
    const struct problem *problem = solver->problem;
    memset(solver->is_left_out, 0, problem->item_len * sizeof(*solver->is_left_out));
    memset(solver->other, 0, problem->class_len * sizeof(*solver->other));
    for (uint32_t end = problem->item_len; end > 0 && count > 0;) {
        uint32_t first = end;
        while (first > 0 && problem->class[first - 1] == problem->class[end - 1]) {
            first--;
        }
        for (uint32_t item = first; item < end && count > 0; item++, count--) {
            solver->is_left_out[item] = true;
            solver->other[problem->class[item]]++;
        }
        end = first;
    }
    for (uint32_t i = 0; i < problem->class_len; i++) {
        if (solver->other[i] != solver->left[i]) {
            return count == 0 && solver->other[i] < solver->left[i];
        }
    }
    return false;
}

static void adopt(struct solver *solver)
{
    memcpy(solver->answer, solver->problem->at,
           solver->problem->item_len * sizeof(*solver->answer));
    problem_count_left(solver->problem, solver->answer, solver->left);
}

/* Whether all but the marked ones were placed. */
static bool pack_marked(struct solver *solver, uint64_t steps_max)
{
    if (pack_all(solver->problem, solver->is_left_out, steps_max, solver->steps) != SEARCH_YES) {
        return false;
    }
    adopt(solver);
    return true;
}

/* Leaves out 1, 2, 4 ... until the others fit, then as few as between that and the last failure. */
static void pack_most(struct solver *solver, uint64_t steps_max)
{
    uint32_t too_few = 0, enough = 1;
    while (mark_left_out(solver, enough) && !pack_marked(solver, steps_max)) {
        too_few = enough;
        enough *= 2;
    }
    while (too_few + 1 < enough) {
        uint32_t middle = too_few + (enough - too_few) / 2;
        if (mark_left_out(solver, middle) && pack_marked(solver, steps_max)) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
}

static enum search_result solve_with(struct solver *solver, uint64_t steps_max)
{
    struct problem *problem = solver->problem;
    uint64_t end = *solver->steps + steps_max;
    adopt(solver);
    if (pack_all(problem, NULL, steps_max / 4, solver->steps) == SEARCH_YES) {
        adopt(solver);
        return SEARCH_NO;
    }
    pack_most(solver, steps_max / 8);
    memcpy(problem->at, solver->answer, problem->item_len * sizeof(*solver->answer));
    uint64_t used = MIN(*solver->steps, end);
    enum search_result result = branch(problem, MAX(end - used, steps_max / 4), solver->steps);
    adopt(solver);
    return result;
}

enum search_result solve(struct problem *problem, uint64_t steps_max, uint64_t *steps)
{
    CLEANUP(freep) bool *is_left_out = calloc(problem->item_len + 1, sizeof(*is_left_out));
    CLEANUP(freep) uint32_t *answer = calloc(problem->item_len + 1, sizeof(*answer));
    CLEANUP(freep) uint32_t *left = calloc(problem->class_len + 1, sizeof(*left));
    CLEANUP(freep) uint32_t *other = calloc(problem->class_len + 1, sizeof(*other));
    if (!is_left_out || !answer || !left || !other) {
        return SEARCH_UNKNOWN;
    }
    struct solver solver = {problem, is_left_out, answer, left, other, steps};
    enum search_result result = solve_with(&solver, steps_max);
    memcpy(problem->at, answer, problem->item_len * sizeof(*answer));
    return result;
}
