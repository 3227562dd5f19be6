/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/sets.h"

#include <string.h>

ENUM_DEFINE(plan_refusal, PLAN_REFUSAL_LIST)

static bool list_has(const uint32_t *list, uint32_t len, uint32_t value)
{
    for (uint32_t i = 0; i < len; i++) {
        if (list[i] == value) {
            return true;
        }
    }
    return false;
}

static bool is_avoided(const struct plan_request *request, uint32_t vm, uint32_t node)
{
    for (uint32_t i = 0; request && i < request->avoid_len; i++) {
        const struct plan_avoid *avoid = &request->avoid[i];
        if (avoid->is_hard && avoid->vm == vm && avoid->node == node) {
            return true;
        }
    }
    return false;
}

/* What speaks against the node whatever is free on it. */
static enum plan_refusal refusal_by_rule(const struct plan_model *model,
                                         const struct plan_request *request, uint32_t index,
                                         uint32_t node)
{
    const struct vm *vm = &model->vms.items[index];
    const struct node *item = &model->nodes.items[node];
    if (vm->node == node && item->mode == PLAN_ACTIVE) {
        return PLAN_IS_HERE;
    }
    switch (item->mode) {
    case PLAN_DOWN:
        return PLAN_NODE_DOWN;
    case PLAN_DRAIN:
        return PLAN_NODE_DRAIN;
    case PLAN_PAUSED:
        return PLAN_NODE_PAUSED;
    case PLAN_ACTIVE:
        break;
    }
    if (is_avoided(request, index, node)) {
        return PLAN_AVOIDED;
    }
    if (vm->possible_len > 0 &&
        !list_has(&model->owners.items[vm->possible], vm->possible_len, node)) {
        return PLAN_NOT_OWNER;
    }
    return (vm->labels & ~item->labels) != 0 ? PLAN_NO_LABEL : PLAN_FITS;
}

/* The holders of GPUs of reason->pool: the first by name, and how many others. */
static void find_holders(const struct plan_model *model, const struct node *node,
                         struct plan_reason *reason)
{
    UNCLEARED uint32_t seen[devices_per_node_max];
    uint32_t seen_len = 0;
    for (uint32_t i = 0; i < node->gpu_len; i++) {
        const struct gpu_entry *gpu = &model->gpus.items[node->gpu_first + i];
        if (gpu->pool != reason->pool || gpu->holder == PLAN_NONE ||
            list_has(seen, seen_len, gpu->holder)) {
            continue;
        }
        seen[seen_len++] = gpu->holder;
        if (reason->other == PLAN_NONE ||
            strcmp(model->vms.items[gpu->holder].name, model->vms.items[reason->other].name) < 0) {
            reason->other = gpu->holder;
        }
    }
    reason->more = seen_len > 0 ? seen_len - 1 : 0;
}

/* Enough of them are free, but not in one set. */
static bool refuse_by_sets(const struct plan_model *model, const struct node *node,
                           const struct need *need, uint32_t free_len, struct plan_reason *reason)
{
    uint32_t unheld;
    if (sets_have(model, node, need, NULL)) {
        return false;
    }
    reason->pool = need->pool;
    reason->need = need->count;
    reason->have = free_len;
    reason->total = sets_count(model, node, need->pool, need->count, NULL, &unheld);
    reason->code = reason->total > 0 ? PLAN_SETS_TAKEN : PLAN_NO_SET;
    if (reason->total > 0) {
        find_holders(model, node, reason);
    }
    return true;
}

/* Whether the free GPUs of one need are too few, and what has become of the others. */
static bool refuse_by_gpus(const struct plan_model *model, const struct node *node,
                           const struct need *need, struct plan_reason *reason)
{
    uint32_t total = 0, healthy = 0, unheld = 0, free_len = 0;
    for (uint32_t i = 0; i < node->gpu_len; i++) {
        const struct gpu_entry *gpu = &model->gpus.items[node->gpu_first + i];
        if (gpu->pool == need->pool) {
            total++;
            healthy += !gpu->is_quarantined;
            unheld += !gpu->is_quarantined && gpu->holder == PLAN_NONE;
            free_len += gpu_is_free(model, node, gpu);
        }
    }
    if (free_len >= need->count) {
        return refuse_by_sets(model, node, need, free_len, reason);
    }
    reason->pool = need->pool;
    reason->need = need->count;
    reason->have = free_len;
    reason->total = total;
    if (total < need->count) {
        reason->code = total == 0 ? PLAN_NO_GPU : PLAN_TOO_FEW_GPUS;
    } else if (healthy < need->count) {
        reason->code = PLAN_GPUS_QUARANTINED;
        reason->have = healthy;
    } else if (unheld >= need->count) {
        reason->code = PLAN_GPUS_SPLIT;
    } else {
        reason->code = PLAN_GPUS_TAKEN;
        find_holders(model, node, reason);
    }
    return true;
}

static void refuse_amount(struct plan_reason *reason, enum plan_refusal code, uint64_t need,
                          int64_t have, uint64_t total)
{
    reason->code = code;
    reason->pool = PLAN_NONE;
    reason->need = need;
    reason->have = (uint64_t)MAX(have, INT64_C(0));
    reason->total = total;
}

static bool refuse_by_room(const struct vm *vm, const struct node *node, struct plan_reason *reason)
{
    if (node->cpus_free < vm->cpus) {
        refuse_amount(reason, PLAN_NO_CPUS, vm->cpus, node->cpus_free, node->cpus);
        return true;
    }
    if (node->memory_free[vm->memory] < (int64_t)vm->memory_mib) {
        reason->memory = vm->memory;
        refuse_amount(reason, vm->memory == MEMORY_ORDINARY ? PLAN_NO_MEMORY : PLAN_NO_HUGE_PAGES,
                      vm->memory_mib, node->memory_free[vm->memory], node->memory_mib[vm->memory]);
        return true;
    }
    return false;
}

static bool refuse_by_partners(const struct plan_model *model, const struct vm *vm,
                               struct plan_reason *reason)
{
    for (uint32_t i = vm->relation_first; i != PLAN_NONE; i = model->relations.items[i].after) {
        const struct relation *relation = &model->relations.items[i];
        uint32_t place = vm_place(model, &model->vms.items[relation->other]);
        bool is_bad = relation->kind == PLAN_APART ? place == reason->node : place != reason->node;
        if (!relation->is_enforced || place == PLAN_NONE || !is_bad) {
            continue;
        }
        if (reason->code == PLAN_FITS || strcmp(model->vms.items[relation->other].name,
                                                model->vms.items[reason->other].name) < 0) {
            reason->code = relation->kind == PLAN_APART ? PLAN_APART_FROM : PLAN_TOGETHER_WITH;
            reason->other = relation->other;
            reason->where = place;
        }
    }
    return reason->code != PLAN_FITS;
}

struct plan_reason plan_explain(const struct plan_model *model, const struct plan_request *request,
                                uint32_t vm, uint32_t node)
{
    const struct vm *item = &model->vms.items[vm];
    const struct node *host = &model->nodes.items[node];
    struct plan_reason reason = {.node = node,
                                 .code = refusal_by_rule(model, request, vm, node),
                                 .pool = PLAN_NONE,
                                 .other = PLAN_NONE,
                                 .where = PLAN_NONE};
    if (reason.code == PLAN_NO_LABEL) {
        reason.other = (uint32_t)__builtin_ctzll(item->labels & ~host->labels);
    }
    if (reason.code != PLAN_FITS) {
        return reason;
    }
    for (uint32_t i = 0; i < item->need_len; i++) {
        if (refuse_by_gpus(model, host, &item->needs[i], &reason)) {
            return reason;
        }
    }
    if (!refuse_by_room(item, host, &reason)) {
        refuse_by_partners(model, item, &reason);
    }
    return reason;
}

/* ---- by names ---- */

static enum cause_code cause_of(enum plan_refusal refusal)
{
    static const enum cause_code codes[plan_refusal_count] = {
        [PLAN_FITS] = CAUSE_FITS,
        [PLAN_IS_HERE] = CAUSE_IS_HERE,
        [PLAN_NODE_DOWN] = CAUSE_NODE_NO_ANSWER,
        [PLAN_NODE_DRAIN] = CAUSE_NODE_DRAINS,
        [PLAN_NODE_PAUSED] = CAUSE_NODE_PAUSED,
        [PLAN_AVOIDED] = CAUSE_EXCLUDED,
        [PLAN_NOT_OWNER] = CAUSE_NOT_OWNER,
        [PLAN_NO_LABEL] = CAUSE_NO_LABEL,
        [PLAN_NO_GPU] = CAUSE_NO_GPU,
        [PLAN_TOO_FEW_GPUS] = CAUSE_TOO_FEW_GPUS,
        [PLAN_GPUS_QUARANTINED] = CAUSE_GPUS_UNUSABLE,
        [PLAN_GPUS_TAKEN] = CAUSE_GPUS_TAKEN,
        [PLAN_GPUS_SPLIT] = CAUSE_GPUS_SPLIT,
        [PLAN_NO_SET] = CAUSE_NO_GPU_SET,
        [PLAN_SETS_TAKEN] = CAUSE_GPU_SETS_TAKEN,
        [PLAN_NO_CPUS] = CAUSE_NO_CPUS,
        [PLAN_NO_MEMORY] = CAUSE_NO_MEMORY,
        [PLAN_NO_HUGE_PAGES] = CAUSE_NO_HUGE_PAGES,
        [PLAN_APART_FROM] = CAUSE_APART,
        [PLAN_TOGETHER_WITH] = CAUSE_TOGETHER,
        [PLAN_BREAKS_RESERVE] = CAUSE_RESERVE,
    };
    return codes[refusal];
}

struct cause plan_reason_cause(const struct plan_model *model, const struct plan_reason *reason)
{
    struct cause cause = {.code = cause_of(reason->code)};
    struct facts *facts = &cause.facts;
    facts->need = reason->need;
    facts->have = reason->have;
    facts->total = reason->total;
    facts->count = reason->more;
    if (reason->pool != PLAN_NONE) {
        (void)copy_text(facts->pool, sizeof(facts->pool), plan_pool_name(model, reason->pool));
    }
    if (reason->code == PLAN_NO_HUGE_PAGES) {
        (void)copy_text(facts->label, sizeof(facts->label), memory_kind_name(reason->memory));
    }
    if (reason->code == PLAN_NO_LABEL) {
        (void)copy_text(facts->label, sizeof(facts->label), model->labels.items[reason->other]);
    } else if (reason->other != PLAN_NONE) {
        (void)copy_text(facts->who, sizeof(facts->who), plan_vm_name(model, reason->other));
    }
    if (reason->where != PLAN_NONE && reason->code == PLAN_TOGETHER_WITH) {
        (void)copy_text(facts->node, sizeof(facts->node), plan_node_name(model, reason->where));
    }
    return cause;
}
