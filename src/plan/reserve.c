/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/reserve.h"

#include "base/cleanup.h"
#include "plan/fit.h"
#include "plan/order.h"
#include "plan/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* After the first that is refused so many more are tried one by one: a smaller one may do. */
    singles_max = 32,
};

struct gate {
    struct plan_model *model;
    const struct plan_request *request;
    struct plan *plan;
    uint32_t *queue;   /* VMs of the request in the order of placing */
    uint32_t *allowed; /* those that are let in */
    uint32_t allowed_len;
};

/* Places the VMs of 'allowed', and says whether the reserve holds with them; if not, they are taken
 * back. 1, 0 or -ENOMEM. */
static int try_allowed(struct gate *gate)
{
    struct plan_request request = *gate->request;
    request.vms = gate->allowed;
    request.vm_len = gate->allowed_len;
    int result = place_request(gate->model, &request, gate->plan);
    if (result < 0) {
        return result;
    }
    struct plan_survival survival;
    result = plan_survivable_losses(gate->model, request.reserve, &survival);
    if (result == 0 && survival.losses >= request.reserve) {
        return 1;
    }
    plan_undo(gate->model, gate->plan);
    return result;
}

/* Lets in the first 'len' of the queue. */
static void allow_prefix(struct gate *gate, uint32_t len)
{
    memcpy(gate->allowed, gate->queue, len * sizeof(*gate->allowed));
    gate->allowed_len = len;
}

/* The longest prefix of the queue with which the reserve holds, by halving: more VMs never make a
 * cluster safer. Its length, or -ENOMEM. */
static int64_t find_prefix(struct gate *gate)
{
    uint32_t good = 0, bad = gate->request->vm_len;
    while (good + 1 < bad) {
        uint32_t middle = good + (bad - good) / 2;
        allow_prefix(gate, middle);
        int result = try_allowed(gate);
        if (result < 0) {
            return result;
        }
        if (result > 0) {
            plan_undo(gate->model, gate->plan);
            good = middle;
        } else {
            bad = middle;
        }
    }
    return good;
}

/* Lets in what it can behind 'prefix'. 0 or -ENOMEM. */
static int find_singles(struct gate *gate, uint32_t prefix)
{
    uint32_t tried = 0;
    allow_prefix(gate, prefix);
    for (uint32_t i = prefix; i < gate->request->vm_len && tried < singles_max; i++) {
        gate->allowed[gate->allowed_len++] = gate->queue[i];
        int result = try_allowed(gate);
        if (result < 0) {
            return result;
        }
        if (result > 0) {
            plan_undo(gate->model, gate->plan);
        } else {
            gate->allowed_len--;
        }
        tried++;
    }
    return 0;
}

static bool is_allowed(const struct gate *gate, uint32_t vm)
{
    for (uint32_t i = 0; i < gate->allowed_len; i++) {
        if (gate->allowed[i] == vm) {
            return true;
        }
    }
    return false;
}

/* Those that were not let in wait: for room if there is none either. */
static void add_refused(struct gate *gate)
{
    for (uint32_t i = 0; i < gate->request->vm_len; i++) {
        uint32_t vm = gate->queue[i];
        if (is_allowed(gate, vm)) {
            continue;
        }
        struct wish wish;
        wish_begin(&wish, gate->model, gate->request, vm);
        bool has_room = wish_best_node(&wish) != PLAN_NONE;
        wish_end(&wish);
        gate->plan->waiting.items[gate->plan->waiting.len++] =
            (struct plan_waiting){vm, has_room ? PLAN_WAIT_RESERVE : PLAN_WAIT_ROOM};
    }
}

static int let_in(struct gate *gate)
{
    allow_prefix(gate, gate->request->vm_len);
    int result = try_allowed(gate);
    if (result != 0) {
        return MIN(result, 0);
    }
    int64_t prefix = find_prefix(gate);
    if (prefix < 0) {
        return (int)prefix;
    }
    result = find_singles(gate, (uint32_t)prefix);
    if (result < 0) {
        return result;
    }
    struct plan_request request = *gate->request;
    request.vms = gate->allowed;
    request.vm_len = gate->allowed_len;
    result = place_request(gate->model, &request, gate->plan);
    if (result == 0 &&
        !VEC_RESERVE(&gate->plan->waiting, gate->plan->waiting.len + gate->request->vm_len)) {
        plan_undo(gate->model, gate->plan);
        return -ENOMEM;
    }
    if (result == 0) {
        add_refused(gate);
    }
    return result;
}

int place_within_reserve(struct plan_model *model, const struct plan_request *request,
                         struct plan *plan)
{
    CLEANUP(freep) uint32_t *queue = malloc((request->vm_len + 1) * sizeof(*queue));
    CLEANUP(freep) uint32_t *allowed = malloc((request->vm_len + 1) * sizeof(*allowed));
    if (!queue || !allowed || !model_index(model) || !model_scratch(model, request->vm_len)) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < request->vm_len; i++) {
        order_set(model, i, request->vms[i]);
    }
    order_sort(model, request->vm_len);
    for (uint32_t i = 0; i < request->vm_len; i++) {
        queue[i] = model->scratch.turns[i].vm;
    }
    struct gate gate = {model, request, plan, queue, allowed, 0};
    return let_in(&gate);
}
