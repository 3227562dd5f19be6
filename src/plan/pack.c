/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/pack.h"

#include <string.h>

enum {
    /* So many more items are told apart when it is estimated how far a bin can still be filled. */
    few = 8,
};

/* Bounds over the items of the list from one on, in one dimension. */
struct tail {
    int64_t sum, max, min;
    int64_t
        most[few + 1]; /* of so many items: the largest needs added up (all, if they are fewer) */
    int64_t least[few + 1]; /* the smallest */
    uint32_t len;           /* items, or 'few' if there are more */
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
    const bool *is_left_out; /* per item, or NULL: not to be packed */
    struct tail *tails;      /* [level * item_len * dims] by item */
    uint32_t *tried;         /* [level * bin_len] */
    double *weight;          /* per dimension: 1 / all room */
    double *size;            /* per item: its needs so weighted */
    bool *is_coarse;         /* per dimension: it counts GPUs */
    uint32_t left_len;
    uint32_t *answer; /* per item, once all are in a bin */
    /* While completions are only counted: so many so far, and no further than the limits. */
    bool is_counting;
    uint32_t count, count_max;
    uint64_t steps, steps_max;
};

enum {
    /* Among so many of the biggest items the hardest is looked for. */
    looked_at_max = 8,
    /* An item with so many ways is not hard: which of those is taken first matters little. */
    ways_enough = 8,
    /* Counting an item's ways must not take longer than it saves. */
    counting_steps_max = 4000,
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

/* 'sums' are of the 'len' items that come first by 'order' (1: largest, -1: smallest): now with one
 * more, of which the last may drop out. */
static void sums_insert(int64_t sums[few + 1], uint32_t len, int64_t need, int64_t order)
{
    uint32_t at = 1;
    while (at <= len && (sums[at] - sums[at - 1] - need) * order >= 0) {
        at++;
    }
    for (uint32_t i = MIN(len + 1, (uint32_t)few); i > at; i--) {
        sums[i] = sums[i - 1] + need;
    }
    if (at <= few) {
        sums[at] = sums[at - 1] + need;
    }
}

/* The tail of 'item' alone, or in front of 'after'. */
static struct tail tail_extend(const struct tail *after, int64_t need)
{
    struct tail tail = after ? *after : (struct tail){.min = INT64_MAX};
    tail.sum += need;
    tail.max = MAX(tail.max, need);
    tail.min = MIN(tail.min, need);
    sums_insert(tail.most, tail.len, need, 1);
    sums_insert(tail.least, tail.len, need, -1);
    tail.len = MIN(tail.len + 1, (uint32_t)few);
    return tail;
}

/* Bounds for every tail of the list as it is now. */
static void tails_make(struct pack *pack, uint32_t level)
{
    const struct problem *problem = pack->problem;
    uint32_t end = problem->item_len, dims = problem->dim_len;
    struct tail *tails = pack->tails + (size_t)level * end * dims;
    const struct tail *after = NULL;
    for (uint32_t item = pack->prev[end]; item != end; item = pack->prev[item]) {
        struct tail *mine = tails + (size_t)item * dims;
        for (uint32_t dim = 0; dim < dims; dim++) {
            mine[dim] = tail_extend(after ? &after[dim] : NULL, item_need(problem, item)[dim]);
        }
        after = mine;
        pack->steps += 8;
    }
}

/* Whether items from 'item' on can fill 'bin' so far that not too much is wasted. */
static bool can_complete(const struct pack *pack, uint32_t bin, uint32_t item, uint32_t level)
{
    const struct problem *problem = pack->problem;
    uint32_t dims = problem->dim_len;
    const struct tail *tail = pack->tails + ((size_t)level * problem->item_len + item) * dims;
    const int64_t *room = pack->room + (size_t)bin * dims;
    /* At most, and at least, so many more go in. Pools only: the other needs are so fine that they
     * say little, and dividing is slow. */
    int64_t count_max = problem->item_len, count_min = 0;
    for (uint32_t dim = 0; dim < dims; dim++) {
        if (pack->is_coarse[dim] && tail[dim].max > 0) {
            int64_t want = room[dim] - pack->slack[dim];
            count_max = tail[dim].min > 0 ? MIN(count_max, room[dim] / tail[dim].min) : count_max;
            count_min = MAX(count_min, (want + tail[dim].max - 1) / tail[dim].max);
        }
    }
    for (uint32_t dim = 0; dim < dims; dim++) {
        int64_t most = count_max >= tail[dim].len ? tail[dim].sum : tail[dim].most[count_max];
        int64_t least = tail[dim].least[MIN(count_min, (int64_t)tail[dim].len)];
        if (room[dim] - pack->slack[dim] > most || room[dim] < least) {
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
    if (pack->is_counting) {
        pack->count++;
        return pack->count >= pack->count_max ? SEARCH_YES : SEARCH_NO;
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

/* In how many ways a bin can be completed that has 'item', counted no further than 'enough'; also
 * enough if the counting takes too long. */
static uint32_t ways_of(struct pack *pack, uint32_t item, uint32_t enough, uint32_t level)
{
    uint32_t *tried = pack->tried + (size_t)level * pack->problem->bin_len;
    uint64_t steps_max = pack->steps_max;
    enum search_result result = SEARCH_NO;
    pack->steps_max = MIN(steps_max, pack->steps + counting_steps_max);
    pack->is_counting = true;
    pack->count = 0;
    pack->count_max = enough;
    for (uint32_t tried_len = 0; result == SEARCH_NO; tried_len++) {
        uint32_t bin = next_choice(pack, item, tried, tried_len);
        if (bin == PLAN_NONE) {
            break;
        }
        put_in(pack, item, bin);
        result = complete_bin(pack, bin, pack->next[pack->problem->item_len], level);
        take_out(pack, item);
        tried[tried_len] = bin;
    }
    pack->is_counting = false;
    pack->steps_max = steps_max;
    return result == SEARCH_NO ? pack->count : enough;
}

/* The item with the fewest ways; among those the biggest. */
static uint32_t hardest_item(struct pack *pack, uint32_t level, uint32_t *ret_ways)
{
    uint32_t end = pack->problem->item_len, fewest = ways_enough;
    uint32_t hardest = pack->next[end];
    uint32_t seen = 0;
    for (uint32_t item = pack->next[end]; item != end && fewest > 1 && seen < looked_at_max;
         item = pack->next[item], seen++) {
        uint32_t ways = ways_of(pack, item, fewest, level);
        if (ways < fewest) {
            fewest = ways;
            hardest = item;
        }
    }
    *ret_ways = fewest;
    return hardest;
}

static enum search_result place_hardest(struct pack *pack, uint32_t level)
{
    if (pack->left_len == 0) {
        memcpy(pack->answer, pack->at, pack->problem->item_len * sizeof(*pack->at));
        return SEARCH_YES;
    }
    uint32_t ways;
    tails_make(pack, level);
    uint32_t item = hardest_item(pack, level, &ways);
    if (ways == 0) {
        return SEARCH_NO;
    }
    uint32_t *tried = pack->tried + (size_t)level * pack->problem->bin_len;
    list_take(pack, item);
    tails_make(pack, level);
    list_put_back(pack, item);
    for (uint32_t tried_len = 0;; tried_len++) {
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
    pack->size = calloc(items + 1, sizeof(*pack->size));
    pack->is_coarse = calloc(dims, sizeof(*pack->is_coarse));
    pack->at = malloc((items + 1) * sizeof(*pack->at));
    pack->is_closed = calloc(bins + 1, sizeof(*pack->is_closed));
    pack->ties_in = calloc(bins + 1, sizeof(*pack->ties_in));
    pack->next = calloc(items + 1, sizeof(*pack->next));
    pack->prev = calloc(items + 1, sizeof(*pack->prev));
    pack->tails = malloc((levels * items * dims + 1) * sizeof(*pack->tails));
    pack->tried = malloc((levels * bins + 1) * sizeof(*pack->tried));
    return pack->room && pack->slack && pack->weight && pack->size && pack->is_coarse && pack->at &&
           pack->is_closed && pack->ties_in && pack->next && pack->prev && pack->tails &&
           pack->tried;
}

static void pack_done(struct pack *pack)
{
    free(pack->room);
    free(pack->slack);
    free(pack->weight);
    free(pack->size);
    free(pack->is_coarse);
    free(pack->at);
    free(pack->is_closed);
    free(pack->ties_in);
    free(pack->next);
    free(pack->prev);
    free(pack->tails);
    free(pack->tried);
}

static bool is_packed(const struct pack *pack, uint32_t item)
{
    return !pack->is_left_out || !pack->is_left_out[item];
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
            need += is_packed(pack, item) ? item_need(problem, item)[dim] : 0;
        }
        pack->slack[dim] = room - need;
        pack->is_coarse[dim] = dim >= problem_pools;
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
        pack->size[item] = size_of(pack, item);
        if (!is_packed(pack, item)) {
            continue;
        }
        /* From the end: the items come nearly in this order. */
        uint32_t after = pack->prev[end], twin = pack->problem->twin[item];
        while (after != end &&
               (pack->size[after] < pack->size[item] ||
                (pack->size[after] <= pack->size[item] && pack->problem->twin[after] > twin))) {
            after = pack->prev[after];
        }
        pack->next[item] = pack->next[after];
        pack->prev[item] = after;
        pack->prev[pack->next[item]] = item;
        pack->next[after] = item;
        pack->left_len++;
    }
}

enum search_result pack_all(struct problem *problem, const bool *is_left_out, uint64_t steps_max,
                            uint64_t *steps)
{
    struct pack pack = {.steps_max = steps_max, .is_left_out = is_left_out, .answer = problem->at};
    enum search_result result = SEARCH_UNKNOWN;
    if (pack_init(&pack, problem)) {
        memcpy(pack.room, problem->room,
               (size_t)problem->bin_len * problem->dim_len * sizeof(*pack.room));
        memset(pack.at, 0xff, problem->item_len * sizeof(*pack.at));
        result = SEARCH_NO;
        if (slack_make(&pack)) {
            list_make(&pack);
            result = place_hardest(&pack, 0);
        }
    }
    *steps += pack.steps;
    pack_done(&pack);
    return result;
}
