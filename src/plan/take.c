/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/take.h"

#include "plan/fit.h"
#include "plan/gpus.h"

#include <assert.h>
#include <string.h>

/* A VM has one next place at most, and while it moves it holds both: what it leaves is free for
 * others only once it is gone. */
bool take_place(struct plan_model *model, uint32_t vm, uint32_t node)
{
    assert(model->vms.items[vm].next_node == PLAN_NONE);
    if (!gpus_take(model, vm, node)) {
        return false;
    }
    vm_take_room(model, vm, node);
    model->vms.items[vm].next_node = node;
    return true;
}

void take_back(struct plan_model *model, uint32_t vm)
{
    struct vm *item = &model->vms.items[vm];
    assert(item->next_node != PLAN_NONE);
    vm_release(model, vm, item->next_node);
    item->next_node = PLAN_NONE;
}

bool take_best_place(struct plan_model *model, const struct plan_request *request, uint32_t vm)
{
    struct wish wish;
    wish_begin(&wish, model, request, vm);
    uint32_t node = wish_best_node(&wish);
    wish_end(&wish);
    return node != PLAN_NONE && take_place(model, vm, node);
}

uint32_t take_best_places(struct plan_model *model, const struct plan_request *request,
                          uint32_t turn_len)
{
    uint32_t left_out = 0;
    for (uint32_t i = 0; i < turn_len; i++) {
        uint32_t vm = model->scratch.turns[i].vm;
        left_out +=
            model->vms.items[vm].next_node == PLAN_NONE && !take_best_place(model, request, vm);
    }
    return left_out;
}

uint32_t take_list_gpus(const struct plan_model *model, struct plan *plan, uint32_t vm,
                        uint32_t node)
{
    uint32_t gpus[gpus_per_vm_max];
    uint32_t len = vm_gpus_on(model, vm, node, gpus);
    assert(plan->gpus.len + len <= plan->gpus.capacity);
    if (len > 0) { /* else 'items' may be NULL */
        memcpy(plan->gpus.items + plan->gpus.len, gpus, len * sizeof(*gpus));
    }
    plan->gpus.len += len;
    return len;
}

void take_leave(struct plan_model *model, uint32_t vm, struct plan *plan)
{
    uint32_t node = model->vms.items[vm].node;
    assert(node != PLAN_NONE);
    assert(plan->left.len < plan->left.capacity);
    struct plan_left *left = &plan->left.items[plan->left.len++];
    *left = (struct plan_left){.vm = vm, .node = node, .gpu_first = (uint32_t)plan->gpus.len};
    left->gpu_len = take_list_gpus(model, plan, vm, node);
    vm_release(model, vm, node);
    vm_list_remove(model, vm);
}
