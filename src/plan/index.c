/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index: active nodes by free GPUs, a bitmap for each pool and number. */
#include "plan/model.h"

#include <string.h>

void model_index_drop(struct plan_model *model)
{
    free(model->free);
    free(model->shelf);
    free(model->shelf_memory);
    model->free = NULL;
    model->shelf = NULL;
    model->shelf_memory = NULL;
    model->is_indexed = false;
}

static void shelf_set(struct plan_model *model, struct shelf *shelf, uint32_t level, uint32_t node)
{
    shelf->bits[(size_t)level * model->words + node / 64] |= (uint64_t)1 << (node % 64);
    shelf->len[level]++;
}

static void shelf_unset(struct plan_model *model, struct shelf *shelf, uint32_t level,
                        uint32_t node)
{
    shelf->bits[(size_t)level * model->words + node / 64] &= ~((uint64_t)1 << (node % 64));
    shelf->len[level]--;
}

/* Level 0 is kept only over all pools: a VM that needs a pool needs at least one of it. */
void node_shelve(struct plan_model *model, uint32_t node, bool is_on)
{
    void (*change)(struct plan_model *, struct shelf *, uint32_t, uint32_t) =
        is_on ? shelf_set : shelf_unset;
    uint32_t pool_len = (uint32_t)model->pools.len;
    for (uint32_t pool = 0; pool < pool_len; pool++) {
        uint32_t level = free_in_pool(model, node, pool);
        if (level > 0) {
            change(model, &model->shelf[pool], level, node);
        }
    }
    change(model, &model->shelf[pool_len], model->nodes.items[node].free_total, node);
}

/* One GPU of 'pool' on 'node' became free (up) or not. */
static void free_change(struct plan_model *model, uint32_t node, uint32_t pool, bool up)
{
    struct node *item = &model->nodes.items[node];
    uint16_t *count = &model->free[(size_t)node * model->pools.len + pool];
    uint32_t old = *count, old_total = item->free_total;
    *count = (uint16_t)(up ? old + 1 : old - 1);
    item->free_total = up ? old_total + 1 : old_total - 1;
    if (item->mode != PLAN_ACTIVE) {
        return;
    }
    if (old > 0) {
        shelf_unset(model, &model->shelf[pool], old, node);
    }
    if (*count > 0) {
        shelf_set(model, &model->shelf[pool], *count, node);
    }
    struct shelf *all = &model->shelf[model->pools.len];
    shelf_unset(model, all, old_total, node);
    shelf_set(model, all, item->free_total, node);
}

/* Highest number of GPUs of each pool that one node has, plus 1, into shelf.levels. */
static void shelves_measure(struct plan_model *model)
{
    uint32_t pool_len = (uint32_t)model->pools.len;
    for (uint32_t pool = 0; pool <= pool_len; pool++) {
        model->shelf[pool].levels = 1;
    }
    VEC_EACH(&model->nodes, node) {
        /* Counts into 'free' for a moment; index_fill() writes it again. */
        uint16_t *count = &model->free[(size_t)(node - model->nodes.items) * pool_len];
        for (uint32_t i = 0; i < node->gpu_len; i++) {
            uint32_t pool = model->gpus.items[node->gpu_first + i].pool;
            count[pool]++;
            model->shelf[pool].levels = MAX(model->shelf[pool].levels, count[pool] + 1U);
        }
        model->shelf[pool_len].levels = MAX(model->shelf[pool_len].levels, node->gpu_len + 1);
    }
}

static bool shelves_allocate(struct plan_model *model)
{
    size_t levels = 0, words = model->words;
    for (size_t i = 0; i <= model->pools.len; i++) {
        levels += model->shelf[i].levels;
    }
    model->shelf_size = levels * (words * sizeof(uint64_t) + sizeof(uint32_t));
    model->shelf_memory = calloc(1, model->shelf_size);
    if (!model->shelf_memory) {
        return false;
    }
    uint64_t *bits = model->shelf_memory;
    uint32_t *len = (uint32_t *)(bits + levels * words);
    for (size_t i = 0; i <= model->pools.len; i++) {
        model->shelf[i].bits = bits;
        model->shelf[i].len = len;
        bits += model->shelf[i].levels * words;
        len += model->shelf[i].levels;
    }
    return true;
}

static void index_fill(struct plan_model *model)
{
    size_t pool_len = model->pools.len;
    memset(model->free, 0, MAX(model->nodes.len * pool_len, (size_t)1) * sizeof(*model->free));
    for (uint32_t n = 0; n < model->nodes.len; n++) {
        struct node *node = &model->nodes.items[n];
        node->free_total = 0;
        for (uint32_t i = 0; i < node->gpu_len; i++) {
            const struct gpu_entry *gpu = &model->gpus.items[node->gpu_first + i];
            if (gpu_is_free(model, node, gpu)) {
                model->free[n * pool_len + gpu->pool]++;
                node->free_total++;
            }
        }
        if (node->mode == PLAN_ACTIVE) {
            node_shelve(model, n, true);
        }
    }
}

bool model_index(struct plan_model *model)
{
    if (model->is_indexed) {
        return true;
    }
    model_index_drop(model);
    model->words = (uint32_t)(model->nodes.len + 63) / 64;
    size_t cells = MAX(model->nodes.len * model->pools.len, (size_t)1);
    model->free = calloc(cells, sizeof(*model->free));
    model->shelf = calloc(model->pools.len + 1, sizeof(*model->shelf));
    if (model->free && model->shelf) {
        shelves_measure(model);
        if (shelves_allocate(model)) {
            index_fill(model);
            model->is_indexed = true;
            return true;
        }
    }
    model_index_drop(model);
    return false;
}

/* ---- what is free ---- */

/* Whether a VM holds the other shape of this entry's card: it whole, or a partition. */
static bool card_is_taken_otherwise(const struct plan_model *model, const struct node *node,
                                    const struct gpu_entry *gpu)
{
    for (uint32_t i = 0; i < node->gpu_len; i++) {
        const struct gpu_entry *each = &model->gpus.items[node->gpu_first + i];
        if (each->card == gpu->card && each->is_partition != gpu->is_partition &&
            each->holder != PLAN_NONE) {
            return true;
        }
    }
    return false;
}

bool gpu_is_free(const struct plan_model *model, const struct node *node,
                 const struct gpu_entry *gpu)
{
    return gpu->holder == PLAN_NONE && !gpu->is_quarantined &&
           !(gpu->is_shared_card && card_is_taken_otherwise(model, node, gpu));
}

void gpu_change(struct plan_model *model, uint32_t node, uint32_t gpu, uint32_t holder,
                bool is_quarantined)
{
    const struct node *item = &model->nodes.items[node];
    struct gpu_entry *entry = &model->gpus.items[gpu];
    uint32_t first = gpu, end = gpu + 1;
    if (entry->is_shared_card) {
        while (first > item->gpu_first && model->gpus.items[first - 1].card == entry->card) {
            first--;
        }
        while (end < item->gpu_first + item->gpu_len &&
               model->gpus.items[end].card == entry->card) {
            end++;
        }
    }
    UNCLEARED bool was_free[devices_per_node_max];
    for (uint32_t i = first; i < end; i++) {
        was_free[i - first] = gpu_is_free(model, item, &model->gpus.items[i]);
    }
    entry->holder = holder;
    entry->is_quarantined = is_quarantined;
    for (uint32_t i = first; model->is_indexed && i < end; i++) {
        bool is_free = gpu_is_free(model, item, &model->gpus.items[i]);
        if (is_free != was_free[i - first]) {
            free_change(model, node, model->gpus.items[i].pool, is_free);
        }
    }
}

void gpu_set_holder(struct plan_model *model, uint32_t node, uint32_t gpu, uint32_t holder)
{
    gpu_change(model, node, gpu, holder, model->gpus.items[gpu].is_quarantined);
}
