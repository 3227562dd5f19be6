/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every small cluster, and many less small ones, against every placement there is. */
#include "test/plan/oracle.h"

/* A number below 'limit'; the same sequence for the same seed on every machine. */
static uint32_t draw(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % limit;
}

/* VM 'kind' of 12: 1 to 3 GPUs, two priorities, little or much CPU. */
static struct case_vm vm_of_kind(uint32_t kind)
{
    return (struct case_vm){.gpus = {1 + kind % 3, 0},
                            .priority = kind / 3 % 2,
                            .cpus = kind / 6 % 2 ? 3 : 1,
                            .may = UINT32_MAX,
                            .on = PLAN_NONE};
}

/* All multisets of 'len' VMs of 'kinds' kinds, on all nodes with 0 to 3 GPUs. */
static void check_all(uint32_t node_len, uint32_t vm_len, uint32_t kinds, uint32_t cpus)
{
    uint32_t kind[case_vms_max] = {0};
    for (;;) {
        struct small_case small = {.node_len = node_len, .vm_len = vm_len};
        for (uint32_t i = 0; i < vm_len; i++) {
            small.vms[i] = vm_of_kind(kind[i]);
        }
        for (uint32_t nodes = 0; nodes < 1U << (2 * node_len); nodes++) {
            for (uint32_t i = 0; i < node_len; i++) {
                small.nodes[i] = (struct case_node){{nodes >> (2 * i) & 3, 0}, cpus, 0, 0};
            }
            if (!case_check(&small)) {
                return;
            }
        }
        uint32_t i = vm_len;
        while (i > 0 && kind[i - 1] == kinds - 1) {
            i--;
        }
        if (i == 0) {
            return;
        }
        uint32_t next = kind[i - 1] + 1;
        for (uint32_t k = i - 1; k < vm_len; k++) {
            kind[k] = next;
        }
    }
}

TEST(every_cluster_of_up_to_3_hosts_with_up_to_3_gpus_and_4_vms_is_planned_best)
{
    for (uint32_t nodes = 1; nodes <= 3; nodes++) {
        for (uint32_t vms = 1; vms <= 4; vms++) {
            check_all(nodes, vms, 6, 16);
        }
    }
}

TEST(every_cluster_of_2_hosts_and_up_to_4_vms_is_planned_best_when_cpus_are_short_too)
{
    for (uint32_t vms = 1; vms <= 4; vms++) {
        check_all(2, vms, 12, 5);
    }
}

static struct small_case random_case(uint64_t *seed, uint32_t node_max, uint32_t vm_max)
{
    struct small_case small = {.node_len = 1 + draw(seed, node_max),
                               .vm_len = 1 + draw(seed, vm_max)};
    for (uint32_t i = 0; i < small.node_len; i++) {
        small.nodes[i] = (struct case_node){{draw(seed, 6), draw(seed, 3)},
                                            4 + draw(seed, 20),
                                            10 + draw(seed, 60),
                                            draw(seed, 40),
                                            draw(seed, 3) == 0};
    }
    for (uint32_t i = 0; i < small.vm_len; i++) {
        struct case_vm *vm = &small.vms[i];
        *vm = (struct case_vm){.gpus = {draw(seed, 4), draw(seed, 4) == 0},
                               .cpus = 1 + draw(seed, 8),
                               .memory = 1 + draw(seed, 25),
                               .is_huge = draw(seed, 4) == 0,
                               .priority = draw(seed, 3),
                               .may = UINT32_MAX,
                               .on = PLAN_NONE};
        if (draw(seed, 5) == 0) {
            vm->may = 1 + draw(seed, (1U << small.node_len) - 1);
        }
        if (draw(seed, 5) == 0) {
            vm->apart = 1U << draw(seed, small.vm_len) & ~(1U << i);
        } else if (draw(seed, 6) == 0) {
            vm->together = 1U << draw(seed, small.vm_len) & ~(1U << i);
        }
    }
    return small;
}

TEST(random_clusters_with_all_rules_are_planned_as_well_as_trying_everything_would)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t state = seed;
        struct small_case small = random_case(&state, 4, 7);
        if (!case_check(&small)) {
            printf("#   seed %llu\n", (unsigned long long)seed);
            return;
        }
    }
}

/* Runs what fits, in order, and asks for the others. */
TEST(random_clusters_that_run_vms_already_are_planned_best_around_them)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t state = seed * 77;
        struct small_case small = random_case(&state, 4, 9);
        struct case_node left[case_nodes_max];
        memcpy(left, small.nodes, sizeof(left));
        for (uint32_t i = 0; i < small.vm_len / 2; i++) {
            struct case_vm *vm = &small.vms[i];
            struct case_node *node = &left[draw(&state, small.node_len)];
            vm->may = UINT32_MAX;
            vm->apart = vm->together = 0;
            if (node->gpus[0] >= vm->gpus[0] && node->gpus[1] >= vm->gpus[1] &&
                node->cpus >= vm->cpus && (vm->is_huge ? node->huge : node->memory) >= vm->memory) {
                vm->on = (uint32_t)(node - left);
                node->gpus[0] -= vm->gpus[0];
                node->gpus[1] -= vm->gpus[1];
                node->cpus -= vm->cpus;
                *(vm->is_huge ? &node->huge : &node->memory) -= vm->memory;
            }
        }
        if (!case_check(&small)) {
            printf("#   seed %llu\n", (unsigned long long)seed);
            return;
        }
    }
}
