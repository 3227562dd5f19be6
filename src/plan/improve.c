/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/improve.h"

#include "plan/fit.h"
#include "plan/take.h"
#include "plan/solve.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* VMs times nodes: beyond it the tables of a whole search take more time than it has. */
    cells_max = 4 * 1024 * 1024,
};

/* Which VMs compete for which nodes: VMs and nodes that have nothing to do with each other are
 * searched apart. Sets by union and find over VMs [0, vm_len) and nodes [vm_len, ...). */
struct groups {
    struct plan_model *model;
    const struct plan_request *request;
    struct plan *plan;
    uint32_t vm_len, node_len;
    uint32_t *vms;     /* in the order of placing */
    uint32_t *home;    /* per VM: where it is, of the best plan so far */
    uint32_t *parent;  /* per VM and node */
    bool *is_done;     /* per root: its group was searched */
    bool *has_choice;  /* per VM: some node takes it if no other VM of the request is placed */
    uint32_t *list;    /* room for a list of VMs, then one of nodes */
    uint32_t *item_of; /* per VM of the model: its number in 'vms'; PLAN_NONE */
    uint64_t steps_max;
    bool is_proven;
};

static uint32_t root_of(struct groups *groups, uint32_t i)
{
    while (groups->parent[i] != i) {
        groups->parent[i] = groups->parent[groups->parent[i]];
        i = groups->parent[i];
    }
    return i;
}

/* The lower root wins: what is found does not depend on the order of joining. */
static void join(struct groups *groups, uint32_t a, uint32_t b)
{
    a = root_of(groups, a);
    b = root_of(groups, b);
    groups->parent[MAX(a, b)] = MIN(a, b);
}

static void join_nodes(struct groups *groups, uint32_t i)
{
    struct wish wish;
    wish_begin(&wish, groups->model, groups->request, groups->vms[i]);
    for (uint32_t node = 0; node < groups->node_len; node++) {
        if (wish_fits(&wish, node)) {
            groups->has_choice[i] = true;
            join(groups, i, groups->vm_len + node);
        }
    }
    wish_end(&wish);
}

static void join_partners(struct groups *groups, uint32_t i)
{
    const struct plan_model *model = groups->model;
    const struct vm *vm = &model->vms.items[groups->vms[i]];
    for (uint32_t k = vm->relation_first; k != PLAN_NONE; k = model->relations.items[k].after) {
        const struct relation *relation = &model->relations.items[k];
        if (relation->is_enforced && groups->item_of[relation->other] != PLAN_NONE) {
            join(groups, i, groups->item_of[relation->other]);
        }
    }
}

/* ---- one group ---- */

/* The VMs of the group with a choice, and its nodes, one behind the other into groups->list. */
static void group_list(struct groups *groups, uint32_t root, uint32_t *ret_vm_len,
                       uint32_t *ret_node_len)
{
    uint32_t len = 0;
    for (uint32_t i = 0; i < groups->vm_len; i++) {
        if (groups->has_choice[i] && root_of(groups, i) == root) {
            groups->list[len++] = groups->vms[i];
        }
    }
    *ret_vm_len = len;
    for (uint32_t node = 0; node < groups->node_len; node++) {
        if (root_of(groups, groups->vm_len + node) == root) {
            groups->list[len++] = node;
        }
    }
    *ret_node_len = len - *ret_vm_len;
}

/* Takes over the answer of 'problem'. */
static void group_adopt(struct groups *groups, const struct problem *problem)
{
    for (uint32_t i = 0; i < problem->item_len; i++) {
        groups->home[groups->item_of[problem->vm[i]]] =
            problem->at[i] == PLAN_NONE ? PLAN_NONE : problem->node[problem->at[i]];
    }
}

/* The bin that is 'node', which is one of them, or PLAN_NONE. */
static uint32_t bin_of(const struct problem *problem, uint32_t node)
{
    uint32_t low = 0, high = problem->bin_len;
    while (node != PLAN_NONE && low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        if (problem->node[middle] <= node) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return node == PLAN_NONE ? PLAN_NONE : low;
}

static void group_search(struct groups *groups, uint32_t root)
{
    uint32_t vm_len, node_len;
    group_list(groups, root, &vm_len, &node_len);
    struct problem problem;
    if (!problem_init(&problem, groups->model, groups->request, groups->list, vm_len,
                      groups->list + vm_len, node_len)) {
        groups->is_proven = false;
        return;
    }
    for (uint32_t i = 0; i < problem.item_len; i++) {
        problem.at[i] = bin_of(&problem, groups->home[groups->item_of[problem.vm[i]]]);
    }
    enum search_result result = solve(&problem, groups->steps_max, &groups->plan->steps);
    group_adopt(groups, &problem);
    groups->is_proven &= result == SEARCH_NO;
    problem_done(&problem);
}

/* ---- all of them ---- */

static bool groups_init(struct groups *groups)
{
    size_t vms = groups->vm_len, nodes = groups->node_len;
    groups->vms = malloc((vms + 1) * sizeof(*groups->vms));
    groups->home = malloc((vms + 1) * sizeof(*groups->home));
    groups->parent = malloc((vms + nodes + 1) * sizeof(*groups->parent));
    groups->is_done = calloc(vms + nodes + 1, sizeof(*groups->is_done));
    groups->has_choice = calloc(vms + 1, sizeof(*groups->has_choice));
    groups->list = malloc((vms + nodes + 1) * sizeof(*groups->list));
    groups->item_of = malloc((groups->model->vms.len + 1) * sizeof(*groups->item_of));
    if (!groups->vms || !groups->home || !groups->parent || !groups->is_done ||
        !groups->has_choice || !groups->list || !groups->item_of) {
        return false;
    }
    memset(groups->item_of, 0xff, groups->model->vms.len * sizeof(*groups->item_of));
    for (uint32_t i = 0; i < groups->vm_len; i++) {
        groups->vms[i] = groups->model->scratch.turns[i].vm;
        groups->home[i] = groups->model->vms.items[groups->vms[i]].next_node;
        groups->item_of[groups->vms[i]] = i;
    }
    for (uint32_t i = 0; i < groups->vm_len + groups->node_len; i++) {
        groups->parent[i] = i;
    }
    return true;
}

static void groups_done(struct groups *groups)
{
    free(groups->vms);
    free(groups->home);
    free(groups->parent);
    free(groups->is_done);
    free(groups->has_choice);
    free(groups->list);
    free(groups->item_of);
}

static void take_back_all(struct groups *groups)
{
    for (uint32_t i = 0; i < groups->vm_len; i++) {
        if (groups->model->vms.items[groups->vms[i]].next_node != PLAN_NONE) {
            take_back(groups->model, groups->vms[i]);
        }
    }
}

/* Puts every VM where 'home' says. */
static void take_all(struct groups *groups)
{
    for (uint32_t i = 0; i < groups->vm_len; i++) {
        if (groups->home[i] != PLAN_NONE &&
            !take_place(groups->model, groups->vms[i], groups->home[i])) {
            /* Only where cards are there whole and in partitions: counts do not tell all then. */
            groups->is_proven = false;
        }
    }
}

static void search_groups(struct groups *groups)
{
    for (uint32_t i = 0; i < groups->vm_len; i++) {
        join_nodes(groups, i);
        join_partners(groups, i);
    }
    for (uint32_t i = 0; i < groups->vm_len; i++) {
        uint32_t root = root_of(groups, i);
        if (groups->has_choice[i] && groups->home[i] == PLAN_NONE && !groups->is_done[root]) {
            groups->is_done[root] = true;
            group_search(groups, root);
        }
    }
}

uint32_t improve(struct plan_model *model, const struct plan_request *request, uint32_t vm_len,
                 struct plan *plan)
{
    struct groups groups = {.model = model,
                            .request = request,
                            .plan = plan,
                            .vm_len = vm_len,
                            .node_len = (uint32_t)model->nodes.len,
                            .steps_max =
                                request->steps_max ? request->steps_max : plan_steps_default,
                            .is_proven = true};
    plan->is_proven = false;
    if ((uint64_t)vm_len * model->nodes.len <= cells_max && groups_init(&groups)) {
        take_back_all(&groups);
        search_groups(&groups);
        take_all(&groups);
        plan->is_proven = groups.is_proven;
    }
    groups_done(&groups);
    /* What is still left out may fit now, and then something else that is to be together with it.
     */
    uint32_t left_out = take_best_places(model, request, vm_len);
    for (uint32_t before = UINT32_MAX; left_out > 0 && left_out < before;) {
        before = left_out;
        left_out = take_best_places(model, request, vm_len);
    }
    return left_out;
}
