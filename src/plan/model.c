/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/model.h"

#include <assert.h>
#include <string.h>

ENUM_DEFINE(plan_mode, PLAN_MODE_LIST)
ENUM_DEFINE(plan_relation, PLAN_RELATION_LIST)

struct plan_model *plan_model_new(const struct plan_size *hint)
{
    struct plan_model *model = calloc(1, sizeof(*model));
    if (!model) {
        return NULL;
    }
    if (hint &&
        !(VEC_RESERVE(&model->pools, hint->pools) && VEC_RESERVE(&model->nodes, hint->nodes) &&
          VEC_RESERVE(&model->gpus, hint->gpus) && VEC_RESERVE(&model->vms, hint->vms))) {
        return plan_model_free(model);
    }
    return model;
}

struct plan_model *plan_model_free(struct plan_model *model)
{
    if (model) {
        model_index_drop(model);
        free(model->scratch.flags);
        free(model->scratch.score);
        free(model->scratch.turns);
        VEC_DONE(&model->pools);
        VEC_DONE(&model->labels);
        VEC_DONE(&model->nodes);
        VEC_DONE(&model->gpus);
        VEC_DONE(&model->sets);
        VEC_DONE(&model->vms);
        VEC_DONE(&model->owners);
        VEC_DONE(&model->relations);
        free(model);
    }
    return NULL;
}

/* ---- building ---- */

uint32_t plan_pool_add(struct plan_model *model, const char *name)
{
    const char **place = model->pools.len < plan_pools_max ? VEC_ADD(&model->pools) : NULL;
    if (!place) {
        return PLAN_NONE;
    }
    *place = name;
    model_index_drop(model);
    return (uint32_t)(model->pools.len - 1);
}

uint32_t plan_label_add(struct plan_model *model, const char *name)
{
    const char **place = model->labels.len < plan_labels_max ? VEC_ADD(&model->labels) : NULL;
    if (!place) {
        return PLAN_NONE;
    }
    *place = name;
    return (uint32_t)(model->labels.len - 1);
}

/* What is not counted is so plenty that no sum of needs uses it up. */
static const int64_t plenty = INT64_MAX / 4;

uint32_t plan_node_add(struct plan_model *model, const struct plan_node *node)
{
    assert(model->nodes.len == 0 ||
           strcmp(model->nodes.items[model->nodes.len - 1].name, node->name) < 0);
    struct node *place = VEC_ADD(&model->nodes);
    if (!place) {
        return PLAN_NONE;
    }
    *place = (struct node){
        .name = node->name,
        .mode = node->mode,
        .cpus = node->cpus,
        .labels = node->labels,
        .cpus_free = node->cpus ? node->cpus : plenty,
        .cpu_share = node->cpus ? MAX((1U << 20) / node->cpus, 1U) : 0,
        .gpu_first = (uint32_t)model->gpus.len,
        .vm_first = PLAN_NONE,
        .set_first = (uint32_t)model->sets.len,
    };
    for (uint32_t kind = MEMORY_ORDINARY; kind < memory_kinds; kind++) {
        uint64_t mib = kind == MEMORY_ORDINARY ? node->memory_mib : node->huge_mib[kind];
        bool is_counted = mib > 0 || kind != MEMORY_ORDINARY;
        place->memory_mib[kind] = mib;
        place->memory_free[kind] = is_counted ? (int64_t)mib : plenty;
        place->memory_share[kind] = mib ? (uint32_t)MAX(((uint64_t)1 << 30) / mib, 1U) : 0;
    }
    model_index_drop(model);
    return (uint32_t)(model->nodes.len - 1);
}

/* Marks the entries of 'card' if it is there both whole and in partitions. */
static void card_mark_shared(struct plan_model *model, struct node *node, uint32_t card)
{
    bool is_whole = false, is_parted = false;
    uint32_t first = node->gpu_first + node->gpu_len;
    while (first > node->gpu_first && model->gpus.items[first - 1].card == card) {
        first--;
        is_parted |= model->gpus.items[first].is_partition;
        is_whole |= !model->gpus.items[first].is_partition;
    }
    for (uint32_t i = first; is_whole && is_parted && i < node->gpu_first + node->gpu_len; i++) {
        model->gpus.items[i].is_shared_card = true;
        node->has_shared_cards = true;
    }
}

uint32_t plan_gpu_add(struct plan_model *model, const struct plan_gpu *gpu)
{
    assert(model->nodes.len > 0 && gpu->pool < model->pools.len);
    struct node *node = &model->nodes.items[model->nodes.len - 1];
    assert(node->gpu_len < devices_per_node_max);
    const struct gpu_entry *last =
        node->gpu_len > 0 ? &model->gpus.items[model->gpus.len - 1] : NULL;
    assert(!last || (last->card <= gpu->card && last->position <= gpu->position));
    struct gpu_entry *place = VEC_ADD(&model->gpus);
    if (!place) {
        return PLAN_NONE;
    }
    *place = (struct gpu_entry){
        .pool = gpu->pool,
        .card = gpu->card,
        .position = gpu->position,
        .holder = PLAN_NONE,
        .numa = (int16_t)gpu->numa,
        .is_partition = gpu->is_partition,
        .is_on_fabric = gpu->is_on_fabric,
        .is_quarantined = gpu->is_quarantined,
    };
    node->gpu_len++;
    node->has_fabric |= gpu->is_on_fabric;
    card_mark_shared(model, node, gpu->card);
    model_index_drop(model);
    return (uint32_t)(model->gpus.len - 1);
}

static int compare_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Copies a list of owners; where it begins. Room for it is there. */
static uint32_t owners_add(struct plan_model *model, const uint32_t *owners, uint32_t len)
{
    uint32_t first = (uint32_t)model->owners.len;
    for (uint32_t i = 0; i < len; i++) {
        assert(owners[i] < model->nodes.len);
        model->owners.items[model->owners.len++] = owners[i];
    }
    return first;
}

uint32_t plan_vm_add(struct plan_model *model, const struct plan_vm *vm)
{
    assert(vm->need_len <= needs_per_vm_max);
    if (!VEC_RESERVE(&model->owners, model->owners.len + vm->preferred_len + vm->possible_len)) {
        return PLAN_NONE;
    }
    struct vm *place = VEC_ADD(&model->vms);
    if (!place) {
        return PLAN_NONE;
    }
    *place = (struct vm){
        .name = vm->name,
        .need_len = vm->need_len,
        .cpus = vm->cpus,
        .priority = vm->priority,
        .memory_mib = vm->memory_mib,
        .memory = vm->memory,
        .is_pinned = vm->is_pinned,
        .labels = vm->labels,
        .preferred = owners_add(model, vm->preferred, vm->preferred_len),
        .preferred_len = vm->preferred_len,
        .possible = owners_add(model, vm->possible, vm->possible_len),
        .possible_len = vm->possible_len,
        .relation_first = PLAN_NONE,
        .node = PLAN_NONE,
        .next_node = PLAN_NONE,
        .before = PLAN_NONE,
        .after = PLAN_NONE,
    };
    for (uint32_t i = 0; i < vm->need_len; i++) {
        assert(vm->needs[i].pool < model->pools.len && vm->needs[i].count > 0);
        place->needs[i] = (struct need){(uint16_t)vm->needs[i].pool, (uint16_t)vm->needs[i].count};
        place->gpu_count += vm->needs[i].count;
    }
    assert(place->gpu_count <= gpus_per_vm_max);
    if (vm->possible_len > 0) {
        qsort(&model->owners.items[place->possible], vm->possible_len, sizeof(uint32_t),
              compare_index);
    }
    return (uint32_t)(model->vms.len - 1);
}

static void relation_add(struct plan_model *model, uint32_t vm, uint32_t other,
                         enum plan_relation kind, bool is_enforced)
{
    struct vm *one = &model->vms.items[vm];
    model->relations.items[model->relations.len] =
        (struct relation){other, one->relation_first, kind, is_enforced};
    one->relation_first = (uint32_t)model->relations.len++;
}

bool plan_vm_relate(struct plan_model *model, uint32_t vm, uint32_t other,
                    enum plan_relation relation, bool is_enforced)
{
    if (vm == other) {
        return true;
    }
    if (!VEC_RESERVE(&model->relations, model->relations.len + 2)) {
        return false;
    }
    relation_add(model, vm, other, relation, is_enforced);
    relation_add(model, other, vm, relation, is_enforced);
    return true;
}

bool model_scratch(struct plan_model *model, uint32_t vm_len)
{
    struct scratch *scratch = &model->scratch;
    uint32_t node_len = (uint32_t)model->nodes.len;
    if (node_len > scratch->node_capacity) {
        free(scratch->flags);
        free(scratch->score);
        scratch->flags = calloc(node_len, sizeof(*scratch->flags));
        scratch->score = calloc(node_len, sizeof(*scratch->score));
        scratch->node_capacity = scratch->flags && scratch->score ? node_len : 0;
    }
    if (vm_len > scratch->vm_capacity) {
        free(scratch->turns);
        scratch->turns = calloc((size_t)vm_len * 2, sizeof(*scratch->turns));
        scratch->vm_capacity = scratch->turns ? vm_len : 0;
    }
    return scratch->node_capacity >= node_len && scratch->vm_capacity >= vm_len;
}

/* ---- what is free ---- */

static uint32_t gpu_node(const struct plan_model *model, uint32_t gpu)
{
    size_t low = 0, high = model->nodes.len;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (model->nodes.items[middle].gpu_first <= gpu) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (uint32_t)low;
}

void plan_gpu_set_quarantined(struct plan_model *model, uint32_t gpu, bool is_quarantined)
{
    gpu_change(model, gpu_node(model, gpu), gpu, model->gpus.items[gpu].holder, is_quarantined);
}

void plan_node_set_mode(struct plan_model *model, uint32_t node, enum plan_mode mode)
{
    struct node *item = &model->nodes.items[node];
    if (model->is_indexed && (item->mode == PLAN_ACTIVE) != (mode == PLAN_ACTIVE)) {
        node_shelve(model, node, mode == PLAN_ACTIVE);
    }
    item->mode = mode;
}

/* ---- what runs where ---- */

void vm_take_room(struct plan_model *model, uint32_t vm, uint32_t node)
{
    model->nodes.items[node].cpus_free -= model->vms.items[vm].cpus;
    model->nodes.items[node].memory_free[model->vms.items[vm].memory] -=
        (int64_t)model->vms.items[vm].memory_mib;
}

void vm_give_room(struct plan_model *model, uint32_t vm, uint32_t node)
{
    model->nodes.items[node].cpus_free += model->vms.items[vm].cpus;
    model->nodes.items[node].memory_free[model->vms.items[vm].memory] +=
        (int64_t)model->vms.items[vm].memory_mib;
}

/* Gives back all GPUs that 'vm' holds on 'node'. */
void vm_give_gpus(struct plan_model *model, uint32_t vm, uint32_t node)
{
    const struct node *item = &model->nodes.items[node];
    for (uint32_t gpu = item->gpu_first; gpu < item->gpu_first + item->gpu_len; gpu++) {
        if (model->gpus.items[gpu].holder == vm && !model->gpus.items[gpu].is_reserved) {
            gpu_set_holder(model, node, gpu, PLAN_NONE);
        }
    }
}

void vm_release(struct plan_model *model, uint32_t vm, uint32_t node)
{
    vm_give_gpus(model, vm, node);
    vm_give_room(model, vm, node);
}

void vm_list_add(struct plan_model *model, uint32_t vm, uint32_t node)
{
    struct vm *item = &model->vms.items[vm];
    assert(item->node == PLAN_NONE); /* in one list at most */
    item->node = node;
    item->before = PLAN_NONE;
    item->after = model->nodes.items[node].vm_first;
    if (item->after != PLAN_NONE) {
        model->vms.items[item->after].before = vm;
    }
    model->nodes.items[node].vm_first = vm;
}

void vm_list_remove(struct plan_model *model, uint32_t vm)
{
    struct vm *item = &model->vms.items[vm];
    assert(item->node != PLAN_NONE);
    if (item->before != PLAN_NONE) {
        model->vms.items[item->before].after = item->after;
    } else {
        model->nodes.items[item->node].vm_first = item->after;
    }
    if (item->after != PLAN_NONE) {
        model->vms.items[item->after].before = item->before;
    }
    item->node = item->before = item->after = PLAN_NONE;
}

static void hold(struct plan_model *model, uint32_t vm, uint32_t node, const uint32_t *gpus,
                 uint32_t gpu_len, bool is_reserved)
{
    const struct node *item = &model->nodes.items[node];
    for (uint32_t i = 0; i < gpu_len; i++) {
        assert(gpus[i] >= item->gpu_first && gpus[i] < item->gpu_first + item->gpu_len);
        assert(model->gpus.items[gpus[i]].holder == PLAN_NONE);
        gpu_set_holder(model, node, gpus[i], vm);
        model->gpus.items[gpus[i]].is_reserved = is_reserved;
    }
    vm_take_room(model, vm, node);
}

void plan_vm_hold(struct plan_model *model, uint32_t vm, uint32_t node, const uint32_t *gpus,
                  uint32_t gpu_len)
{
    hold(model, vm, node, gpus, gpu_len, true);
}

void plan_vm_put(struct plan_model *model, uint32_t vm, uint32_t node, const uint32_t *gpus,
                 uint32_t gpu_len)
{
    assert(model->vms.items[vm].node == PLAN_NONE);
    hold(model, vm, node, gpus, gpu_len, false);
    vm_list_add(model, vm, node);
}

void plan_vm_clear(struct plan_model *model, uint32_t vm)
{
    uint32_t node = model->vms.items[vm].node;
    if (node != PLAN_NONE) {
        vm_release(model, vm, node);
        vm_list_remove(model, vm);
    }
}

uint32_t vm_gpus_on(const struct plan_model *model, uint32_t vm, uint32_t node,
                    uint32_t ret[gpus_per_vm_max])
{
    const struct node *item = &model->nodes.items[node];
    uint32_t len = 0;
    for (uint32_t gpu = item->gpu_first; gpu < item->gpu_first + item->gpu_len; gpu++) {
        const struct gpu_entry *entry = &model->gpus.items[gpu];
        if (entry->holder == vm && !entry->is_reserved && len < gpus_per_vm_max) {
            ret[len++] = gpu;
        }
    }
    return len;
}

/* ---- questions ---- */

uint32_t plan_node_count(const struct plan_model *model)
{
    return (uint32_t)model->nodes.len;
}

uint32_t plan_vm_count(const struct plan_model *model)
{
    return (uint32_t)model->vms.len;
}

const char *plan_node_name(const struct plan_model *model, uint32_t node)
{
    return model->nodes.items[node].name;
}

const char *plan_vm_name(const struct plan_model *model, uint32_t vm)
{
    return model->vms.items[vm].name;
}

const char *plan_pool_name(const struct plan_model *model, uint32_t pool)
{
    return model->pools.items[pool];
}

enum plan_mode plan_node_mode(const struct plan_model *model, uint32_t node)
{
    return model->nodes.items[node].mode;
}

uint32_t plan_vm_node(const struct plan_model *model, uint32_t vm)
{
    return model->vms.items[vm].node;
}

uint32_t plan_vm_gpus(const struct plan_model *model, uint32_t vm, uint32_t ret[gpus_per_vm_max])
{
    uint32_t node = model->vms.items[vm].node;
    return node == PLAN_NONE ? 0 : vm_gpus_on(model, vm, node, ret);
}

uint32_t plan_node_first_vm(const struct plan_model *model, uint32_t node)
{
    return model->nodes.items[node].vm_first;
}

uint32_t plan_node_next_vm(const struct plan_model *model, uint32_t vm)
{
    return model->vms.items[vm].after;
}

/* Counts the entries: right with and without the index. */
static uint32_t node_free_gpus(const struct plan_model *model, const struct node *node,
                               uint32_t pool)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->gpu_len; i++) {
        const struct gpu_entry *gpu = &model->gpus.items[node->gpu_first + i];
        count += gpu->pool == pool && gpu_is_free(model, node, gpu);
    }
    return count;
}

uint32_t plan_free_gpus(const struct plan_model *model, uint32_t node, uint32_t pool)
{
    if (node != PLAN_NONE) {
        return node_free_gpus(model, &model->nodes.items[node], pool);
    }
    uint32_t count = 0;
    for (size_t i = 0; i < model->nodes.len; i++) {
        const struct node *each = &model->nodes.items[i];
        count += each->mode == PLAN_ACTIVE ? node_free_gpus(model, each, pool) : 0;
    }
    return count;
}

size_t plan_model_size(const struct plan_model *model)
{
    const struct scratch *scratch = &model->scratch;
    return sizeof(*model) + (model->pools.capacity + model->labels.capacity) * sizeof(char *) +
           model->nodes.capacity * sizeof(struct node) +
           model->gpus.capacity * sizeof(struct gpu_entry) +
           model->sets.capacity * sizeof(struct gpu_set) + model->vms.capacity * sizeof(struct vm) +
           model->owners.capacity * sizeof(uint32_t) +
           model->relations.capacity * sizeof(struct relation) +
           model->nodes.len * model->pools.len * sizeof(uint16_t) + model->shelf_size +
           (size_t)scratch->node_capacity * (sizeof(*scratch->flags) + sizeof(*scratch->score)) +
           (size_t)scratch->vm_capacity * 2 * sizeof(*scratch->turns);
}
