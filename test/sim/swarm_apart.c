/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drawn worlds of a special kind: a store that is emptied, a crowd of small VMs, hosts that die for
 * good, berthds that stall, VMs that are migrated past everyone. */
#include "test/sim/rng.h"
#include "test/sim/swarm.h"

#include <stdio.h>
#include <string.h>

#define SET_TEXT(to, ...) ((void)snprintf((to), sizeof(to), __VA_ARGS__))

/* In a twelfth of the seeds the store is emptied, some time later it is there again, and an
 * administrator decides host by host. */
void swarm_draw_emptied(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xd6e8feb86659fd93) + 29};
    if (!rng_chance(&rng, 1, 12)) {
        return;
    }
    struct scenario_step step = {
        .at_ms = rng_between(&rng, 0, length_ms), .op = OP_STORE_EMPTY, .times = 1};
    swarm_add_step(scenario, &step);
    step.op = OP_STORE_BACK;
    step.at_ms = MIN(step.at_ms + rng_between(&rng, 100, 40000), length_ms);
    swarm_add_step(scenario, &step);
    VEC_EACH(&scenario->hosts, host) {
        step.op = rng_chance(&rng, 1, 5) ? OP_CLEAR : OP_ADOPT;
        step.at_ms = MIN(step.at_ms + rng_between(&rng, 0, 5000), length_ms);
        SET_TEXT(step.subject, "%s", host->name);
        swarm_add_step(scenario, &step);
    }
}

/* The host with the most whole GPUs; NULL: none has two. */
static const struct scenario_host *find_biggest(const struct scenario *scenario)
{
    const struct scenario_host *biggest = NULL;
    VEC_EACH(&scenario->hosts, host) {
        if (host->partitions <= 1 && host->gpus >= 2 && (!biggest || host->gpus > biggest->gpus)) {
            biggest = host;
        }
    }
    return biggest;
}

/* The first VM is the most important one, and wants all GPUs of a host; no rule ties the others,
 * and nothing makes room for it but what ends by itself. */
static void make_crowd(struct scenario *scenario, const struct scenario_host *host)
{
    scenario->settings.preemption = false;
    scenario->settings.reserve = 0;
    VEC_EACH(&scenario->vms, vm) {
        vm->together.len = vm->apart.len = vm->after.len = 0;
        vm->priority = MIN(vm->priority, 3000U);
    }
    struct scenario_vm *big = &scenario->vms.items[0];
    big->priority = 4000;
    big->gpus = host->gpus;
    big->desired = VM_STOPPED;
    big->owners.len = 0;
    big->possible.len = 1;
    big->label[0] = '\0';
    SET_TEXT(big->possible.names[0], "%s", host->name);
    SET_TEXT(big->pool, "%s", host->pool);
}

/* In an eighth of the seeds one big VM waits while small ones end and others start. */
void swarm_draw_crowd(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xc2b2ae3d27d4eb4f) + 31};
    const struct scenario_host *host = find_biggest(scenario);
    if (!rng_chance(&rng, 1, 8) || !host || scenario->vms.len < 3) {
        return;
    }
    make_crowd(scenario, host);
    struct scenario_step step = {
        .at_ms = rng_between(&rng, 0, length_ms / 3), .op = OP_START, .times = 1};
    SET_TEXT(step.subject, "%s", scenario->vms.items[0].name);
    swarm_add_step(scenario, &step);
    int64_t count = rng_between(&rng, 4, 12);
    for (int64_t i = 0; i < count; i++) {
        size_t vm = (size_t)rng_between(&rng, 1, (int64_t)scenario->vms.len - 1);
        step.op = rng_chance(&rng, 1, 2) ? OP_STOP : OP_START;
        step.at_ms = rng_between(&rng, 0, length_ms);
        SET_TEXT(step.subject, "%s", scenario->vms.items[vm].name);
        swarm_add_step(scenario, &step);
    }
}

void swarm_draw_candidates(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0x8ebc6af09c88c6e3) + 29};
    if (rng_chance(&rng, 1, 2)) {
        return;
    }
    bool have_stores = rng_chance(&rng, 1, 2);
    scenario->settings.candidates = (uint32_t)rng_between(&rng, 1, 3);
    VEC_EACH(&scenario->hosts, host) {
        host->has_store = have_stores && rng_chance(&rng, 1, 3);
    }
    int64_t times = rng_between(&rng, 0, 3);
    for (int64_t i = 0; i < times; i++) {
        bool is_cut = rng_chance(&rng, 1, 2);
        struct scenario_step off = {.at_ms = rng_between(&rng, 0, length_ms),
                                    .op = is_cut ? OP_NETWORK_OFF : OP_POWER_OFF,
                                    .times = 1};
        struct scenario_step on = off;
        on.op = is_cut ? OP_NETWORK_ON : OP_POWER_ON;
        on.at_ms = MIN(off.at_ms + rng_between(&rng, 2000, 60000), length_ms);
        for (size_t h = 0; h < MIN(scenario->settings.candidates, scenario->hosts.len); h++) {
            memcpy(off.subject, scenario->hosts.items[h].name, sizeof(off.subject));
            memcpy(on.subject, off.subject, sizeof(on.subject));
            swarm_add_step(scenario, &off);
            swarm_add_step(scenario, &on);
        }
    }
}

void swarm_draw_cancels(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xa0761d6478bd642f) + 37};
    if (rng_chance(&rng, 1, 3)) {
        return;
    }
    /* What is added comes after what it cancels. */
    for (size_t i = 0; i < scenario->steps.len; i++) {
        struct scenario_step step = scenario->steps.items[i];
        if (step.op != OP_MOVE || rng_chance(&rng, 1, 3)) {
            continue;
        }
        step = (struct scenario_step){.op = OP_CANCEL_MOVE, .at_ms = step.at_ms, .times = 1};
        memcpy(step.subject, scenario->steps.items[i].subject, sizeof(step.subject));
        step.at_ms = MIN(step.at_ms + rng_between(&rng, 0, 6000), length_ms);
        swarm_add_step(scenario, &step);
    }
}

/* The host is drawn first, then the time. */
static struct scenario_step at_some_host(struct rng *rng, msec_t length_ms,
                                         const struct scenario *scenario, enum scenario_op op)
{
    const struct scenario_host *host = &scenario->hosts.items[rng_below(rng, scenario->hosts.len)];
    struct scenario_step step = {.at_ms = rng_between(rng, 0, length_ms), .op = op, .times = 1};
    memcpy(step.subject, host->name, sizeof(step.subject));
    return step;
}

void swarm_draw_stalls(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xff51afd7ed558ccd) + 37};
    int64_t count = rng_chance(&rng, 1, 8) ? rng_between(&rng, 1, 5) : 0;
    for (int64_t i = 0; i < count; i++) {
        struct scenario_step step = at_some_host(&rng, length_ms, scenario, OP_FREEZE);
        swarm_add_step(scenario, &step);
        step.op = OP_CRASH;
        step.at_ms = MIN(step.at_ms + rng_between(&rng, 500, 4000), length_ms);
        step.for_ms = 100;
        swarm_add_step(scenario, &step);
    }
}

/* 'op' of 'host' from 'at_ms' on, and what ends it some time later. */
static void add_spell(struct rng *rng, struct scenario *scenario, const char *host, msec_t at_ms,
                      enum scenario_op begin, enum scenario_op end, msec_t longest_ms,
                      msec_t length_ms)
{
    struct scenario_step step = {.at_ms = at_ms, .op = begin, .times = 1};
    SET_TEXT(step.subject, "%s", host);
    swarm_add_step(scenario, &step);
    step.op = end;
    step.at_ms = MIN(at_ms + rng_between(rng, 100, longest_ms), length_ms);
    swarm_add_step(scenario, &step);
}

void swarm_draw_unseen(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0x8cb92ba72f3d8dd7) + 47};
    if (!rng_chance(&rng, 1, 8) || scenario->hosts.len < 2) {
        return;
    }
    size_t first = rng_below(&rng, scenario->hosts.len);
    const char *to = scenario->hosts.items[first].name;
    size_t other = first + (size_t)rng_between(&rng, 1, (int64_t)scenario->hosts.len - 1);
    const char *from = scenario->hosts.items[other % scenario->hosts.len].name;
    msec_t at_ms = rng_between(&rng, 0, length_ms / 2);
    add_spell(&rng, scenario, to, at_ms, OP_NETWORK_OFF, OP_NETWORK_ON, 60000, length_ms);
    add_spell(&rng, scenario, to, at_ms, OP_POWER_OFF, OP_POWER_ON, 3000, length_ms);
    at_ms += rng_between(&rng, 5000, 20000);
    bool is_cut = rng_chance(&rng, 1, 2);
    add_spell(&rng, scenario, from, at_ms, is_cut ? OP_NETWORK_OFF : OP_FREEZE,
              is_cut ? OP_NETWORK_ON : OP_THAW, 15000, length_ms);
    VEC_EACH(&scenario->vms, vm) {
        struct scenario_step step = {
            .at_ms = at_ms + rng_between(&rng, 0, 4000), .op = OP_MIGRATE, .times = 1};
        if (rng_chance(&rng, 1, 2)) {
            vm->gpus = 0; /* with one it would stay */
            SET_TEXT(step.subject, "%s", vm->name);
            SET_TEXT(step.host, "%s", to);
            swarm_add_step(scenario, &step);
        }
    }
    if (rng_chance(&rng, 1, 2)) {
        at_ms += rng_between(&rng, 3000, 20000);
        add_spell(&rng, scenario, from, at_ms, OP_POWER_OFF, OP_POWER_ON, 10000, length_ms);
    }
}

void swarm_draw_hangs(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0x9ddfea08eb382d69) + 43};
    int64_t count = rng_chance(&rng, 1, 6) ? rng_between(&rng, 1, 3) : 0;
    for (int64_t i = 0; i < count; i++) {
        struct scenario_step step = at_some_host(&rng, length_ms, scenario, OP_HANG_BIND);
        step.times = (uint32_t)rng_between(&rng, 1, 2);
        step.for_ms = rng_chance(&rng, 2, 3) ? rng_between(&rng, 1000, 120000) : 0;
        swarm_add_step(scenario, &step);
        step.for_ms = 0;
        step.op = OP_POWER_OFF; /* after a boot every card is bound again */
        swarm_add_step(scenario, &step);
        step.op = OP_POWER_ON;
        step.at_ms = MIN(step.at_ms + rng_between(&rng, 100, 20000), length_ms);
        swarm_add_step(scenario, &step);
    }
}

void swarm_draw_deaths(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    enum { apart_ms = 50000 }; /* check_proven.c waits so long, and some more */
    struct rng rng = {seed * UINT64_C(0xc4ceb9fe1a85ec53) + 41};
    if (!rng_chance(&rng, 1, 10)) {
        return;
    }
    scenario->steps.len = 0;
    scenario->noise = (struct scenario_noise){.delay_ms = scenario->noise.delay_ms};
    VEC_EACH(&scenario->hosts, host) { /* a watchdog proves it, or agents, or nothing */
        host->fencing = (enum fencing)rng_below(&rng, fencing_count);
        host->has_no_watchdog = rng_chance(&rng, 1, 2);
    }
    size_t first = rng_below(&rng, scenario->hosts.len);
    msec_t at_ms = rng_between(&rng, 0, 10000);
    for (size_t i = 0; i + 1 < scenario->hosts.len && at_ms < length_ms - apart_ms; i++) {
        const struct scenario_host *host =
            &scenario->hosts.items[(first + i) % scenario->hosts.len];
        struct scenario_step step = {.at_ms = at_ms, .op = OP_POWER_OFF, .times = 1};
        memcpy(step.subject, host->name, sizeof(step.subject));
        swarm_add_step(scenario, &step);
        at_ms += apart_ms;
    }
}
