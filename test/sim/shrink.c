/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a scenario that violates something to a small one that does: takes out ever smaller parts
 * of its steps, then VMs, then kinds of noise, as long as something stays violated.
 */
#include "test/sim/sim.h"

#include <stdlib.h>

/* The same kind of violation: else the hunt would end at another beast. */
static bool fails(const struct scenario *scenario, unsigned *runs, const char *kind)
{
    struct sim_result result = {0};
    (*runs)--;
    sim_run(scenario, &(struct sim_options){0}, &result);
    bool has_failed = result.has_failed && result.kind == kind;
    sim_result_done(&result);
    return has_failed;
}

/* 'scenario' without steps [from, from + len), in 'ret', which borrows the rest. */
static void without_steps(const struct scenario *scenario, size_t from, size_t len,
                          struct scenario *ret)
{
    *ret = *scenario;
    ret->steps.items = malloc(MAX(scenario->steps.len, (size_t)1) * sizeof(*ret->steps.items));
    if (!ret->steps.items) {
        abort();
    }
    ret->steps.len = 0;
    for (size_t i = 0; i < scenario->steps.len; i++) {
        bool is_out = i >= from && i < from + len && scenario->steps.items[i].op != OP_HEAL;
        if (!is_out) {
            ret->steps.items[ret->steps.len++] = scenario->steps.items[i];
        }
    }
}

static void shrink_steps(struct scenario *scenario, unsigned *runs, const char *kind)
{
    for (size_t len = MAX(scenario->steps.len / 2, (size_t)1); len > 0; len /= 2) {
        for (size_t from = 0; from<scenario->steps.len && * runs> 0;) {
            struct scenario smaller;
            without_steps(scenario, from, len, &smaller);
            if (smaller.steps.len < scenario->steps.len && fails(&smaller, runs, kind)) {
                free(scenario->steps.items);
                scenario->steps = smaller.steps;
            } else {
                free(smaller.steps.items);
                from += len;
            }
        }
    }
}

static bool is_used(const struct scenario *scenario, const char *vm)
{
    VEC_EACH(&scenario->steps, step) {
        if (strcmp(step->subject, vm) == 0) {
            return true;
        }
    }
    return false;
}

static void shrink_vms(struct scenario *scenario, unsigned *runs, const char *kind)
{
    for (size_t i = scenario->vms.len; i-- > 0 && *runs > 0;) {
        struct scenario_vm vm = scenario->vms.items[i];
        if (is_used(scenario, vm.name)) {
            continue;
        }
        VEC_REMOVE(&scenario->vms, i);
        if (!fails(scenario, runs, kind)) {
            struct scenario_vm *slot = VEC_INSERT(&scenario->vms, i);
            *slot = vm; /* the room was there a moment ago */
        }
    }
}

static void shrink_noise(struct scenario *scenario, unsigned *runs, const char *kind)
{
    uint32_t *numbers[] = {
        &scenario->noise.lost_request, &scenario->noise.lost_reply,  &scenario->noise.late_request,
        &scenario->noise.crash,        &scenario->noise.freeze,      &scenario->noise.bad_start,
        &scenario->noise.slow_start,   &scenario->noise.guest_death, &scenario->noise.memory};
    for (size_t i = 0; i < ARRAY_LEN(numbers) && *runs > 0; i++) {
        uint32_t old = *numbers[i];
        *numbers[i] = 0;
        if (old != 0 && !fails(scenario, runs, kind)) {
            *numbers[i] = old;
        }
    }
}

void shrink(struct scenario *scenario, const char *kind, unsigned runs_max)
{
    unsigned runs = runs_max;
    shrink_steps(scenario, &runs, kind);
    shrink_noise(scenario, &runs, kind);
    shrink_vms(scenario, &runs, kind);
    shrink_steps(scenario, &runs, kind);
}
