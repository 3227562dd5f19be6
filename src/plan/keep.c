/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Room that a VM without a place keeps for itself while others are planned. */
#include "plan/sets.h"

#include <assert.h>

/* False: someone else has it. */
static bool keep_gpu(struct plan_model *model, uint32_t vm, uint32_t node, uint32_t gpu)
{
    struct gpu_entry *entry = &model->gpus.items[gpu];
    if (!gpu_is_free(model, &model->nodes.items[node], entry)) {
        return false;
    }
    gpu_set_holder(model, node, gpu, vm);
    entry->is_reserved = true;
    return true;
}

static void keep_gpus(struct plan_model *model, uint32_t vm, uint32_t node, const struct need *need)
{
    const struct node *item = &model->nodes.items[node];
    uint32_t missing = need->count;
    const struct gpu_set *set =
        missing > 1 && sets_rule(model, item, need->pool) ? sets_nearly(model, item, need) : NULL;
    for (uint32_t i = 0; set && i < set->len; i++) {
        (void)keep_gpu(model, vm, node, set->gpus[i]);
    }
    for (uint32_t gpu = item->gpu_first;
         !set && gpu < item->gpu_first + item->gpu_len && missing > 0; gpu++) {
        missing -= model->gpus.items[gpu].pool == need->pool && keep_gpu(model, vm, node, gpu);
    }
}

void plan_vm_keep(struct plan_model *model, uint32_t vm, uint32_t node)
{
    const struct vm *item = &model->vms.items[vm];
    assert(item->node == PLAN_NONE);
    for (uint32_t i = 0; i < item->need_len; i++) {
        keep_gpus(model, vm, node, &item->needs[i]);
    }
    vm_take_room(model, vm, node);
}

void plan_vm_unkeep(struct plan_model *model, uint32_t vm, uint32_t node)
{
    const struct node *item = &model->nodes.items[node];
    for (uint32_t gpu = item->gpu_first; gpu < item->gpu_first + item->gpu_len; gpu++) {
        struct gpu_entry *entry = &model->gpus.items[gpu];
        if (entry->holder == vm && entry->is_reserved) {
            entry->is_reserved = false;
            gpu_set_holder(model, node, gpu, PLAN_NONE);
        }
    }
    vm_give_room(model, vm, node);
}
