/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/place.h"

#include "plan/evict.h"
#include "plan/fit.h"
#include "plan/gpus.h"
#include "plan/improve.h"
#include "plan/order.h"
#include "plan/reserve.h"

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

/* ---- from next places to a plan ---- */

/* Appends the GPUs that 'vm' holds on 'node' to plan.gpus; how many. */
static uint32_t plan_add_gpus(const struct plan_model *model, struct plan *plan, uint32_t vm,
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

void place_leave(struct plan_model *model, uint32_t vm, struct plan *plan)
{
    uint32_t node = model->vms.items[vm].node;
    assert(plan->left.len < plan->left.capacity);
    struct plan_left *left = &plan->left.items[plan->left.len++];
    *left = (struct plan_left){.vm = vm, .node = node, .gpu_first = (uint32_t)plan->gpus.len};
    left->gpu_len = plan_add_gpus(model, plan, vm, node);
    vm_release(model, vm, node);
    vm_list_remove(model, vm);
}

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
    struct plan_placement *placement = &plan->placements.items[plan->placements.len++];
    *placement = (struct plan_placement){.vm = vm,
                                         .node = item->next_node,
                                         .from = node_before(model, plan, vm),
                                         .gpu_first = (uint32_t)plan->gpus.len};
    placement->gpu_len = plan_add_gpus(model, plan, vm, item->next_node);
    if (item->node != PLAN_NONE) {
        place_leave(model, vm, plan);
    }
    vm_list_add(model, vm, placement->node);
    item->next_node = PLAN_NONE;
}

static void plan_commit(struct plan_model *model, uint32_t turn_len, struct plan *plan)
{
    for (uint32_t i = 0; i < turn_len; i++) {
        uint32_t vm = model->scratch.turns[i].vm;
        if (model->vms.items[vm].next_node != PLAN_NONE) {
            arrive(model, vm, plan);
        } else {
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

uint32_t place_waiting(struct plan_model *model, const struct plan_request *request,
                       uint32_t turn_len)
{
    uint32_t left_out = 0;
    for (uint32_t i = 0; i < turn_len; i++) {
        uint32_t vm = model->scratch.turns[i].vm;
        left_out += model->vms.items[vm].next_node == PLAN_NONE && !place_best(model, request, vm);
    }
    return left_out;
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
        place_waiting(model, request, len);
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
                place_give(model, vm);
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
    uint32_t left_out = place_waiting(model, request, turn_len);
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
    return 0;
}

int plan_place(struct plan_model *model, const struct plan_request *request, struct plan *plan)
{
    return request->reserve > 0 ? place_within_reserve(model, request, plan)
                                : place_request(model, request, plan);
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
