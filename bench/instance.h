/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Placement problems to measure planners on: drawn from a seed, the same on every machine, written
 * as text so that every planner gets the very same.
 *
 *     host NAME GPUS CPUS MEMORY up|down
 *     vm NAME GPUS CPUS MEMORY HOST|-          HOST: where it runs, or ran when that host failed
 */
#pragma once

#include "plan/plan.h"

#include <stdio.h>

struct bench_host {
    char name[12];
    uint32_t gpus, cpus, memory;
    bool is_up;
};

struct bench_vm {
    char name[12];
    uint32_t gpus, cpus, memory;
    uint32_t host; /* PLAN_NONE: does not run */
};

struct instance {
    VEC(struct bench_host) hosts;
    VEC(struct bench_vm) vms;
};

#define BENCH_MIX_LIST(X)                                                                          \
    X(BENCH_ONE, "one")     /* every VM wants one GPU; 'vms' of them, spread over the hosts */     \
    X(BENCH_MIXED, "mixed") /* sizes 1, 2, 4, 8 (8:4:2:1) up to 'percent' of all GPUs */           \
    X(BENCH_CUT, "cut")     /* every host's GPUs cut into 1, 2, 4, 8: a packing of all exists */   \
    X(BENCH_CUT3, "cut3")   /* likewise, and its CPUs and memory are cut exactly as well */
ENUM_DECLARE(bench_mix, BENCH_MIX_LIST)

struct instance_kind {
    enum bench_mix mix;
    uint32_t hosts;
    uint32_t vms;     /* BENCH_ONE: so many; BENCH_MIXED: no more than so many, 0: no limit */
    uint32_t percent; /* BENCH_MIXED, BENCH_CUT: so much of the GPUs (cut: VMs are dropped) */
    uint32_t failed;  /* so many hosts are down, those with the most VMs first; none: cold start */
    uint64_t seed;
    uint32_t host_gpus; /* 0: 8; CPUs and memory grow with them. Cuts are of 8 */
};

/* Draws one into 'ret', which is {0} or an earlier one. Ends the program without memory. */
void instance_make(struct instance *ret, const struct instance_kind *kind);
void instance_write(const struct instance *instance, FILE *file);
/* False if 'file' is none. */
bool instance_read(struct instance *ret, FILE *file);
void instance_done(struct instance *instance);

/* The model, and the VMs that want a place into 'ret_vms' (as many as there are VMs). */
struct plan_model *instance_model(const struct instance *instance, uint32_t *ret_vms,
                                  uint32_t *ret_len);

/* Whether all VMs that want a place can have one, by GPUs alone: exact, as each size divides the
 * next (any host that has room, big ones first). */
bool instance_is_feasible_by_gpus(const struct instance *instance);
