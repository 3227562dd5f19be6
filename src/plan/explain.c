/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/model.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
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
    uint32_t seen[devices_per_node_max], seen_len = 0;
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
        return false;
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

/* ---- in words ---- */

static void text_of_gpus(const struct plan_model *model, const struct plan_reason *reason,
                         char *ret, size_t size)
{
    char holders[name_size + 32] = "";
    if (reason->other != PLAN_NONE) {
        int used =
            snprintf(holders, sizeof(holders), ", held by %s", plan_vm_name(model, reason->other));
        if (reason->more > 0 && used > 0 && (size_t)used < sizeof(holders)) {
            snprintf(holders + used, sizeof(holders) - (size_t)used, " and %" PRIu32 " more",
                     reason->more);
        }
    }
    snprintf(ret, size, "needs %" PRIu64 ": %" PRIu64 " of %" PRIu64 " GPUs free in %s%s",
             reason->need, reason->have, reason->total, plan_pool_name(model, reason->pool),
             holders);
}

static void text_of_memory(const struct plan_reason *reason, char *ret, size_t size)
{
    bool is_huge = reason->code == PLAN_NO_HUGE_PAGES;
    snprintf(ret, size, "%s: needs %" PRIu64 " MiB%s%s, %" PRIu64 " of %" PRIu64 " MiB free",
             is_huge ? "huge pages" : "memory", reason->need, is_huge ? " of " : "",
             is_huge ? memory_kind_name(reason->memory) : "", reason->have, reason->total);
}

const char *plan_reason_text(const struct plan_model *model, const struct plan_reason *reason,
                             char *ret, size_t size)
{
    const char *pool = reason->pool != PLAN_NONE ? plan_pool_name(model, reason->pool) : "";
    uint64_t need = reason->need, have = reason->have, total = reason->total;
    switch (reason->code) {
    case PLAN_FITS:
        snprintf(ret, size, "has room");
        break;
    case PLAN_IS_HERE:
        snprintf(ret, size, "it runs here");
        break;
    case PLAN_NODE_DOWN:
        snprintf(ret, size, "down");
        break;
    case PLAN_NODE_DRAIN:
        snprintf(ret, size, "draining");
        break;
    case PLAN_NODE_PAUSED:
        snprintf(ret, size, "paused");
        break;
    case PLAN_AVOIDED:
        snprintf(ret, size, "excluded by the request");
        break;
    case PLAN_NOT_OWNER:
        snprintf(ret, size, "not a possible owner");
        break;
    case PLAN_NO_LABEL:
        snprintf(ret, size, "has no label %s", model->labels.items[reason->other]);
        break;
    case PLAN_NO_GPU:
        snprintf(ret, size, "no GPU in pool %s", pool);
        break;
    case PLAN_TOO_FEW_GPUS:
        snprintf(ret, size, "needs %" PRIu64 ": has only %" PRIu64 " GPUs in %s", need, total,
                 pool);
        break;
    case PLAN_GPUS_QUARANTINED:
        snprintf(ret, size, "needs %" PRIu64 ": %" PRIu64 " of %" PRIu64 " GPUs in %s quarantined",
                 need, total - have, total, pool);
        break;
    case PLAN_GPUS_TAKEN:
        text_of_gpus(model, reason, ret, size);
        break;
    case PLAN_GPUS_SPLIT:
        snprintf(ret, size,
                 "needs %" PRIu64 ": %" PRIu64 " of %" PRIu64
                 " GPUs free in %s, the cards are in use in their other form",
                 need, have, total, pool);
        break;
    case PLAN_NO_CPUS:
        snprintf(ret, size, "CPUs: needs %" PRIu64 ", %" PRIu64 " of %" PRIu64 " free", need, have,
                 total);
        break;
    case PLAN_NO_MEMORY:
    case PLAN_NO_HUGE_PAGES:
        text_of_memory(reason, ret, size);
        break;
    case PLAN_APART_FROM:
        snprintf(ret, size, "apart from %s, which is here", plan_vm_name(model, reason->other));
        break;
    case PLAN_TOGETHER_WITH:
        snprintf(ret, size, "together with %s, which is on %s", plan_vm_name(model, reason->other),
                 plan_node_name(model, reason->where));
        break;
    case PLAN_BREAKS_RESERVE:
        snprintf(ret, size, "would break the reserve of %" PRIu64, need);
        break;
    }
    return ret;
}
