/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan's end: taken back, or dropped. */
#include "plan/plan.h"

void plan_done(struct plan *plan)
{
    VEC_DONE(&plan->placements);
    VEC_DONE(&plan->waiting);
    VEC_DONE(&plan->evictions);
    VEC_DONE(&plan->left);
    VEC_DONE(&plan->gpus);
    *plan = (struct plan){0};
}

/* Placements first: what they hold is free again before those that left are put back into it. */
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
