/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/plan/oracle.h"

#include <stdlib.h>

/* ---- rules, on plain numbers ---- */

struct state {
    uint32_t at[case_vms_max]; /* node; PLAN_NONE */
};

static bool node_holds(const struct small_case *small, const struct state *state, uint32_t node)
{
    uint64_t gpus[case_pools] = {0}, cpus = 0, memory = 0, huge = 0;
    for (uint32_t i = 0; i < small->vm_len; i++) {
        if (state->at[i] == node) {
            for (uint32_t pool = 0; pool < case_pools; pool++) {
                gpus[pool] += small->vms[i].gpus[pool];
            }
            cpus += small->vms[i].cpus;
            memory += small->vms[i].is_huge ? 0 : small->vms[i].memory;
            huge += small->vms[i].is_huge ? small->vms[i].memory : 0;
        }
    }
    bool is_ok = cpus <= small->nodes[node].cpus && memory <= small->nodes[node].memory &&
                 huge <= small->nodes[node].huge;
    for (uint32_t pool = 0; pool < case_pools; pool++) {
        is_ok &= gpus[pool] <= small->nodes[node].gpus[pool];
    }
    return is_ok;
}

static bool vm_is_allowed(const struct small_case *small, const struct state *state, uint32_t vm)
{
    uint32_t at = state->at[vm];
    if (at == PLAN_NONE) {
        return true;
    }
    if (!(small->vms[vm].may >> at & 1)) {
        return false;
    }
    for (uint32_t i = 0; i < small->vm_len; i++) {
        bool is_apart = (small->vms[vm].apart >> i & 1) || (small->vms[i].apart >> vm & 1);
        bool is_together = (small->vms[vm].together >> i & 1) || (small->vms[i].together >> vm & 1);
        if (i != vm && state->at[i] != PLAN_NONE &&
            ((is_apart && state->at[i] == at) || (is_together && state->at[i] != at))) {
            return false;
        }
    }
    return true;
}

static struct left_out left_out_of(const struct small_case *small, const struct state *state)
{
    struct left_out left = {.len = 0};
    for (uint32_t i = 0; i < small->vm_len; i++) {
        uint32_t priority = small->vms[i].priority, at = 0;
        while (at < left.len && left.priorities[at] > priority) {
            at++;
        }
        if (at == left.len || left.priorities[at] != priority) {
            for (uint32_t k = left.len++; k > at; k--) {
                left.priorities[k] = left.priorities[k - 1];
                left.counts[k] = left.counts[k - 1];
            }
            left.priorities[at] = priority;
            left.counts[at] = 0;
        }
        left.counts[at] += state->at[i] == PLAN_NONE;
    }
    return left;
}

static int compare(const struct left_out *a, const struct left_out *b)
{
    for (uint32_t i = 0; i < a->len; i++) {
        if (a->counts[i] != b->counts[i]) {
            return a->counts[i] < b->counts[i] ? -1 : 1;
        }
    }
    return 0;
}

/* ---- every placement ---- */

static void try_from(const struct small_case *small, struct state *state, uint32_t vm,
                     struct left_out *best, bool *found)
{
    if (vm == small->vm_len) {
        struct left_out left = left_out_of(small, state);
        if (!*found || compare(&left, best) < 0) {
            *best = left;
            *found = true;
        }
        return;
    }
    if (small->vms[vm].on != PLAN_NONE) {
        try_from(small, state, vm + 1, best, found);
        return;
    }
    for (uint32_t node = 0; node < small->node_len; node++) {
        state->at[vm] = node;
        if (node_holds(small, state, node) && vm_is_allowed(small, state, vm)) {
            try_from(small, state, vm + 1, best, found);
        }
    }
    state->at[vm] = PLAN_NONE;
    try_from(small, state, vm + 1, best, found);
}

static struct state state_before(const struct small_case *small)
{
    struct state state;
    for (uint32_t i = 0; i < case_vms_max; i++) {
        state.at[i] = i < small->vm_len ? small->vms[i].on : PLAN_NONE;
    }
    return state;
}

struct left_out oracle_best(const struct small_case *small)
{
    struct state state = state_before(small);
    struct left_out best = {.len = 0};
    bool found = false;
    try_from(small, &state, 0, &best, &found);
    return best;
}

/* ---- the planner's answer ---- */

static const char *const node_names[] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"};
static const char *const vm_names[] = {"v0", "v1", "v2",  "v3",  "v4",  "v5",  "v6",  "v7",
                                       "v8", "v9", "v90", "v91", "v92", "v93", "v94", "v95"};

static void model_add_nodes(struct plan_model *model, const struct small_case *small)
{
    static const char *const pools[] = {"P", "Q"};
    for (uint32_t pool = 0; pool < case_pools; pool++) {
        plan_pool_add(model, pools[pool]);
    }
    for (uint32_t i = 0; i < small->node_len; i++) {
        const struct case_node *node = &small->nodes[i];
        struct plan_node add = {.name = node_names[i],
                                .cpus = node->cpus,
                                .memory_mib = node->memory,
                                .huge_mib[MEMORY_1G] = node->huge};
        plan_node_add(model, &add);
        uint32_t card = 0;
        for (uint32_t pool = 0; pool < case_pools; pool++) {
            for (uint32_t k = 0; k < node->gpus[pool]; k++, card++) {
                uint32_t at = node->is_divided ? 0 : card;
                struct plan_gpu gpu = {.pool = pool,
                                       .card = at,
                                       .position = at,
                                       .numa = (int32_t)at / 4,
                                       .is_partition = node->is_divided};
                plan_gpu_add(model, &gpu);
            }
        }
    }
}

static void model_add_vm(struct plan_model *model, const struct small_case *small, uint32_t i)
{
    const struct case_vm *vm = &small->vms[i];
    uint32_t possible[case_nodes_max];
    struct plan_vm add = {.name = vm_names[i],
                          .cpus = vm->cpus,
                          .memory_mib = vm->memory,
                          .memory = vm->is_huge ? MEMORY_1G : MEMORY_ORDINARY,
                          .priority = vm->priority,
                          .possible = possible};
    for (uint32_t pool = 0; pool < case_pools; pool++) {
        if (vm->gpus[pool] > 0) {
            add.needs[add.need_len++] = (struct plan_need){pool, vm->gpus[pool]};
        }
    }
    uint32_t all = (1U << small->node_len) - 1;
    for (uint32_t node = 0; node < small->node_len && (vm->may & all) != all; node++) {
        if (vm->may >> node & 1) {
            possible[add.possible_len++] = node;
        }
    }
    plan_vm_add(model, &add);
    if (vm->on != PLAN_NONE) {
        uint32_t gpus[gpus_per_vm_max];
        uint32_t len = plan_choose_gpus(model, i, vm->on, gpus);
        REQUIRE(len != PLAN_NONE);
        plan_vm_put(model, i, vm->on, gpus, len);
    }
}

static struct plan_model *model_of(const struct small_case *small)
{
    struct plan_model *model = plan_model_new(NULL);
    REQUIRE(model);
    model_add_nodes(model, small);
    for (uint32_t i = 0; i < small->vm_len; i++) {
        model_add_vm(model, small, i);
    }
    for (uint32_t i = 0; i < small->vm_len; i++) {
        for (uint32_t k = 0; k < small->vm_len; k++) {
            if (small->vms[i].apart >> k & 1) {
                plan_vm_relate(model, i, k, PLAN_APART, true);
            }
            if (small->vms[i].together >> k & 1) {
                plan_vm_relate(model, i, k, PLAN_TOGETHER, true);
            }
        }
    }
    return model;
}

/* Whether every GPU that the plan hands out is of the right node and pool and handed out once. */
static bool gpus_are_right(const struct small_case *small, const struct plan_model *model)
{
    uint32_t first[case_nodes_max + 1] = {0};
    bool is_held[case_nodes_max * 2 * gpus_per_vm_max] = {false};
    for (uint32_t i = 0; i < small->node_len; i++) {
        first[i + 1] = first[i] + small->nodes[i].gpus[0] + small->nodes[i].gpus[1];
    }
    bool is_ok = true;
    for (uint32_t vm = 0; vm < small->vm_len; vm++) {
        uint32_t gpus[gpus_per_vm_max], have[case_pools] = {0};
        uint32_t node = plan_vm_node(model, vm), len = plan_vm_gpus(model, vm, gpus);
        for (uint32_t i = 0; i < len; i++) {
            is_ok &= gpus[i] >= first[node] && gpus[i] < first[node + 1] && !is_held[gpus[i]];
            is_held[gpus[i]] = true;
            have[gpus[i] - first[node] >= small->nodes[node].gpus[0]]++;
        }
        for (uint32_t pool = 0; pool < case_pools && node != PLAN_NONE; pool++) {
            is_ok &= have[pool] == small->vms[vm].gpus[pool];
        }
    }
    return is_ok;
}

static bool plan_is_sound(const struct small_case *small, const struct plan_model *model,
                          struct state *ret_state)
{
    bool is_sound = true;
    for (uint32_t i = 0; i < small->vm_len; i++) {
        ret_state->at[i] = plan_vm_node(model, i);
        is_sound &= small->vms[i].on == PLAN_NONE || small->vms[i].on == ret_state->at[i];
    }
    for (uint32_t node = 0; node < small->node_len; node++) {
        is_sound &= node_holds(small, ret_state, node);
    }
    for (uint32_t i = 0; i < small->vm_len; i++) {
        is_sound &= vm_is_allowed(small, ret_state, i);
        for (uint32_t node = 0; node < small->node_len && ret_state->at[i] == PLAN_NONE; node++) {
            struct state with = *ret_state;
            with.at[i] = node;
            bool fits = node_holds(small, &with, node) && vm_is_allowed(small, &with, i);
            /* Who could be placed must not wait, and every node says why not. */
            is_sound &= !fits && plan_explain(model, NULL, i, node).code != PLAN_FITS;
        }
    }
    return is_sound && gpus_are_right(small, model);
}

bool case_plan(const struct small_case *small, struct left_out *ret_left, bool *ret_proven)
{
    struct plan_model *model = model_of(small);
    struct plan plan = {0};
    uint32_t vms[case_vms_max];
    struct plan_request request = {.vms = vms};
    for (uint32_t i = 0; i < small->vm_len; i++) {
        if (small->vms[i].on == PLAN_NONE) {
            vms[request.vm_len++] = i;
        }
    }
    REQUIRE(plan_place(model, &request, &plan) == 0);
    struct state state = {.at = {0}};
    bool is_sound = plan_is_sound(small, model, &state) &&
                    plan.placements.len + plan.waiting.len == request.vm_len;
    *ret_left = left_out_of(small, &state);
    *ret_proven = plan.is_proven;
    plan_done(&plan);
    plan_model_free(model);
    return is_sound;
}

static void print_case(const struct small_case *small)
{
    for (uint32_t i = 0; i < small->node_len; i++) {
        printf("#   %s P=%u Q=%u cpus=%u memory=%u\n", node_names[i], small->nodes[i].gpus[0],
               small->nodes[i].gpus[1], small->nodes[i].cpus, small->nodes[i].memory);
    }
    for (uint32_t i = 0; i < small->vm_len; i++) {
        const struct case_vm *vm = &small->vms[i];
        printf("#   %s P=%u Q=%u cpus=%u memory=%u priority=%u may=%x apart=%x together=%x on=%d\n",
               vm_names[i], vm->gpus[0], vm->gpus[1], vm->cpus, vm->memory, vm->priority, vm->may,
               vm->apart, vm->together, (int)vm->on);
    }
}

bool case_check(const struct small_case *small)
{
    struct left_out want = oracle_best(small), have;
    bool is_proven;
    bool is_sound = case_plan(small, &have, &is_proven);
    if (is_sound && is_proven && compare(&have, &want) == 0) {
        return true;
    }
    test_fail(__FILE__, __LINE__, "%s%s", is_sound ? "" : "the plan breaks a rule ",
              is_proven ? "proven" : "not proven");
    for (uint32_t i = 0; i < want.len; i++) {
        printf("#   priority %u: %u left out, %u at best\n", want.priorities[i], have.counts[i],
               want.counts[i]);
    }
    print_case(small);
    return false;
}
