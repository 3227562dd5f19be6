/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the planner should find, by trying every placement, and a judge of what it did find. Shares
 * nothing with the planner but plan.h: small cases are plain numbers here, and become a model only
 * to be planned.
 */
#pragma once

#include "plan/plan.h"
#include "test/test.h"

enum {
    case_nodes_max = 8,
    case_vms_max = 16,
    case_pools = 2,
};

struct case_node {
    uint32_t gpus[case_pools];
    uint32_t cpus, memory;
    uint32_t huge;   /* memory of 1 GiB pages */
    bool is_divided; /* they are partitions of one card, of two sizes */
};

struct case_vm {
    uint32_t gpus[case_pools];
    uint32_t cpus, memory;
    bool is_huge; /* that memory is of 1 GiB pages */
    uint32_t priority;
    uint32_t may;      /* bit per node: possible owners */
    uint32_t apart;    /* bit per VM: enforced */
    uint32_t together; /* the same */
    uint32_t on;       /* runs there and is not asked about; PLAN_NONE */
};

struct small_case {
    struct case_node nodes[case_nodes_max];
    uint32_t node_len;
    struct case_vm vms[case_vms_max];
    uint32_t vm_len;
};

/* Left out at best, per VM that could be the highest of its priority: lexicographic by priority. */
struct left_out {
    uint32_t priorities[case_vms_max]; /* descending */
    uint32_t counts[case_vms_max];
    uint32_t len;
};

struct left_out oracle_best(const struct small_case *small);

/* Plans the case, judges the plan (room, rules, nothing moved, no one left out who fits) and
 * returns whether all is well; fills 'ret_left' with what it left out and 'ret_proven'. */
bool case_plan(const struct small_case *small, struct left_out *ret_left, bool *ret_proven);

/* Both, compared; on a difference prints the case and fails the test. */
bool case_check(const struct small_case *small);
