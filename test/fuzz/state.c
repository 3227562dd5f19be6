/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state file, and a plan on it: no file breaks the reader or the planner, and what is planned
 * on any of them gives no GPU away twice. */
#include "test/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "cli/plan_file.h"
#include "plan/question.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Anyone who is placed takes part in a plan on a node that takes VMs, with as many GPUs as it
 * needs.
 */
static void check_placements(const struct plan_outcome *outcome)
{
    const struct plan_cluster *c = &outcome->cluster;
    VEC_EACH(&outcome->plan.placements, placement) {
        const struct record *spec =
            world_find(c->world, RECORD_VM_SPEC, c->vms.items[placement->vm]);
        assert(placement->gpu_len == vm_spec_gpu_count(spec->vm_spec));
        assert(plan_node_mode(c->model, placement->node) == PLAN_ACTIVE);
    }
}

/* No GPU is anybody else's. */
static void check_gpus(const struct plan_cluster *c)
{
    CLEANUP(freep) bool *is_held = calloc(c->devices.len + 1, sizeof(*is_held));
    assert(is_held);
    for (uint32_t vm = 0; vm < c->vms.len; vm++) {
        uint32_t gpus[gpus_per_vm_max];
        uint32_t len = plan_vm_gpus(c->model, vm, gpus);
        for (uint32_t i = 0; i < len; i++) {
            assert(gpus[i] < c->devices.len && !is_held[gpus[i]]);
            is_held[gpus[i]] = true;
        }
    }
}

static void check(const struct export *file, enum plan_ask ask, const char *name)
{
    CLEANUP(plan_outcome_done) struct plan_outcome outcome = {0};
    const struct plan_cluster_options options = plan_file_options(file);
    const struct plan_question question = {ask, &name, name ? 1 : 0};
    assert(!plan_question_unknown(&file->world, &question));
    int r = plan_question_answer(&file->world, &options, &question, &outcome);
    assert(r == 0);
    check_placements(&outcome);
    check_gpus(&outcome.cluster);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(export_done) struct export file = {0};
    struct error err = {0};
    int r = plan_file_read(&file, (const char *)bytes, size, &err);
    assert(r == 0 || err.text[0] != '\0');
    if (r == 0) {
        check(&file, PLAN_ASK_WAITING, NULL);
        WORLD_EACH(&file.world, RECORD_NODE_INVENTORY, node) {
            check(&file, PLAN_ASK_FAIL, (*node)->key.name);
            check(&file, PLAN_ASK_DRAIN, (*node)->key.name);
        }
        WORLD_EACH(&file.world, RECORD_VM_SPEC, vm) {
            check(&file, PLAN_ASK_START, (*vm)->key.name);
        }
    }
    return 0;
}
