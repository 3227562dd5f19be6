/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/problem.h"

#include "plan/fit.h"
#include "plan/sets.h"

#include <string.h>

bool problem_ties_allow(const struct problem *problem, const uint32_t *at, uint32_t item,
                        uint32_t bin)
{
    for (uint32_t i = problem->tie_first[item]; i < problem->tie_first[item + 1]; i++) {
        uint32_t other_at = at[problem->ties[i].other];
        bool is_here = other_at == bin;
        if (other_at != PLAN_NONE && is_here != (problem->ties[i].kind == PLAN_TOGETHER)) {
            return false;
        }
    }
    return true;
}

void problem_count_left(const struct problem *problem, const uint32_t *at, uint32_t *ret)
{
    memset(ret, 0, problem->class_len * sizeof(*ret));
    for (uint32_t i = 0; i < problem->item_len; i++) {
        ret[problem->class[i]] += at[i] == PLAN_NONE;
    }
}

/* ---- making one ---- */

/* Sets of GPUs that can talk, of one size. */
struct set_dim {
    uint32_t pool;
    uint32_t size;
    uint32_t dim;
};

/* What is known only while the problem is made. */
struct maker {
    struct problem *problem;
    struct plan_model *model;
    const struct plan_request *request;
    uint32_t *pool_dim; /* per pool: its dimension; 0: not needed by any item */
    VEC(struct set_dim) set_dims;
    uint32_t *item_of; /* per VM: its item; PLAN_NONE */
};

/* ... and one for each size of sets of a pool that is needed. */
static bool count_set_dims(struct maker *maker)
{
    uint32_t sizes[gpus_per_vm_max];
    for (uint32_t pool = 0; maker->model->sets.len > 0 && pool < maker->model->pools.len; pool++) {
        uint32_t len = maker->pool_dim[pool] ? sets_sizes(maker->model, pool, sizes) : 0;
        for (uint32_t i = 0; i < len; i++) {
            struct set_dim *place = VEC_ADD(&maker->set_dims);
            if (!place) {
                return false;
            }
            *place = (struct set_dim){pool, sizes[i], maker->problem->dim_len++};
        }
    }
    return true;
}

/* One dimension for each pool that is needed. */
static bool count_dims(struct maker *maker)
{
    struct problem *problem = maker->problem;
    problem->dim_len = problem_pools;
    for (uint32_t i = 0; i < problem->item_len; i++) {
        const struct vm *vm = &maker->model->vms.items[problem->vm[i]];
        for (uint32_t k = 0; k < vm->need_len; k++) {
            if (maker->pool_dim[vm->needs[k].pool] == 0) {
                maker->pool_dim[vm->needs[k].pool] = problem->dim_len++;
            }
        }
    }
    return count_set_dims(maker);
}

static size_t count_ties(const struct maker *maker)
{
    const struct plan_model *model = maker->model;
    size_t len = 0;
    for (uint32_t i = 0; i < maker->problem->item_len; i++) {
        const struct vm *vm = &model->vms.items[maker->problem->vm[i]];
        for (uint32_t k = vm->relation_first; k != PLAN_NONE; k = model->relations.items[k].after) {
            const struct relation *relation = &model->relations.items[k];
            len += relation->is_enforced && maker->item_of[relation->other] != PLAN_NONE;
        }
    }
    return len;
}

static bool allocate(struct maker *maker)
{
    struct problem *problem = maker->problem;
    size_t items = problem->item_len, bins = problem->bin_len, dims = problem->dim_len;
    problem->words = (uint32_t)(bins + 63) / 64;
    problem->need = calloc(items * dims + 1, sizeof(*problem->need));
    problem->room = calloc(bins * dims + 1, sizeof(*problem->room));
    problem->may = calloc(items * problem->words + 1, sizeof(*problem->may));
    problem->class = calloc(items + 1, sizeof(*problem->class));
    problem->twin = calloc(items + 1, sizeof(*problem->twin));
    problem->tie_first = calloc(items + 1, sizeof(*problem->tie_first));
    problem->ties = calloc(count_ties(maker) + 1, sizeof(*problem->ties));
    problem->kind = calloc(bins + 1, sizeof(*problem->kind));
    return problem->need && problem->room && problem->may && problem->class && problem->twin &&
           problem->tie_first && problem->ties && problem->kind;
}

/* A set uses up all smaller ones that it consists of. Where there are none of its size it does not
 * go at all: wish_fits() knows. */
static uint32_t sets_of_need(const struct need *need, const struct set_dim *set)
{
    return need->pool == set->pool && need->count % set->size == 0 ? need->count / set->size : 0;
}

/* Where a size does not exist, nothing is short of it. */
static uint32_t sets_of_node(const struct plan_model *model, const struct node *node,
                             const struct set_dim *set)
{
    uint32_t free_len;
    return sets_count(model, node, set->pool, set->size, NULL, &free_len) > 0
               ? free_len
               : devices_per_node_max;
}

static void fill_item(struct maker *maker, uint32_t item)
{
    struct problem *problem = maker->problem;
    const struct vm *vm = &maker->model->vms.items[problem->vm[item]];
    int64_t *need = problem->need + (size_t)item * problem->dim_len;
    need[problem_cpus] = vm->cpus;
    need[problem_memory + (uint32_t)vm->memory] = (int64_t)vm->memory_mib;
    for (uint32_t k = 0; k < vm->need_len; k++) {
        need[maker->pool_dim[vm->needs[k].pool]] = vm->needs[k].count;
        VEC_EACH(&maker->set_dims, set) {
            need[set->dim] += sets_of_need(&vm->needs[k], set);
        }
    }
    struct wish wish;
    wish_begin(&wish, maker->model, maker->request, problem->vm[item]);
    for (uint32_t bin = 0; bin < problem->bin_len; bin++) {
        if (wish_fits(&wish, problem->node[bin])) {
            problem->may[(size_t)item * problem->words + bin / 64] |= (uint64_t)1 << (bin % 64);
        }
    }
    wish_end(&wish);
    if (item > 0) {
        const struct vm *before = &maker->model->vms.items[problem->vm[item - 1]];
        problem->class[item] = problem->class[item - 1] + (before->priority != vm->priority);
    }
    problem->class_len = problem->class[item] + 1;
}

static void fill_ties(struct maker *maker)
{
    struct problem *problem = maker->problem;
    const struct plan_model *model = maker->model;
    uint32_t len = 0;
    for (uint32_t i = 0; i < problem->item_len; i++) {
        const struct vm *vm = &model->vms.items[problem->vm[i]];
        problem->tie_first[i] = len;
        for (uint32_t k = vm->relation_first; k != PLAN_NONE; k = model->relations.items[k].after) {
            const struct relation *relation = &model->relations.items[k];
            if (relation->is_enforced && maker->item_of[relation->other] != PLAN_NONE) {
                problem->ties[len++] =
                    (struct tie){maker->item_of[relation->other], relation->kind};
            }
        }
    }
    problem->tie_first[problem->item_len] = len;
}

static bool items_are_alike(const struct problem *problem, uint32_t a, uint32_t b)
{
    return problem->class[a] == problem->class[b] &&
           problem->tie_first[a] == problem->tie_first[a + 1] &&
           problem->tie_first[b] == problem->tie_first[b + 1] &&
           memcmp(item_need(problem, a), item_need(problem, b),
                  problem->dim_len * sizeof(*problem->need)) == 0 &&
           memcmp(problem->may + (size_t)a * problem->words,
                  problem->may + (size_t)b * problem->words,
                  problem->words * sizeof(*problem->may)) == 0;
}

static void find_twins(struct problem *problem)
{
    for (uint32_t i = 0; i < problem->item_len; i++) {
        problem->twin[i] = i;
        /* Alike VMs are neighbours in the order, but for names that differ in other respects. */
        for (uint32_t k = i; k-- > 0 && k + 16 > i;) {
            if (items_are_alike(problem, k, i)) {
                problem->twin[i] = problem->twin[k];
                break;
            }
        }
    }
}

/*
 * Room that no set of items can use is none: with it gone, sums of room say more. In each dimension
 * it is at most what all items that may go there need; for pools also a sum that some of them make
 * up: needs of 2 and 4 use 2 of 3 free GPUs.
 */
static void trim_room(struct problem *problem, uint32_t bin, uint32_t dim)
{
    int64_t *room = &problem->room[(size_t)bin * problem->dim_len + dim];
    bool is_pool = dim >= problem_pools;
    uint64_t sums[devices_per_node_max / 64 + 1] = {1};
    int64_t total = 0;
    for (uint32_t i = 0; i < problem->item_len; i++) {
        int64_t need = item_need(problem, i)[dim];
        if (need == 0 || !item_may(problem, i, bin)) {
            continue;
        }
        total += need;
        for (int64_t sum = *room; is_pool && sum >= need; sum--) {
            int64_t less = sum - need;
            sums[sum / 64] |= (sums[less / 64] >> (less % 64) & 1) << (sum % 64);
        }
    }
    *room = MIN(*room, total);
    while (is_pool && *room > 0 && !(sums[*room / 64] >> (*room % 64) & 1)) {
        (*room)--;
    }
}

static void fill_bin(struct maker *maker, uint32_t bin)
{
    struct problem *problem = maker->problem;
    const struct node *node = &maker->model->nodes.items[problem->node[bin]];
    int64_t *room = problem->room + (size_t)bin * problem->dim_len;
    room[problem_cpus] = MAX(node->cpus_free, (int64_t)0);
    for (uint32_t kind = 0; kind < memory_kinds; kind++) {
        room[problem_memory + kind] = MAX(node->memory_free[kind], (int64_t)0);
    }
    for (uint32_t pool = 0; pool < maker->model->pools.len; pool++) {
        if (maker->pool_dim[pool] != 0) {
            room[maker->pool_dim[pool]] = free_in_pool(maker->model, problem->node[bin], pool);
        }
    }
    VEC_EACH(&maker->set_dims, set) {
        room[set->dim] = sets_of_node(maker->model, node, set);
    }
    for (uint32_t dim = 0; dim < problem->dim_len; dim++) {
        trim_room(problem, bin, dim);
    }
}

/* A column of 'may', mixed to a number: bins of one kind have the same. */
struct column {
    uint64_t mix;
    uint32_t bin;
};

static int compare_column(const void *a, const void *b)
{
    const struct column *x = a, *y = b;
    if (x->mix != y->mix) {
        return x->mix < y->mix ? -1 : 1;
    }
    return (x->bin > y->bin) - (x->bin < y->bin);
}

static bool bins_take_the_same(const struct problem *problem, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < problem->item_len; i++) {
        if (item_may(problem, i, a) != item_may(problem, i, b)) {
            return false;
        }
    }
    return true;
}

/* Sorts the bins by what they take; each kind is named by its first bin. Two columns that only mix
 * to the same number are two kinds: found apart, at worst once too often. */
static bool find_kinds(struct problem *problem)
{
    struct column *columns = calloc(problem->bin_len + 1, sizeof(*columns));
    if (!columns) {
        return false;
    }
    for (uint32_t bin = 0; bin < problem->bin_len; bin++) {
        columns[bin].bin = bin;
        for (uint32_t i = 0; i < problem->item_len; i++) {
            columns[bin].mix =
                columns[bin].mix * 0x9e3779b97f4a7c15u + item_may(problem, i, bin) + 1;
        }
    }
    qsort(columns, problem->bin_len, sizeof(*columns), compare_column);
    for (uint32_t i = 0; i < problem->bin_len; i++) {
        bool is_same = i > 0 && columns[i].mix == columns[i - 1].mix &&
                       bins_take_the_same(problem, columns[i].bin, columns[i - 1].bin);
        problem->kind[columns[i].bin] =
            is_same ? problem->kind[columns[i - 1].bin] : columns[i].bin;
    }
    free(columns);
    return true;
}

static bool problem_make(struct maker *maker)
{
    struct problem *problem = maker->problem;
    if (!count_dims(maker) || !allocate(maker)) {
        return false;
    }
    for (uint32_t i = 0; i < problem->item_len; i++) {
        fill_item(maker, i);
    }
    fill_ties(maker);
    find_twins(problem);
    for (uint32_t bin = 0; bin < problem->bin_len; bin++) {
        fill_bin(maker, bin);
    }
    return find_kinds(problem);
}

static uint32_t *copy_indices(const uint32_t *from, uint32_t len)
{
    uint32_t *copy = malloc(MAX(len, 1U) * sizeof(*copy));
    if (copy) {
        memcpy(copy, from, len * sizeof(*copy));
    }
    return copy;
}

bool problem_init(struct problem *problem, struct plan_model *model,
                  const struct plan_request *request, const uint32_t *vms, uint32_t vm_len,
                  const uint32_t *nodes, uint32_t node_len)
{
    *problem = (struct problem){.item_len = vm_len, .bin_len = node_len};
    struct maker maker = {.problem = problem, .model = model, .request = request};
    problem->vm = copy_indices(vms, vm_len);
    problem->node = copy_indices(nodes, node_len);
    problem->at = malloc(MAX(vm_len, 1U) * sizeof(*problem->at));
    maker.pool_dim = calloc(model->pools.len + 1, sizeof(*maker.pool_dim));
    maker.item_of = malloc(MAX(model->vms.len, (size_t)1) * sizeof(*maker.item_of));
    bool is_made = false;
    if (problem->vm && problem->node && problem->at && maker.pool_dim && maker.item_of) {
        memset(maker.item_of, 0xff, model->vms.len * sizeof(*maker.item_of));
        memset(problem->at, 0xff, vm_len * sizeof(*problem->at));
        for (uint32_t i = 0; i < vm_len; i++) {
            maker.item_of[vms[i]] = i;
        }
        is_made = problem_make(&maker);
    }
    VEC_DONE(&maker.set_dims);
    free(maker.pool_dim);
    free(maker.item_of);
    if (!is_made) {
        problem_done(problem);
    }
    return is_made;
}

void problem_done(struct problem *problem)
{
    free(problem->need);
    free(problem->room);
    free(problem->may);
    free(problem->class);
    free(problem->twin);
    free(problem->tie_first);
    free(problem->ties);
    free(problem->kind);
    free(problem->at);
    free(problem->vm);
    free(problem->node);
    *problem = (struct problem){0};
}
