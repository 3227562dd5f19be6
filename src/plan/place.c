/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/fit.h"
#include "plan/gpus.h"
#include "plan/improve.h"
#include "plan/order.h"
#include "plan/place.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

ENUM_DEFINE(plan_wait, PLAN_WAIT_LIST)

void plan_done(struct plan *plan)
{
    VEC_DONE(&plan->placements);
    VEC_DONE(&plan->waiting);
    VEC_DONE(&plan->evictions);
    VEC_DONE(&plan->left);
    VEC_DONE(&plan->gpus);
    *plan = (struct plan){0};
}

/* ---- a VM's next place, while the plan is being made ---- */

bool place_take(struct plan_model *model, uint32_t vm, uint32_t node)
{
    if (!gpus_take(model, vm, node)) {
        return false;
    }
    vm_take_room(model, vm, node);
    model->vms.items[vm].next_node = node;
    return true;
}

void place_give(struct plan_model *model, uint32_t vm)
{
    struct vm *item = &model->vms.items[vm];
    vm_release(model, vm, item->next_node);
    item->next_node = PLAN_NONE;
}

bool place_best(struct plan_model *model, const struct plan_request *request, uint32_t vm)
{
    struct wish wish;
    wish_begin(&wish, model, request, vm);
    uint32_t node = wish_best_node(&wish);
    wish_end(&wish);
    return node != PLAN_NONE && place_take(model, vm, node);
}

/* ---- the request ---- */

/* Drops what 'plan' held and makes room for all that can come, so that nothing fails later. */
static bool plan_prepare(struct plan_model *model, const struct plan_request *request,
                         struct plan *plan)
{
    size_t gpus = 0;
    for (uint32_t i = 0; i < request->vm_len; i++) {
        /* New ones, and those that it leaves. */
        gpus += model->vms.items[request->vms[i]].gpu_count * 2;
    }
    plan->placements.len = plan->waiting.len = plan->evictions.len = 0;
    plan->left.len = plan->gpus.len = 0;
    plan->is_proven = true;
    plan->steps = 0;
    return model_index(model) && model_scratch(model, request->vm_len) &&
           VEC_RESERVE(&plan->placements, request->vm_len) &&
           VEC_RESERVE(&plan->waiting, request->vm_len) &&
           VEC_RESERVE(&plan->left, request->vm_len) && VEC_RESERVE(&plan->gpus, gpus);
}

static void mark_asked(struct plan_model *model, const struct plan_request *request, bool is_asked)
{
    for (uint32_t i = 0; i < request->vm_len; i++) {
        assert(!is_asked || !model->vms.items[request->vms[i]].is_asked); /* each VM once */
        model->vms.items[request->vms[i]].is_asked = is_asked;
    }
}

static uint32_t place_greedily(struct plan_model *model, const struct plan_request *request)
{
    uint32_t left_out = 0;
    for (uint32_t i = 0; i < request->vm_len; i++) {
        left_out += !place_best(model, request, model->scratch.turns[i].vm);
    }
    return left_out;
}

/* ---- from next places to a plan ---- */

/* Appends the GPUs that 'vm' holds on 'node' to plan.gpus; how many. */
static uint32_t plan_add_gpus(const struct plan_model *model, struct plan *plan, uint32_t vm,
                              uint32_t node)
{
    uint32_t gpus[gpus_per_vm_max];
    uint32_t len = vm_gpus_on(model, vm, node, gpus);
    assert(plan->gpus.len + len <= plan->gpus.capacity);
    memcpy(plan->gpus.items + plan->gpus.len, gpus, len * sizeof(*gpus));
    plan->gpus.len += len;
    return len;
}

/* Gives up the place that 'vm' has; remembered in 'plan'. */
static void leave(struct plan_model *model, uint32_t vm, struct plan *plan)
{
    uint32_t node = model->vms.items[vm].node;
    struct plan_left *left = &plan->left.items[plan->left.len++];
    *left = (struct plan_left){.vm = vm, .node = node, .gpu_first = (uint32_t)plan->gpus.len};
    left->gpu_len = plan_add_gpus(model, plan, vm, node);
    vm_release(model, vm, node);
    vm_list_remove(model, vm);
}

/* Makes the next place of 'vm' its place. */
static void arrive(struct plan_model *model, uint32_t vm, struct plan *plan)
{
    struct vm *item = &model->vms.items[vm];
    struct plan_placement *placement = &plan->placements.items[plan->placements.len++];
    *placement = (struct plan_placement){.vm = vm,
                                         .node = item->next_node,
                                         .from = item->node,
                                         .gpu_first = (uint32_t)plan->gpus.len};
    placement->gpu_len = plan_add_gpus(model, plan, vm, item->next_node);
    if (item->node != PLAN_NONE) {
        leave(model, vm, plan);
    }
    vm_list_add(model, vm, placement->node);
    item->next_node = PLAN_NONE;
}

static void plan_commit(struct plan_model *model, const struct plan_request *request,
                        struct plan *plan)
{
    for (uint32_t i = 0; i < request->vm_len; i++) {
        uint32_t vm = model->scratch.turns[i].vm;
        if (model->vms.items[vm].next_node != PLAN_NONE) {
            arrive(model, vm, plan);
        } else {
            plan->waiting.items[plan->waiting.len++] = (struct plan_waiting){vm, PLAN_WAIT_ROOM};
        }
    }
}

int plan_place(struct plan_model *model, const struct plan_request *request, struct plan *plan)
{
    if (!plan_prepare(model, request, plan)) {
        return -ENOMEM;
    }
    mark_asked(model, request, true);
    order_make(model, request->vms, request->vm_len);
    if (place_greedily(model, request) > 0) {
        improve(model, request, request->vm_len, plan);
    }
    mark_asked(model, request, false);
    plan_commit(model, request, plan);
    return 0;
}

void plan_undo(struct plan_model *model, const struct plan *plan)
{
    for (size_t i = 0; i < plan->placements.len; i++) {
        plan_vm_clear(model, plan->placements.items[i].vm);
    }
    for (size_t i = 0; i < plan->left.len; i++) {
        const struct plan_left *left = &plan->left.items[i];
        plan_vm_put(model, left->vm, left->node, plan->gpus.items + left->gpu_first, left->gpu_len);
    }
}
