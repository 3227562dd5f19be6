/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/sets.h"

#include <assert.h>
#include <string.h>

uint32_t plan_set_add(struct plan_model *model, const uint32_t *gpus, uint32_t len)
{
    assert(len > 1 && len <= gpus_per_vm_max);
    struct node *node = &model->nodes.items[model->nodes.len - 1];
    struct gpu_set *place = VEC_ADD(&model->sets);
    if (!place) {
        return PLAN_NONE;
    }
    *place = (struct gpu_set){.pool = model->gpus.items[gpus[0]].pool, .len = (uint16_t)len};
    for (uint32_t i = 0; i < len; i++) {
        assert(gpus[i] >= node->gpu_first && model->gpus.items[gpus[i]].pool == place->pool);
        assert(model->gpus.items[gpus[i]].is_on_fabric);
        place->gpus[i] = gpus[i];
    }
    node->set_len++;
    return (uint32_t)(model->sets.len - 1);
}

bool sets_rule(const struct plan_model *model, const struct node *node, uint32_t pool)
{
    for (uint32_t i = 0; node->has_fabric && i < node->gpu_len; i++) {
        const struct gpu_entry *gpu = &model->gpus.items[node->gpu_first + i];
        if (gpu->pool == pool && gpu->is_on_fabric) {
            return true;
        }
    }
    return false;
}

static bool member_is_free(const struct plan_model *model, const struct node *node, uint32_t gpu,
                           const struct set_freed *freed)
{
    uint32_t place = gpu - node->gpu_first;
    return gpu_is_free(model, node, &model->gpus.items[gpu]) ||
           (freed && (freed->bits[place / 64] >> (place % 64) & 1));
}

static uint32_t count_free(const struct plan_model *model, const struct node *node,
                           const struct gpu_set *set, const struct set_freed *freed)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->len; i++) {
        count += member_is_free(model, node, set->gpus[i], freed);
    }
    return count;
}

/* NULL: it has none, and nothing may be added to that. */
static const struct gpu_set *sets_of(const struct plan_model *model, const struct node *node)
{
    return node->set_len > 0 ? model->sets.items + node->set_first : NULL;
}

#define SETS_EACH(model, node, set)                                                                \
    for (const struct gpu_set *set = sets_of(model, node),                                         \
                              *set##_end = set ? set + (node)->set_len : NULL;                     \
         set < set##_end; set++)

uint32_t sets_count(const struct plan_model *model, const struct node *node, uint32_t pool,
                    uint32_t size, const struct set_freed *freed, uint32_t *ret_free)
{
    uint32_t count = 0;
    *ret_free = 0;
    SETS_EACH(model, node, set)
    {
        if (set->pool == pool && set->len == size) {
            count++;
            *ret_free += count_free(model, node, set, freed) == set->len;
        }
    }
    return count;
}

bool sets_have(const struct plan_model *model, const struct node *node, const struct need *need,
               const struct set_freed *freed)
{
    uint32_t free_len = 0;
    if (need->count < 2 || !sets_rule(model, node, need->pool)) {
        return true;
    }
    (void)sets_count(model, node, need->pool, need->count, freed, &free_len);
    return free_len > 0;
}

static bool set_has(const struct gpu_set *set, uint32_t gpu)
{
    for (uint32_t i = 0; i < set->len; i++) {
        if (set->gpus[i] == gpu) {
            return true;
        }
    }
    return false;
}

/* The size of the largest free set that 'gpu' is in; 1: none. */
static uint32_t block_of(const struct plan_model *model, const struct node *node, uint32_t gpu)
{
    uint32_t size = 1;
    SETS_EACH(model, node, set)
    {
        if (set->len > size && set_has(set, gpu) &&
            count_free(model, node, set, NULL) == set->len) {
            size = set->len;
        }
    }
    return size;
}

static uint32_t choose_set(const struct plan_model *model, const struct node *node,
                           const struct need *need, int32_t numa_wanted, uint32_t *ret)
{
    const struct gpu_set *best = NULL;
    uint32_t best_block = UINT32_MAX;
    bool is_best_near = false;
    SETS_EACH(model, node, set)
    {
        if (set->pool != need->pool || set->len != need->count ||
            count_free(model, node, set, NULL) < set->len) {
            continue;
        }
        uint32_t block = block_of(model, node, set->gpus[0]);
        bool is_near = model->gpus.items[set->gpus[0]].numa == numa_wanted;
        if (block < best_block || (block == best_block && is_near && !is_best_near)) {
            best = set;
            best_block = block;
            is_best_near = is_near;
        }
    }
    if (!best) {
        return 0;
    }
    memcpy(ret, best->gpus, best->len * sizeof(*ret));
    return best->len;
}

/* Those that are in the smallest free sets. */
static uint32_t choose_single(const struct plan_model *model, const struct node *node,
                              const uint32_t *free, uint32_t free_len, uint32_t *ret)
{
    uint32_t least = UINT32_MAX, len = 0;
    for (uint32_t i = 0; i < free_len; i++) {
        uint32_t block = block_of(model, node, free[i]);
        if (block < least) {
            least = block;
            len = 0;
        }
        if (block == least) {
            ret[len++] = free[i];
        }
    }
    return len;
}

uint32_t sets_choose(const struct plan_model *model, const struct node *node,
                     const struct need *need, const uint32_t *free, uint32_t free_len,
                     int32_t numa_wanted, uint32_t *ret)
{
    return need->count > 1 ? choose_set(model, node, need, numa_wanted, ret)
                           : choose_single(model, node, free, free_len, ret);
}

const struct gpu_set *sets_nearly(const struct plan_model *model, const struct node *node,
                                  const struct need *need)
{
    const struct gpu_set *best = NULL;
    uint32_t most = 0;
    SETS_EACH(model, node, set)
    {
        uint32_t count = count_free(model, node, set, NULL);
        if (set->pool == need->pool && set->len == need->count && (!best || count > most)) {
            best = set;
            most = count;
        }
    }
    return best;
}

uint32_t sets_sizes(const struct plan_model *model, uint32_t pool, uint32_t ret[gpus_per_vm_max])
{
    uint32_t len = 0;
    bool has[gpus_per_vm_max + 1] = {false};
    VEC_EACH(&model->sets, set) {
        has[set->len] |= set->pool == pool;
    }
    for (uint32_t size = 2; size <= gpus_per_vm_max; size++) {
        if (has[size]) {
            ret[len++] = size;
        }
    }
    return len;
}
