/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/place.h"

#include "plan/evict.h"
#include "plan/improve.h"
#include "plan/order.h"
#include "plan/take.h"

#include <assert.h>
#include <errno.h>

/* ---- from next places to a plan ---- */

/* Where 'vm' was before the plan; PLAN_NONE. */
static uint32_t node_before(const struct plan_model *model, const struct plan *plan, uint32_t vm)
{
    uint32_t node = model->vms.items[vm].node;
    for (size_t i = 0; node == PLAN_NONE && i < plan->evictions.len; i++) {
        node = plan->evictions.items[i].vm == vm ? plan->evictions.items[i].node : PLAN_NONE;
    }
    return node;
}

/* Makes the next place of 'vm' its place. */
static void arrive(struct plan_model *model, uint32_t vm, struct plan *plan)
{
    struct vm *item = &model->vms.items[vm];
    assert(plan->placements.len < plan->placements.capacity);
    struct plan_placement *placement = &plan->placements.items[plan->placements.len++];
    *placement = (struct plan_placement){.vm = vm,
                                         .node = item->next_node,
                                         .from = node_before(model, plan, vm),
                                         .gpu_first = (uint32_t)plan->gpus.len};
    placement->gpu_len = take_list_gpus(model, plan, vm, item->next_node);
    assert(placement->gpu_len == item->gpu_count || item->node == item->next_node);
    if (item->node != PLAN_NONE) {
        take_leave(model, vm, plan);
    }
    vm_list_add(model, vm, placement->node);
    item->next_node = PLAN_NONE;
}

/* Every VM that stood in line gets an answer: a place, or that it waits. */
static void plan_commit(struct plan_model *model, uint32_t turn_len, struct plan *plan)
{
    for (uint32_t i = 0; i < turn_len; i++) {
        uint32_t vm = model->scratch.turns[i].vm;
        if (model->vms.items[vm].next_node != PLAN_NONE) {
            arrive(model, vm, plan);
        } else {
            assert(plan->waiting.len < plan->waiting.capacity);
            plan->waiting.items[plan->waiting.len++] = (struct plan_waiting){vm, PLAN_WAIT_ROOM};
        }
    }
}

/* ---- the request ---- */

/* May VMs that are not asked for have to leave? */
static bool may_evict(const struct plan_request *request)
{
    return request->may_preempt || request->may_move;
}

/* Drops what 'plan' held and makes room for all that can come, so that nothing fails later. */
static bool plan_prepare(struct plan_model *model, const struct plan_request *request,
                         struct plan *plan)
{
    uint32_t most = may_evict(request) ? (uint32_t)model->vms.len : request->vm_len;
    size_t gpus = may_evict(request) ? model->gpus.len * 2 : 0;
    for (uint32_t i = 0; i < request->vm_len; i++) {
        const struct vm *vm = &model->vms.items[request->vms[i]];
        /* The new ones, and those it holds now, which need not be as many. */
        gpus += vm->gpu_count + (vm->node != PLAN_NONE ? gpus_per_vm_max : 0U);
    }
    plan->placements.len = plan->waiting.len = plan->evictions.len = 0;
    plan->left.len = plan->gpus.len = 0;
    plan->is_proven = true;
    plan->steps = 0;
    return model_index(model) && model_scratch(model, most) &&
           VEC_RESERVE(&plan->placements, most) && VEC_RESERVE(&plan->waiting, most) &&
           VEC_RESERVE(&plan->evictions, may_evict(request) ? most : 0) &&
           VEC_RESERVE(&plan->left, most) && VEC_RESERVE(&plan->gpus, gpus);
}

static void mark_asked(struct plan_model *model, const struct plan_request *request, bool is_asked)
{
    for (uint32_t i = 0; i < request->vm_len; i++) {
        assert(!is_asked || !model->vms.items[request->vms[i]].is_asked); /* each VM once */
        model->vms.items[request->vms[i]].is_asked = is_asked;
    }
}

/* Makes room at the cost of others; those stand in line then like those asked for. How many stand
 * there. */
static uint32_t place_by_eviction(struct plan_model *model, const struct plan_request *request,
                                  struct plan *plan)
{
    uint32_t len = request->vm_len;
    evict_for_waiting(model, request, len, plan);
    for (size_t i = 0; i < plan->evictions.len; i++) {
        order_set(model, len++, plan->evictions.items[i].vm);
    }
    if (len > request->vm_len) {
        order_sort(model, len);
        take_best_places(model, request, len);
    }
    return len;
}

/* Whether the places that others have in the end forbid 'vm' its next place: partners that were to
 * move as well, and stay. */
static bool is_torn(const struct plan_model *model, const struct vm *vm)
{
    for (uint32_t i = vm->relation_first; i != PLAN_NONE; i = model->relations.items[i].after) {
        const struct relation *relation = &model->relations.items[i];
        const struct vm *other = &model->vms.items[relation->other];
        uint32_t stays = other->node != PLAN_NONE && other->next_node == PLAN_NONE &&
                                 model->nodes.items[other->node].mode != PLAN_DOWN
                             ? other->node
                             : PLAN_NONE;
        if (relation->is_enforced && stays != PLAN_NONE &&
            (stays == vm->next_node) != (relation->kind == PLAN_TOGETHER)) {
            return true;
        }
    }
    return false;
}

/* Takes back what cannot be because of who stays; those stay then, too, until no more do. */
static void settle(struct plan_model *model, uint32_t turn_len)
{
    for (bool is_settled = false; !is_settled;) {
        is_settled = true;
        for (uint32_t i = 0; i < turn_len; i++) {
            uint32_t vm = model->scratch.turns[i].vm;
            if (model->vms.items[vm].next_node != PLAN_NONE &&
                is_torn(model, &model->vms.items[vm])) {
                take_back(model, vm);
                is_settled = false;
            }
        }
    }
}

int place_request(struct plan_model *model, const struct plan_request *request, struct plan *plan)
{
    if (!plan_prepare(model, request, plan)) {
        return -ENOMEM;
    }
    uint32_t turn_len = request->vm_len;
    mark_asked(model, request, true);
    for (uint32_t i = 0; i < request->vm_len; i++) {
        order_set(model, i, request->vms[i]);
    }
    order_sort(model, turn_len);
    uint32_t left_out = take_best_places(model, request, turn_len);
    if (left_out > 0) {
        left_out = improve(model, request, turn_len, plan);
    }
    if (left_out > 0 && may_evict(request)) {
        turn_len = place_by_eviction(model, request, plan);
    }
    if (left_out > 0) {
        settle(model, turn_len);
    }
    mark_asked(model, request, false);
    plan_commit(model, turn_len, plan);
    assert(plan->placements.len + plan->waiting.len == turn_len);
    return 0;
}
