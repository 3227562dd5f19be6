/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state file, and a plan upon it: no file breaks the reader or the planner, and what is planned
 * on any of them stays within the room that the file itself states. */
#include "test/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "cli/plan_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { steps_max = 20000 }; /* many files in a short time: the search may stay unproven */

/* What the placed VMs take of 'node', by the file's numbers. */
static void check_room(const struct plan_file *file, const struct plan *plan, uint32_t node)
{
    const struct state_node *host = &file->state.nodes.items[node];
    uint64_t cpus = 0, memory_mib = 0;
    uint32_t placed = 0;
    VEC_EACH(&plan->placements, placement) {
        placed += placement->node == node;
    }
    for (uint32_t vm = 0; vm < file->state.vms.len; vm++) {
        if (plan_vm_node(file->model, vm) == node) {
            cpus += file->state.vms.items[vm].cpus;
            memory_mib += file->state.vms.items[vm].memory_mib;
        }
    }
    assert(!placed || host->cpus == 0 || cpus <= host->cpus);
    assert(!placed || host->memory_mib == 0 || memory_mib <= host->memory_mib);
    assert(!placed || host->mode == STATE_ACTIVE);
}

static uint32_t gpus_needed(const struct state_vm *vm)
{
    uint32_t count = 0;
    VEC_EACH(&vm->needs, need) {
        count += need->count;
    }
    return count;
}

/* Every placement: as many GPUs as the VM needs, none of them anybody else's. */
static void check_gpus(const struct plan_file *file, const struct plan *plan)
{
    size_t total = 0;
    VEC_EACH(&file->state.nodes, node) {
        total += node->gpus.len;
    }
    CLEANUP(freep) bool *is_held = calloc(total + 1, sizeof(*is_held));
    assert(is_held);
    for (uint32_t vm = 0; vm < file->state.vms.len; vm++) {
        uint32_t gpus[gpus_per_vm_max];
        uint32_t len = plan_vm_gpus(file->model, vm, gpus);
        for (uint32_t i = 0; i < len; i++) {
            assert(gpus[i] < total && !is_held[gpus[i]]);
            is_held[gpus[i]] = true;
        }
    }
    VEC_EACH(&plan->placements, placement) {
        assert(placement->gpu_len == gpus_needed(&file->state.vms.items[placement->vm]));
    }
}

static void check_plan(struct plan_file *file)
{
    CLEANUP(freep) uint32_t *vms = calloc(file->state.vms.len + 1, sizeof(*vms));
    struct plan_request request = {
        .vms = vms, .steps_max = steps_max, .may_preempt = file->state.preemption};
    struct plan plan = {.steps = 0};
    assert(vms);
    for (uint32_t vm = 0; vm < file->state.vms.len; vm++) {
        if (plan_vm_node(file->model, vm) == PLAN_NONE) {
            vms[request.vm_len++] = vm;
        }
    }
    int r = plan_place(file->model, &request, &plan);
    assert(r == 0 && plan.placements.len + plan.waiting.len >= request.vm_len);
    check_gpus(file, &plan);
    for (uint32_t node = 0; node < file->state.nodes.len; node++) {
        check_room(file, &plan, node);
    }
    plan_done(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(plan_file_done) struct plan_file file = {.model = NULL};
    struct error err = {0};
    int r = plan_file_init(&file, (const char *)bytes, size, &err);
    assert(r == 0 || err.text[0] != '\0');
    if (r == 0) {
        check_plan(&file);
    }
    return 0;
}
