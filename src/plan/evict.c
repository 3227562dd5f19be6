/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/evict.h"

#include "plan/fit.h"
#include "plan/sets.h"
#include "plan/take.h"

#include <assert.h>
#include <string.h>

enum {
    /* A node whose VMs have to find other places is tried, not foreseen: so many, the best first.
     */
    tries_max = 16,
    victims_max = 64,
};

/* Who would have to leave 'node', and how bad that is. */
struct victims {
    uint32_t node;
    uint32_t vms[victims_max];
    uint32_t len;
    uint32_t priority; /* the highest among them */
    uint32_t gpus;
};

struct evict {
    struct plan_model *model;
    const struct plan_request *request;
    struct plan *plan;
    const struct vm *vm; /* that needs room */
    uint32_t index;
    bool is_move; /* victims may be of any priority, but each must find another place */
};

/* ---- who ---- */

/* What 'vm' would find free on a node once some have left. */
struct room {
    int64_t cpus, memory; /* of the kind that it needs */
    uint32_t gpus[needs_per_vm_max];
    struct set_freed freed; /* on a node with a fabric */
};

static struct room room_now(const struct evict *evict, uint32_t node)
{
    const struct node *item = &evict->model->nodes.items[node];
    struct room room = {item->cpus_free, item->memory_free[evict->vm->memory], {0}, {{0}}};
    for (uint32_t i = 0; i < evict->vm->need_len; i++) {
        room.gpus[i] = free_in_pool(evict->model, node, evict->vm->needs[i].pool);
    }
    return room;
}

/* With what 'victim' has (sign 1), or without it again (-1). */
static void room_change(const struct evict *evict, struct room *room, uint32_t node,
                        uint32_t victim, int sign)
{
    const struct plan_model *model = evict->model;
    const struct vm *item = &model->vms.items[victim];
    const struct node *host = &model->nodes.items[node];
    room->cpus += sign * (int64_t)item->cpus;
    room->memory += item->memory == evict->vm->memory ? sign * (int64_t)item->memory_mib : 0;
    for (uint32_t i = 0; i < host->gpu_len; i++) {
        const struct gpu_entry *gpu = &model->gpus.items[host->gpu_first + i];
        for (uint32_t k = 0; k < evict->vm->need_len; k++) {
            if (gpu->holder == victim && !gpu->is_reserved &&
                gpu->pool == evict->vm->needs[k].pool && !gpu->is_quarantined) {
                room->gpus[k] += (uint32_t)sign;
                room->freed.bits[i / 64] ^= UINT64_C(1) << (i % 64);
            }
        }
    }
}

static bool room_is_enough(const struct evict *evict, const struct room *room, uint32_t node)
{
    const struct node *host = &evict->model->nodes.items[node];
    bool is_enough =
        room->cpus >= evict->vm->cpus && room->memory >= (int64_t)evict->vm->memory_mib;
    for (uint32_t i = 0; i < evict->vm->need_len; i++) {
        is_enough &= room->gpus[i] >= evict->vm->needs[i].count &&
                     (!host->has_fabric ||
                      sets_have(evict->model, host, &evict->vm->needs[i], &room->freed));
    }
    return is_enough;
}

static bool may_leave(const struct evict *evict, const struct vm *victim)
{
    return !victim->is_asked && !victim->is_pinned &&
           (evict->is_move || victim->priority < evict->vm->priority);
}

/* Whether 'a' rather leaves than 'b': of lower priority, then with more GPUs, then by name. */
static bool leaves_before(const struct plan_model *model, uint32_t a, uint32_t b)
{
    const struct vm *x = &model->vms.items[a], *y = &model->vms.items[b];
    if (x->priority != y->priority) {
        return x->priority < y->priority;
    }
    if (x->gpu_count != y->gpu_count) {
        return x->gpu_count > y->gpu_count;
    }
    return strcmp(x->name, y->name) < 0;
}

static void find_candidates(const struct evict *evict, struct victims *ret)
{
    const struct plan_model *model = evict->model;
    ret->len = 0;
    for (uint32_t vm = model->nodes.items[ret->node].vm_first; vm != PLAN_NONE;
         vm = model->vms.items[vm].after) {
        if (!may_leave(evict, &model->vms.items[vm]) || ret->len == victims_max) {
            continue;
        }
        uint32_t at = ret->len++;
        for (; at > 0 && leaves_before(model, vm, ret->vms[at - 1]); at--) {
            ret->vms[at] = ret->vms[at - 1];
        }
        ret->vms[at] = vm;
    }
}

/* As few VMs of 'node' as will do, the least important ones. False if that is not enough. */
static bool find_victims(const struct evict *evict, uint32_t node, struct victims *ret)
{
    struct room room = room_now(evict, node);
    ret->node = node;
    find_candidates(evict, ret);
    uint32_t len = 0;
    while (len < ret->len && !room_is_enough(evict, &room, node)) {
        room_change(evict, &room, node, ret->vms[len++], 1);
    }
    if (!room_is_enough(evict, &room, node)) {
        return false;
    }
    /* Some were taken before a bigger one made them needless; the important ones may stay first. */
    ret->len = len;
    for (uint32_t i = len; i-- > 0;) {
        room_change(evict, &room, node, ret->vms[i], -1);
        if (room_is_enough(evict, &room, node)) {
            memmove(ret->vms + i, ret->vms + i + 1, (--ret->len - i) * sizeof(*ret->vms));
        } else {
            room_change(evict, &room, node, ret->vms[i], 1);
        }
    }
    ret->priority = ret->gpus = 0;
    for (uint32_t i = 0; i < ret->len; i++) {
        ret->priority = MAX(ret->priority, evict->model->vms.items[ret->vms[i]].priority);
        ret->gpus += evict->model->vms.items[ret->vms[i]].gpu_count;
    }
    return true;
}

/* Lower priorities, then fewer VMs, then fewer GPUs. Equal: the node that comes first. */
static bool victims_are_better(const struct victims *a, const struct victims *b)
{
    if (a->priority != b->priority) {
        return a->priority < b->priority;
    }
    return a->len != b->len ? a->len < b->len : a->gpus < b->gpus;
}

/* The best node that is not among 'tried'. */
static bool find_node(const struct evict *evict, const uint32_t *tried, uint32_t tried_len,
                      struct victims *ret)
{
    struct wish wish;
    *ret = (struct victims){.node = PLAN_NONE};
    wish_begin(&wish, evict->model, evict->request, evict->index);
    for (uint32_t node = 0; node < evict->model->nodes.len; node++) {
        bool is_tried = false;
        for (uint32_t i = 0; i < tried_len; i++) {
            is_tried |= tried[i] == node;
        }
        struct victims victims;
        if (!is_tried && wish_allows(&wish, node) && find_victims(evict, node, &victims) &&
            (ret->node == PLAN_NONE || victims_are_better(&victims, ret))) {
            *ret = victims;
        }
    }
    wish_end(&wish);
    return ret->node != PLAN_NONE;
}

/* ---- doing it ---- */

/* In the opposite order, so that each finds what it left as it left it. */
static void put_back_all(struct evict *evict, size_t left_len, size_t eviction_len)
{
    struct plan *plan = evict->plan;
    while (plan->left.len > left_len) {
        const struct plan_left *left = &plan->left.items[--plan->left.len];
        plan_vm_put(evict->model, left->vm, left->node, plan->gpus.items + left->gpu_first,
                    left->gpu_len);
        plan->gpus.len = left->gpu_first;
    }
    plan->evictions.len = eviction_len;
}

/* Finds every victim another place; false, none of them has one, if that cannot be. */
static bool place_victims(struct evict *evict, const struct victims *victims)
{
    for (uint32_t i = 0; i < victims->len; i++) {
        if (!take_best_place(evict->model, NULL, victims->vms[i])) {
            while (i-- > 0) {
                take_back(evict->model, victims->vms[i]);
            }
            return false;
        }
    }
    return true;
}

/* The victims leave, the VM takes their place, and they another if they must. */
static bool evict_victims(struct evict *evict, const struct victims *victims)
{
    struct plan *plan = evict->plan;
    size_t left_len = plan->left.len, eviction_len = plan->evictions.len;
    for (uint32_t i = 0; i < victims->len; i++) {
        /* Nothing that runs is ended for its equal, and what was asked for is not ended for others
         * that were: two requests would end one another in turns. */
        assert(may_leave(evict, &evict->model->vms.items[victims->vms[i]]));
        assert(plan->evictions.len < plan->evictions.capacity);
        take_leave(evict->model, victims->vms[i], plan);
        plan->evictions.items[plan->evictions.len++] =
            (struct plan_eviction){victims->vms[i], victims->node, evict->index};
    }
    if (take_place(evict->model, evict->index, victims->node)) {
        if (!evict->is_move || place_victims(evict, victims)) {
            return true;
        }
        take_back(evict->model, evict->index);
    }
    put_back_all(evict, left_len, eviction_len);
    return false;
}

static bool make_room(struct evict *evict)
{
    uint32_t tried[tries_max];
    for (uint32_t tried_len = 0; tried_len < tries_max; tried_len++) {
        struct victims victims;
        if (!find_node(evict, tried, tried_len, &victims)) {
            return false;
        }
        if (evict_victims(evict, &victims)) {
            return true;
        }
        tried[tried_len] = victims.node;
    }
    return false;
}

void evict_for_waiting(struct plan_model *model, const struct plan_request *request,
                       uint32_t vm_len, struct plan *plan)
{
    for (uint32_t i = 0; i < vm_len; i++) {
        uint32_t index = model->scratch.turns[i].vm;
        const struct vm *vm = &model->vms.items[index];
        struct evict evict = {model, request, plan, vm, index, true};
        /* Moved is better than stopped. */
        bool has_place = vm->next_node != PLAN_NONE || (request->may_move && make_room(&evict));
        if (!has_place && request->may_preempt) {
            evict.is_move = false;
            make_room(&evict);
        }
    }
}

/* ---- who could have a place ---- */

static bool is_requested(const struct plan_request *request, uint32_t vm)
{
    for (uint32_t i = 0; i < request->vm_len; i++) {
        if (request->vms[i] == vm) {
            return true;
        }
    }
    return false;
}

uint32_t plan_hope(struct plan_model *model, const struct plan_request *request, uint32_t vm)
{
    struct evict evict = {model, request, NULL, &model->vms.items[vm], vm, true};
    struct victims victims;
    assert(evict.vm->node == PLAN_NONE);
    bool has_node = find_node(&evict, NULL, 0, &victims), must_end = false;
    for (uint32_t i = 0; has_node && i < victims.len; i++) {
        must_end |= !is_requested(request, victims.vms[i]);
    }
    /* If none of what ran before the plan has to go, something else than room is lacking. */
    return must_end ? victims.node : PLAN_NONE;
}
