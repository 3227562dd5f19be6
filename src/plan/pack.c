/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/pack.h"

#include <string.h>

/* Bounds over the items of the list from one on. */
struct tail {
    int64_t sum, max, min;
};

struct pack {
    const struct problem *problem;
    int64_t *room;     /* [bin * dims], what is left */
    int64_t *slack;    /* [dims], what may still be wasted */
    uint32_t *at;      /* per item */
    bool *is_closed;   /* per bin */
    uint32_t *ties_in; /* per bin: items with ties in it; such a bin is like no other */
    /* The items not yet in a bin, the big ones first, as a list through an end mark 'item_len'. */
    uint32_t *next, *prev;
    struct tail *tails; /* [level * item_len * dims] by item */
    uint32_t *tried;    /* [level * bin_len] */
    double *weight;     /* per dimension: 1 / all room */
    uint32_t left_len;
    uint32_t best_left; /* of the largest part of a packing so far, which is in 'best' */
    uint32_t *best;
    uint64_t steps, steps_max;
};

static enum search_result place_hardest(struct pack *pack, uint32_t level);

/* ---- moving items ---- */

static void list_take(struct pack *pack, uint32_t item)
{
    pack->next[pack->prev[item]] = pack->next[item];
    pack->prev[pack->next[item]] = pack->prev[item];
    pack->left_len--;
}

/* Only in the reverse order of list_take(). */
static void list_put_back(struct pack *pack, uint32_t item)
{
    pack->next[pack->prev[item]] = item;
    pack->prev[pack->next[item]] = item;
    pack->left_len++;
}

static bool fits(struct pack *pack, uint32_t item, uint32_t bin)
{
    const struct problem *problem = pack->problem;
    const int64_t *need = item_need(problem, item);
    const int64_t *room = pack->room + (size_t)bin * problem->dim_len;
    pack->steps++;
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        if (need[dim] > room[dim]) {
            return false;
        }
    }
    return item_may(problem, item, bin) && problem_ties_allow(problem, pack->at, item, bin);
}

static void put_in(struct pack *pack, uint32_t item, uint32_t bin)
{
    const struct problem *problem = pack->problem;
    const int64_t *need = item_need(problem, item);
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        pack->room[(size_t)bin * problem->dim_len + dim] -= need[dim];
    }
    pack->at[item] = bin;
    pack->ties_in[bin] += problem->tie_first[item] < problem->tie_first[item + 1];
    list_take(pack, item);
}

static void take_out(struct pack *pack, uint32_t item)
{
    const struct problem *problem = pack->problem;
    const int64_t *need = item_need(problem, item);
    uint32_t bin = pack->at[item];
    list_put_back(pack, item);
    pack->ties_in[bin] -= problem->tie_first[item] < problem->tie_first[item + 1];
    pack->at[item] = PLAN_NONE;
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        pack->room[(size_t)bin * problem->dim_len + dim] += need[dim];
    }
}

/* ---- completing one bin ---- */

/* Bounds for every tail of the list as it is now. */
static void tails_make(struct pack *pack, uint32_t level)
{
    const struct problem *problem = pack->problem;
    uint32_t end = problem->item_len, dims = problem->dim_len;
    struct tail *tails = pack->tails + (size_t)level * end * dims;
    const struct tail *after = NULL;
    for (uint32_t item = pack->prev[end]; item != end; item = pack->prev[item]) {
        const int64_t *need = item_need(problem, item);
        struct tail *mine = tails + (size_t)item * dims;
        for (uint32_t dim = 0; dim < dims; dim++) {
            struct tail last = after ? after[dim] : (struct tail){0, 0, INT64_MAX};
            mine[dim] = (struct tail){last.sum + need[dim], MAX(last.max, need[dim]),
                                      MIN(last.min, need[dim])};
        }
        after = mine;
        pack->steps++;
    }
}

/* Whether items from 'item' on can fill 'bin' so far that not too much is wasted. */
static bool can_complete(const struct pack *pack, uint32_t bin, uint32_t item, uint32_t level)
{
    const struct problem *problem = pack->problem;
    uint32_t dims = problem->dim_len;
    const struct tail *tail = pack->tails + ((size_t)level * problem->item_len + item) * dims;
    const int64_t *room = pack->room + (size_t)bin * dims;
    int64_t count = problem->item_len; /* at most so many more go in */
    for (uint32_t dim = 0; dim < dims; dim++) {
        /* Pools only: the other needs are so fine that they say little, and dividing is slow. */
        if (tail[dim].min > 0 && room[dim] <= gpus_per_node_max) {
            count = MIN(count, room[dim] / tail[dim].min);
        }
    }
    for (uint32_t dim = 0; dim < dims; dim++) {
        int64_t most = MIN(tail[dim].sum, count * tail[dim].max);
        if (room[dim] - pack->slack[dim] > most) {
            return false;
        }
    }
    return true;
}

/* Leaves the rest of 'bin' empty and goes on, if so much may be wasted. */
static enum search_result close_bin(struct pack *pack, uint32_t bin, uint32_t level)
{
    const struct problem *problem = pack->problem;
    uint32_t dims = problem->dim_len, end = problem->item_len;
    const int64_t *waste = pack->room + (size_t)bin * dims;
    for (uint32_t dim = 0; dim < dims; dim++) {
        if (waste[dim] > pack->slack[dim]) {
            return SEARCH_NO;
        }
    }
    /* An item that would still go in may as well: from every packing that has it elsewhere it could
     * be moved here. Not so if that would bring it to, or away from, others. */
    for (uint32_t item = pack->next[end]; item != end; item = pack->next[item]) {
        if (problem->tie_first[item] == problem->tie_first[item + 1] && fits(pack, item, bin)) {
            return SEARCH_NO;
        }
    }
    for (uint32_t dim = 0; dim < dims; dim++) {
        pack->slack[dim] -= waste[dim];
    }
    pack->is_closed[bin] = true;
    enum search_result result = place_hardest(pack, level + 1);
    pack->is_closed[bin] = false;
    for (uint32_t dim = 0; dim < dims; dim++) {
        pack->slack[dim] += waste[dim];
    }
    return result;
}

/* Tries all sets of items from 'from' on in 'bin', those that have many first. */
static enum search_result complete_bin(struct pack *pack, uint32_t bin, uint32_t from,
                                       uint32_t level)
{
    const struct problem *problem = pack->problem;
    uint32_t tried = PLAN_NONE;
    for (uint32_t item = from; item != problem->item_len; item = pack->next[item]) {
        if (pack->steps > pack->steps_max) {
            return SEARCH_UNKNOWN;
        }
        if (!can_complete(pack, bin, item, level)) {
            break;
        }
        if (problem->twin[item] == tried || !fits(pack, item, bin)) {
            continue;
        }
        tried = problem->twin[item];
        put_in(pack, item, bin);
        enum search_result result = complete_bin(pack, bin, pack->next[item], level);
        take_out(pack, item);
        if (result != SEARCH_NO) {
            return result;
        }
    }
    return close_bin(pack, bin, level);
}

/* ---- from bin to bin ---- */

/* Number of open bins that take 'item', counted no further than 'enough'. */
static uint32_t choices_of(struct pack *pack, uint32_t item, uint32_t enough)
{
    uint32_t count = 0;
    for (uint32_t bin = 0; bin < pack->problem->bin_len && count < enough; bin++) {
        count += !pack->is_closed[bin] && fits(pack, item, bin);
    }
    return count;
}

/* The item with the fewest choices; among those the biggest. */
static uint32_t hardest_item(struct pack *pack, uint32_t *ret_choices)
{
    uint32_t end = pack->problem->item_len, hardest = PLAN_NONE, fewest = UINT32_MAX;
    for (uint32_t item = pack->next[end]; item != end && fewest > 0; item = pack->next[item]) {
        uint32_t choices = choices_of(pack, item, fewest);
        if (choices < fewest) {
            fewest = choices;
            hardest = item;
        }
    }
    *ret_choices = fewest;
    return hardest;
}

static bool bins_are_alike(const struct pack *pack, uint32_t a, uint32_t b)
{
    const struct problem *problem = pack->problem;
    return problem->kind[a] == problem->kind[b] && pack->ties_in[a] == 0 && pack->ties_in[b] == 0 &&
           memcmp(pack->room + (size_t)a * problem->dim_len,
                  pack->room + (size_t)b * problem->dim_len,
                  problem->dim_len * sizeof(*pack->room)) == 0;
}

/* How much of 'bin' would be left, as shares of the whole room of each dimension. */
static double left_over(const struct pack *pack, uint32_t item, uint32_t bin)
{
    const struct problem *problem = pack->problem;
    double left = 0;
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        left += (double)(pack->room[(size_t)bin * problem->dim_len + dim] -
                         item_need(problem, item)[dim]) *
                pack->weight[dim];
    }
    return left;
}

/* The tightest open bin for 'item' that comes after those in 'tried', and is like none of them. */
static uint32_t next_choice(struct pack *pack, uint32_t item, const uint32_t *tried,
                            uint32_t tried_len)
{
    uint32_t best = PLAN_NONE;
    double best_left = 0;
    for (uint32_t bin = 0; bin < pack->problem->bin_len; bin++) {
        if (pack->is_closed[bin] || !fits(pack, item, bin)) {
            continue;
        }
        double left = left_over(pack, item, bin);
        if (best != PLAN_NONE && left >= best_left) {
            continue;
        }
        bool is_new = true;
        for (uint32_t i = 0; i < tried_len && is_new; i++) {
            is_new = tried[i] != bin && !bins_are_alike(pack, tried[i], bin);
        }
        if (is_new) {
            best = bin;
            best_left = left;
        }
    }
    return best;
}

static void remember_best(struct pack *pack)
{
    if (pack->left_len < pack->best_left) {
        pack->best_left = pack->left_len;
        memcpy(pack->best, pack->at, pack->problem->item_len * sizeof(*pack->at));
    }
}

static enum search_result place_hardest(struct pack *pack, uint32_t level)
{
    remember_best(pack);
    if (pack->left_len == 0) {
        return SEARCH_YES;
    }
    uint32_t choices;
    uint32_t item = hardest_item(pack, &choices);
    if (choices == 0) {
        return SEARCH_NO;
    }
    uint32_t *tried = pack->tried + (size_t)level * pack->problem->bin_len;
    list_take(pack, item);
    tails_make(pack, level);
    list_put_back(pack, item);
    for (uint32_t tried_len = 0; tried_len < choices; tried_len++) {
        uint32_t bin = next_choice(pack, item, tried, tried_len);
        if (bin == PLAN_NONE) {
            break;
        }
        put_in(pack, item, bin);
        enum search_result result =
            complete_bin(pack, bin, pack->next[pack->problem->item_len], level);
        take_out(pack, item);
        if (result != SEARCH_NO) {
            return result;
        }
        tried[tried_len] = bin;
    }
    return SEARCH_NO;
}

/* ---- the beginning ---- */

enum {
    /* Beyond this the memory for the levels grows out of proportion, and no search gets through. */
    tails_size_max = 64 * 1024 * 1024,
};

static bool pack_init(struct pack *pack, const struct problem *problem)
{
    size_t items = problem->item_len, bins = problem->bin_len, dims = problem->dim_len;
    size_t levels = MIN(items, bins) + 1;
    if (levels * (items * dims * sizeof(*pack->tails) + bins * sizeof(uint32_t)) > tails_size_max) {
        return false;
    }
    pack->problem = problem;
    pack->room = malloc((bins * dims + 1) * sizeof(*pack->room));
    pack->slack = calloc(dims, sizeof(*pack->slack));
    pack->weight = calloc(dims, sizeof(*pack->weight));
    pack->at = malloc((items + 1) * sizeof(*pack->at));
    pack->best = malloc((items + 1) * sizeof(*pack->best));
    pack->is_closed = calloc(bins + 1, sizeof(*pack->is_closed));
    pack->ties_in = calloc(bins + 1, sizeof(*pack->ties_in));
    pack->next = calloc(items + 1, sizeof(*pack->next));
    pack->prev = calloc(items + 1, sizeof(*pack->prev));
    pack->tails = malloc((levels * items * dims + 1) * sizeof(*pack->tails));
    pack->tried = malloc((levels * bins + 1) * sizeof(*pack->tried));
    return pack->room && pack->slack && pack->weight && pack->at && pack->best && pack->is_closed &&
           pack->ties_in && pack->next && pack->prev && pack->tails && pack->tried;
}

static void pack_done(struct pack *pack)
{
    free(pack->room);
    free(pack->slack);
    free(pack->weight);
    free(pack->at);
    free(pack->best);
    free(pack->is_closed);
    free(pack->ties_in);
    free(pack->next);
    free(pack->prev);
    free(pack->tails);
    free(pack->tried);
}

/* False if the items need more than there is. */
static bool slack_make(struct pack *pack)
{
    const struct problem *problem = pack->problem;
    bool is_enough = true;
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        int64_t room = 0, need = 0;
        for (uint32_t bin = 0; bin < problem->bin_len; bin++) {
            room += problem->room[(size_t)bin * problem->dim_len + dim];
        }
        for (uint32_t item = 0; item < problem->item_len; item++) {
            need += item_need(problem, item)[dim];
        }
        pack->slack[dim] = room - need;
        pack->weight[dim] = room > 0 ? 1.0 / (double)room : 0;
        is_enough &= room >= need;
    }
    return is_enough;
}

static double size_of(const struct pack *pack, uint32_t item)
{
    double size = 0;
    for (uint32_t dim = 0; dim < pack->problem->dim_len; dim++) {
        size += (double)item_need(pack->problem, item)[dim] * pack->weight[dim];
    }
    return size;
}

/* The list of all items, the big ones first, twins side by side: by insertion, as they are few. */
static void list_make(struct pack *pack)
{
    uint32_t end = pack->problem->item_len;
    pack->next[end] = pack->prev[end] = end;
    for (uint32_t item = 0; item < end; item++) {
        uint32_t after = end, twin = pack->problem->twin[item];
        double size = size_of(pack, item);
        for (uint32_t each = pack->next[end]; each != end; each = pack->next[each]) {
            double other = size_of(pack, each);
            if (other < size || (other == size && pack->problem->twin[each] > twin)) {
                break;
            }
            after = each;
        }
        pack->next[item] = pack->next[after];
        pack->prev[item] = after;
        pack->prev[pack->next[item]] = item;
        pack->next[after] = item;
    }
    pack->left_len = end;
}

enum search_result pack_all(struct problem *problem, uint64_t steps_max, uint64_t *steps)
{
    struct pack pack = {.steps_max = steps_max, .best_left = UINT32_MAX};
    enum search_result result = SEARCH_UNKNOWN;
    if (pack_init(&pack, problem)) {
        memcpy(pack.room, problem->room,
               (size_t)problem->bin_len * problem->dim_len * sizeof(*pack.room));
        memset(pack.at, 0xff, problem->item_len * sizeof(*pack.at));
        if (slack_make(&pack)) {
            list_make(&pack);
            result = place_hardest(&pack, 0);
        } else {
            result = SEARCH_NO;
        }
        if (result != SEARCH_NO) {
            memcpy(problem->at, pack.best, problem->item_len * sizeof(*pack.best));
        }
    }
    *steps += pack.steps;
    pack_done(&pack);
    return result;
}
