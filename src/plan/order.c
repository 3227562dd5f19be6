/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/order.h"

#include <string.h>

static struct turn turn_of(const struct plan_model *model, uint32_t index)
{
    const struct vm *vm = &model->vms.items[index];
    uint64_t cpus = MIN(vm->cpus, ((uint32_t)1 << 24) - 1);
    uint64_t memory = MIN(vm->memory_mib, ((uint64_t)1 << 40) - 1);
    return (struct turn){
        .first = ~((uint64_t)vm->priority << 32 | vm->gpu_count),
        .then = ~(cpus << 40 | memory),
        .vm = index,
    };
}

static bool turn_is_before(const struct plan_model *model, const struct turn *a,
                           const struct turn *b)
{
    if (a->first != b->first) {
        return a->first < b->first;
    }
    if (a->then != b->then) {
        return a->then < b->then;
    }
    int names = strcmp(model->vms.items[a->vm].name, model->vms.items[b->vm].name);
    return names != 0 ? names < 0 : a->vm < b->vm;
}

/* Merges the sorted halves [0, middle) and [middle, len) by way of 'spare'. */
static void merge(const struct plan_model *model, struct turn *turns, size_t middle, size_t len,
                  struct turn *spare)
{
    memcpy(spare, turns, middle * sizeof(*turns));
    size_t left = 0, right = middle, out = 0;
    while (left < middle && right < len) {
        turns[out++] =
            turn_is_before(model, &turns[right], &spare[left]) ? turns[right++] : spare[left++];
    }
    memcpy(&turns[out], &spare[left], (middle - left) * sizeof(*turns));
}

/* Not qsort(): that one takes memory, and what comes in order, as names do, costs nothing here. */
static void sort(const struct plan_model *model, struct turn *turns, size_t len, struct turn *spare)
{
    if (len < 2) {
        return;
    }
    size_t middle = len / 2;
    sort(model, turns, middle, spare);
    sort(model, turns + middle, len - middle, spare);
    if (turn_is_before(model, &turns[middle], &turns[middle - 1])) {
        merge(model, turns, middle, len, spare);
    }
}

void order_set(struct plan_model *model, uint32_t place, uint32_t vm)
{
    model->scratch.turns[place] = turn_of(model, vm);
}

void order_sort(struct plan_model *model, uint32_t len)
{
    if (len < 2) {
        return; /* a model without VMs has no scratch to point into */
    }
    sort(model, model->scratch.turns, len, model->scratch.turns + model->scratch.vm_capacity);
}
