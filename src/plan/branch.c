/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/branch.h"

#include <string.h>

struct branch {
    struct problem *problem;
    int64_t *room;     /* [bin * dims] */
    int64_t *total;    /* [dims]: all that is left */
    uint32_t *at;      /* per item */
    uint32_t *ties_in; /* per bin: items with ties in it */
    uint32_t *left;    /* per class: left out so far */
    uint32_t *floor;   /* per class: left out at least, whatever the others do */
    uint32_t *best;    /* per class: left out by the best answer so far */
    int64_t *sums;   /* sums of the smallest needs of an item's class from it on, see sums_make() */
    size_t *sums_at; /* per item, into 'sums' */
    uint32_t *class_end; /* per class: the item after its last */
    uint64_t steps, steps_max;
};

/* ---- bounds ---- */

/* Of 'len' items, whose smallest needs add up to sums[0], sums[1] ..., so many find no room. */
static uint32_t too_many(const int64_t *sums, uint32_t len, int64_t room)
{
    uint32_t low = 0, high = len;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sums[middle] <= room) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return len - low;
}

/* At least so many of 'item' and the rest of its class are left out, by all room that is left. */
static uint32_t bound_of(const struct branch *branch, uint32_t item)
{
    const struct problem *problem = branch->problem;
    uint32_t len = branch->class_end[problem->class[item]] - item, bound = 0;
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        const int64_t *sums = branch->sums + branch->sums_at[item] + (size_t)dim * len;
        bound = MAX(bound, too_many(sums, len, branch->total[dim]));
    }
    return bound;
}

/* Whether what is left out so far, and must be from 'item' on, is already no better than the best.
 */
static bool is_hopeless(const struct branch *branch, uint32_t item)
{
    const struct problem *problem = branch->problem;
    uint32_t class = item < problem->item_len ? problem->class[item] : problem->class_len;
    for (uint32_t i = 0; i < problem->class_len; i++) {
        uint32_t least = branch->left[i];
        if (i == class) {
            least += bound_of(branch, item);
            least = MAX(least, branch->floor[i]);
        } else if (i > class) {
            least = branch->floor[i];
        }
        if (least != branch->best[i]) {
            return least > branch->best[i];
        }
    }
    return true;
}

static int compare_need(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* For each item and dimension, the needs from it to the end of its class, ascending, added up. */
static void sums_make(struct branch *branch)
{
    const struct problem *problem = branch->problem;
    size_t at = 0;
    for (uint32_t item = 0; item < problem->item_len; item++) {
        uint32_t len = branch->class_end[problem->class[item]] - item;
        branch->sums_at[item] = at;
        for (uint32_t dim = 0; dim < problem->dim_len; dim++, at += len) {
            int64_t *sums = branch->sums + at;
            for (uint32_t i = 0; i < len; i++) {
                sums[i] = item_need(problem, item + i)[dim];
            }
            qsort(sums, len, sizeof(*sums), compare_need);
            for (uint32_t i = 1; i < len; i++) {
                sums[i] += sums[i - 1];
            }
        }
    }
}

/* ---- branching ---- */

static bool fits(struct branch *branch, uint32_t item, uint32_t bin)
{
    const struct problem *problem = branch->problem;
    const int64_t *need = item_need(problem, item);
    const int64_t *room = branch->room + (size_t)bin * problem->dim_len;
    branch->steps++;
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        if (need[dim] > room[dim]) {
            return false;
        }
    }
    return item_may(problem, item, bin) && problem_ties_allow(problem, branch->at, item, bin);
}

static void move(struct branch *branch, uint32_t item, uint32_t bin, bool is_in)
{
    const struct problem *problem = branch->problem;
    const int64_t *need = item_need(problem, item);
    bool is_tied = problem->tie_first[item] < problem->tie_first[item + 1];
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        int64_t change = is_in ? -need[dim] : need[dim];
        branch->room[(size_t)bin * problem->dim_len + dim] += change;
        branch->total[dim] += change;
    }
    branch->ties_in[bin] += is_in ? is_tied : -(uint32_t)is_tied;
    branch->at[item] = is_in ? bin : PLAN_NONE;
}

/* Whether a bin before this one, that takes the item as well, would lead to the same. */
static bool is_repeated(struct branch *branch, uint32_t item, uint32_t bin)
{
    const struct problem *problem = branch->problem;
    size_t dims = problem->dim_len;
    for (uint32_t k = 0; k < bin && branch->ties_in[bin] == 0; k++) {
        if (problem->kind[k] == problem->kind[bin] && branch->ties_in[k] == 0 &&
            memcmp(branch->room + k * dims, branch->room + bin * dims,
                   dims * sizeof(*branch->room)) == 0 &&
            item_may(problem, item, k)) {
            return true;
        }
    }
    return false;
}

/* The item before this one that is its twin; PLAN_NONE. */
static uint32_t twin_before(const struct problem *problem, uint32_t item)
{
    for (uint32_t i = item; problem->twin[item] != item && i-- > 0;) {
        if (problem->twin[i] == problem->twin[item]) {
            return i;
        }
    }
    return PLAN_NONE;
}

static uint64_t left_over(const struct branch *branch, uint32_t bin)
{
    const struct problem *problem = branch->problem;
    uint64_t left = 0;
    /* Pools weigh most: they are what is scarce. */
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        int64_t room = branch->room[(size_t)bin * problem->dim_len + dim];
        left += (uint64_t)room << (dim < 2 ? 0 : 32);
    }
    return left;
}

static enum search_result branch_from(struct branch *branch, uint32_t item);

static enum search_result leave_out(struct branch *branch, uint32_t item)
{
    uint32_t class = branch->problem->class[item];
    branch->left[class]++;
    enum search_result result = branch_from(branch, item + 1);
    branch->left[class]--;
    return result;
}

/* Tries every bin for 'item', the fullest first, then none. Bins before that of a twin are skipped:
 * with the two exchanged they have been tried. */
static enum search_result branch_item(struct branch *branch, uint32_t item)
{
    const struct problem *problem = branch->problem;
    uint32_t twin = twin_before(problem, item);
    uint32_t first = twin != PLAN_NONE ? branch->at[twin] : 0;
    uint64_t last_left = 0;
    uint32_t last_bin = PLAN_NONE;
    while (first != PLAN_NONE) {
        uint32_t best = PLAN_NONE;
        uint64_t best_left = UINT64_MAX;
        for (uint32_t bin = first; bin < problem->bin_len; bin++) {
            uint64_t left = left_over(branch, bin);
            bool is_after =
                last_bin == PLAN_NONE || left > last_left || (left == last_left && bin > last_bin);
            if (is_after && left < best_left && fits(branch, item, bin)) {
                best = bin;
                best_left = left;
            }
        }
        if (best == PLAN_NONE) {
            break;
        }
        last_bin = best;
        last_left = best_left;
        if (is_repeated(branch, item, best)) {
            continue;
        }
        move(branch, item, best, true);
        enum search_result result = branch_from(branch, item + 1);
        move(branch, item, best, false);
        if (result != SEARCH_NO) {
            return result;
        }
    }
    return leave_out(branch, item);
}

static enum search_result branch_from(struct branch *branch, uint32_t item)
{
    const struct problem *problem = branch->problem;
    if (branch->steps > branch->steps_max) {
        return SEARCH_UNKNOWN;
    }
    if (is_hopeless(branch, item)) {
        return SEARCH_NO;
    }
    if (item < problem->item_len) {
        return branch_item(branch, item);
    }
    memcpy(branch->best, branch->left, problem->class_len * sizeof(*branch->best));
    memcpy(problem->at, branch->at, problem->item_len * sizeof(*branch->at));
    return SEARCH_NO; /* go on: there may be a better one yet */
}

/* ---- the beginning ---- */

enum { sums_size_max = 32 * 1024 * 1024 };

static bool branch_init(struct branch *branch)
{
    const struct problem *problem = branch->problem;
    size_t items = problem->item_len, bins = problem->bin_len, dims = problem->dim_len;
    size_t sums = 0;
    branch->class_end = calloc(problem->class_len + 1, sizeof(*branch->class_end));
    if (!branch->class_end) {
        return false;
    }
    for (uint32_t item = 0; item < items; item++) {
        branch->class_end[problem->class[item]] = item + 1;
    }
    for (uint32_t item = 0; item < items; item++) {
        sums += (branch->class_end[problem->class[item]] - item) * dims;
    }
    if (sums * sizeof(*branch->sums) > sums_size_max) {
        return false;
    }
    branch->room = malloc((bins * dims + 1) * sizeof(*branch->room));
    branch->total = calloc(dims + 1, sizeof(*branch->total));
    branch->at = malloc((items + 1) * sizeof(*branch->at));
    branch->ties_in = calloc(bins + 1, sizeof(*branch->ties_in));
    branch->left = calloc(problem->class_len + 1, sizeof(*branch->left));
    branch->best = calloc(problem->class_len + 1, sizeof(*branch->best));
    branch->floor = calloc(problem->class_len + 1, sizeof(*branch->floor));
    branch->sums = malloc((sums + 1) * sizeof(*branch->sums));
    branch->sums_at = malloc((items + 1) * sizeof(*branch->sums_at));
    return branch->room && branch->total && branch->at && branch->ties_in && branch->left &&
           branch->best && branch->floor && branch->sums && branch->sums_at;
}

static void branch_done(struct branch *branch)
{
    free(branch->room);
    free(branch->total);
    free(branch->at);
    free(branch->ties_in);
    free(branch->left);
    free(branch->best);
    free(branch->floor);
    free(branch->sums);
    free(branch->sums_at);
    free(branch->class_end);
}

static void branch_begin(struct branch *branch)
{
    const struct problem *problem = branch->problem;
    size_t cells = (size_t)problem->bin_len * problem->dim_len;
    memcpy(branch->room, problem->room, cells * sizeof(*branch->room));
    memset(branch->at, 0xff, problem->item_len * sizeof(*branch->at));
    for (size_t i = 0; i < cells; i++) {
        branch->total[i % problem->dim_len] += branch->room[i];
    }
    sums_make(branch);
    problem_count_left(problem, problem->at, branch->best);
    for (uint32_t item = 0; item < problem->item_len; item++) {
        uint32_t class = problem->class[item];
        if (item == 0 || class != problem->class[item - 1]) {
            branch->floor[class] = bound_of(branch, item);
        }
    }
}

enum search_result branch(struct problem *problem, uint64_t steps_max, uint64_t *steps)
{
    struct branch search = {.problem = problem, .steps_max = steps_max};
    enum search_result result = SEARCH_UNKNOWN;
    if (branch_init(&search)) {
        branch_begin(&search);
        result = branch_from(&search, 0);
    }
    *steps += search.steps;
    branch_done(&search);
    return result;
}
