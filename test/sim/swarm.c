/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios drawn from a seed: a topology, a load, faults and orders over some minutes, then all is
 * healed and everything that fits must run. Each kind of fault is in about half of the seeds only:
 * some bugs show only where others are absent.
 *
 * Longer than most: each kind of chance is drawn apart, so that the other seeds stay what they
 * were, and all of them make one scenario.
 */
#include "test/sim/rng.h"
#include "test/sim/swarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With more hosts than that, each of which hears of each write, watches tell in batches, as etcd
 * does under load; a run would take hours else. */
enum { crowd_hosts = 64, crowd_batch_ms = 50 };

#define SET_TEXT(to, ...) ((void)snprintf((to), sizeof(to), __VA_ARGS__))

static void *must_add(void *place)
{
    if (!place) {
        abort();
    }
    return place;
}

/* ---- topology ---- */

static void draw_hosts(struct rng *rng, uint32_t count, struct scenario *scenario)
{
    uint32_t gpus = (uint32_t)rng_between(rng, 1, 4);
    bool is_mixed = rng_chance(rng, 1, 2), has_two_pools = rng_chance(rng, 1, 4);
    bool drifts = rng_chance(rng, 1, 2), is_late = rng_chance(rng, 1, 2);
    enum fencing usual = (enum fencing)rng_below(rng, 2);
    for (uint32_t i = 0; i < count; i++) {
        struct scenario_host *host = must_add(VEC_ADD(&scenario->hosts));
        *host = scenario_host_default;
        SET_TEXT(host->name, "h%u", i + 1);
        host->gpus = is_mixed ? (uint32_t)rng_between(rng, 0, 4) : gpus;
        host->fencing = rng_chance(rng, 1, 5) ? (enum fencing)rng_below(rng, fencing_count) : usual;
        host->has_no_watchdog = rng_chance(rng, 1, 12);
        host->boot_ms = rng_between(rng, 2000, 15000);
        host->drift_ppm = drifts ? (int32_t)rng_between(rng, -4900, 4900) : 0;
        host->watchdog_late_ms = is_late ? rng_between(rng, 0, 150) : 0;
        if (rng_chance(rng, 1, 2)) {
            SET_TEXT(host->label, "site=east");
        }
        if (has_two_pools && rng_chance(rng, 1, 2)) {
            SET_TEXT(host->pool, "other");
        }
    }
}

static void draw_names(struct rng *rng, char prefix, size_t count, struct name_list *ret)
{
    uint32_t len = (uint32_t)rng_between(rng, 1, 2);
    for (uint32_t i = 0; i < len; i++) {
        SET_TEXT(ret->names[i], "%c%u", prefix, (unsigned)rng_between(rng, 1, (int64_t)count));
    }
    ret->len = len == 2 && strcmp(ret->names[0], ret->names[1]) == 0 ? 1 : len;
}

/* In a quarter of the seeds the GPUs of all hosts are divided alike, half of them into vGPUs, and
 * half of those of two sizes. Drawn apart, so that the other seeds stay what they were. */
static void draw_partitions(uint64_t seed, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0x9e3779b97f4a7c15) + 7};
    if (!rng_chance(&rng, 1, 4)) {
        return;
    }
    uint32_t count = (uint32_t)rng_between(&rng, 2, 4);
    bool are_vgpus = rng_chance(&rng, 1, 2);
    bool are_of_sizes = rng_chance(&rng, 1, 2);
    VEC_EACH(&scenario->hosts, host) {
        host->gpus = MIN(host->gpus, 2U);
        host->partitions = count;
        host->has_vgpus = are_vgpus;
        host->has_sizes = are_vgpus && are_of_sizes;
    }
}

/* The same apart: in a quarter of the seeds GPUs are erased between two VMs. */
static void draw_erasures(uint64_t seed, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0x94d049bb133111eb) + 11};
    bool are_erased = rng_chance(&rng, 1, 4);
    VEC_EACH(&scenario->hosts, host) {
        host->after_use = are_erased ? AFTER_USE_ERASE : AFTER_USE_RELEASE;
    }
}

/* The same apart: in a fifth of the seeds a fabric is between the GPUs that are given away whole.
 */
static void draw_fabric(uint64_t seed, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xbf58476d1ce4e5b9) + 17};
    bool has_fabric = rng_chance(&rng, 1, 5);
    VEC_EACH(&scenario->hosts, host) {
        host->has_fabric = has_fabric && host->partitions == 0;
    }
}

/* The same apart: in a third of the seeds berthds run out of memory now and then. */
static void draw_memory(uint64_t seed, struct scenario_noise *ret)
{
    struct rng rng = {seed * UINT64_C(0xd1342543de82ef95) + 5};
    ret->memory = rng_chance(&rng, 1, 3) ? (uint32_t)rng_between(&rng, 1, 300) : 0;
}

static void draw_vms(struct rng *rng, struct scenario *scenario)
{
    uint32_t gpus = 0;
    size_t hosts = scenario->hosts.len;
    VEC_EACH(&scenario->hosts, host) {
        gpus += host->gpus * MAX(host->partitions, 1U);
    }
    uint32_t count = MAX((uint32_t)rng_between(rng, 1, 2 + gpus * 5 / 4), 1U);
    bool has_rules = rng_chance(rng, 1, 3), has_priorities = rng_chance(rng, 1, 2);
    for (uint32_t i = 0; i < count; i++) {
        struct scenario_vm *vm = must_add(VEC_ADD(&scenario->vms));
        *vm = scenario_vm_default;
        SET_TEXT(vm->name, "v%u", i + 1);
        vm->gpus = rng_chance(rng, 1, 3) ? (uint32_t)rng_between(rng, 0, 4) : 1;
        vm->desired = rng_chance(rng, 1, 10) ? VM_STOPPED : VM_STARTED;
        vm->start_ms = rng_between(rng, 100, 5000);
        vm->offline = rng_chance(rng, 1, 2)
                          ? OFFLINE_FORCE_SHUTDOWN
                          : (enum offline_action)rng_below(rng, offline_action_count);
        if (has_priorities) {
            vm->priority = (uint32_t)rng_between(rng, 0, 3) * 1000;
        }
        if (rng_chance(rng, 1, 4) && strcmp(scenario->hosts.items[0].pool, "gpus") != 0) {
            SET_TEXT(vm->pool, "other");
        }
        if (has_rules && rng_chance(rng, 1, 2)) {
            vm->is_enforced = rng_chance(rng, 1, 2);
            draw_names(rng, 'h', hosts, rng_chance(rng, 1, 2) ? &vm->owners : &vm->possible);
            if (rng_chance(rng, 1, 4)) {
                SET_TEXT(vm->label, "site=east");
            }
            draw_names(rng, 'v', count, rng_chance(rng, 1, 2) ? &vm->apart : &vm->together);
        }
    }
}

/* The same apart: in half of the seeds memory and CPUs are what runs short. The big VMs take
 * seconds to be killed. */
static void draw_room(uint64_t seed, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xa0761d6478bd642f) + 13};
    scenario->settings.cold_start_ms = rng_between(&rng, 0, 40000);
    if (!rng_chance(&rng, 1, 2)) {
        return;
    }
    int64_t most_gib = rng_between(&rng, 4, 48), least = rng_chance(&rng, 1, 2) ? most_gib : 2;
    bool has_huge_pages = rng_chance(&rng, 1, 4);
    bool has_few_cpus = rng_chance(&rng, 1, 2), has_many_gpus = rng_chance(&rng, 1, 2);
    VEC_EACH(&scenario->hosts, host) {
        host->cpus = has_few_cpus ? (uint32_t)rng_between(&rng, 2, 8) : host->cpus;
        host->memory_mib = (uint64_t)rng_between(&rng, least, most_gib) * 1024;
        host->huge_mib = host->memory_mib;
    }
    VEC_EACH(&scenario->vms, vm) {
        vm->memory_mib = (uint64_t)rng_between(&rng, 1, most_gib * 2 / 3) * 1024;
        /* Every second one, so that both kinds of memory are short at once. */
        vm->has_huge_pages = has_huge_pages && (vm - scenario->vms.items) % 2 == 0;
        vm->gpus = has_many_gpus ? (uint32_t)rng_below(&rng, 2) : vm->gpus;
        vm->priority = (uint32_t)rng_between(&rng, 0, 3) * 1000;
        vm->cpus = has_few_cpus ? (uint32_t)rng_between(&rng, 1, 4) : vm->cpus;
    }
    scenario->settings.cpu_percent = rng_chance(&rng, 1, 2) ? 100 : 200;
    scenario->settings.preemption = rng_chance(&rng, 1, 2);
}

static void draw_noise(struct rng *rng, struct scenario_noise *ret)
{
    ret->delay_ms = rng_chance(rng, 1, 2) ? rng_between(rng, 1, 300) : rng_between(rng, 1, 20);
    ret->lost_request = rng_chance(rng, 1, 2) ? (uint32_t)rng_between(rng, 1, 50) : 0;
    ret->lost_reply = rng_chance(rng, 1, 2) ? (uint32_t)rng_between(rng, 1, 100) : 0;
    ret->late_request = rng_chance(rng, 1, 3) ? (uint32_t)rng_between(rng, 1, 50) : 0;
    ret->crash = rng_chance(rng, 1, 2) ? (uint32_t)rng_between(rng, 1, 300) : 0;
    ret->freeze = rng_chance(rng, 1, 2) ? (uint32_t)rng_between(rng, 1, 500) : 0;
    ret->freeze_ms = rng_chance(rng, 1, 2) ? 2000 : 20000;
    ret->bad_start = rng_chance(rng, 1, 3) ? (uint32_t)rng_between(rng, 1, 200) : 0;
    ret->slow_start = rng_chance(rng, 1, 4) ? (uint32_t)rng_between(rng, 1, 100) : 0;
    ret->guest_death = rng_chance(rng, 1, 3) ? (uint32_t)rng_between(rng, 10, 1000) : 0;
}

/* ---- faults and orders ---- */

/* A fault and what ends it; equal: nothing does. Weights say how often. */
struct kind {
    enum scenario_op begin, end;
    unsigned weight;
    msec_t longest_ms;
};

static const struct kind kinds[] = {
    {OP_POWER_OFF, OP_POWER_ON, 8, 60000},
    {OP_NETWORK_OFF, OP_NETWORK_ON, 8, 40000},
    {OP_WATCH_OFF, OP_WATCH_ON, 4, 40000},
    {OP_FREEZE, OP_THAW, 5, 15000},
    {OP_CRASH, OP_CRASH, 5, 0},
    {OP_LEAVE, OP_LEAVE, 2, 0},
    {OP_STORE_OFF, OP_STORE_ON, 2, 30000},
    {OP_STORE_FULL, OP_STORE_ROOM, 2, 30000},
    {OP_COMPACT, OP_COMPACT, 2, 0},
    {OP_LIBVIRT_OFF, OP_LIBVIRT_ON, 3, 40000},
    {OP_LIBVIRT_HANG, OP_LIBVIRT_ON, 3, 40000},
    {OP_FAIL_START, OP_FAIL_START, 4, 0},
    {OP_FAIL_STOP, OP_FAIL_STOP, 3, 0},
    {OP_FAIL_GUEST, OP_FAIL_GUEST, 4, 0},
    {OP_FAIL_GPU, OP_MEND_GPU, 2, 60000},
    {OP_SWAP_GPU, OP_SWAP_GPU, 1, 0},
    {OP_RELEASE, OP_RELEASE, 2, 0},
    {OP_FAIL_FENCE, OP_FAIL_FENCE, 2, 0},
    {OP_HANG_FENCE, OP_HANG_FENCE, 2, 0},
    {OP_FAIL_BIND, OP_FAIL_BIND, 1, 0},
    {OP_FAIL_WATCHDOG, OP_MEND_WATCHDOG, 2, 60000},
    {OP_START, OP_START, 6, 0},
    {OP_STOP, OP_START, 5, 40000},
    {OP_MOVE, OP_MOVE, 5, 0},
    {OP_REMOVE, OP_REMOVE, 1, 0},
    {OP_DRAIN, OP_RESUME, 5, 60000},
    {OP_PAUSE, OP_RESUME, 2, 60000},
    {OP_CONFIRM_OFF, OP_CONFIRM_OFF, 2, 0},
    {OP_FENCING, OP_FENCING, 1, 0},
};

static const char *some_host(struct rng *rng, const struct scenario *scenario)
{
    return scenario->hosts.items[rng_below(rng, scenario->hosts.len)].name;
}

static void fill_in(struct rng *rng, const struct scenario *scenario, struct scenario_step *step)
{
    bool is_vms = step->op == OP_FAIL_START || step->op == OP_FAIL_STOP ||
                  step->op == OP_FAIL_GUEST || step->op == OP_START || step->op == OP_STOP ||
                  step->op == OP_MOVE || step->op == OP_REMOVE;
    bool is_nobodys =
        step->op == OP_STORE_OFF || step->op == OP_STORE_FULL || step->op == OP_COMPACT;
    step->times = (uint32_t)rng_between(rng, 1, 5);
    step->is_forced = rng_chance(rng, 1, 4) && step->op != OP_CONFIRM_OFF; /* that would be a lie */
    step->number = (int64_t)rng_below(rng, 4);
    step->method = (enum fencing)rng_below(rng, fencing_count);
    if (is_vms) {
        SET_TEXT(step->subject, "%s", scenario->vms.items[rng_below(rng, scenario->vms.len)].name);
    } else if (!is_nobodys) {
        SET_TEXT(step->subject, "%s", some_host(rng, scenario));
    }
    if (step->op == OP_MOVE && rng_chance(rng, 2, 3)) {
        SET_TEXT(step->host, "%s", some_host(rng, scenario));
    }
    if (step->op == OP_NETWORK_OFF) {
        uint64_t way = rng_below(rng, 4);
        step->is_in = way == 1;
        step->is_out = way == 2;
    }
    step->has_gpu = step->op == OP_FAIL_START && rng_chance(rng, 1, 3);
    step->for_ms = step->op == OP_CRASH || step->op == OP_LEAVE ? rng_between(rng, 100, 10000) : 0;
}

void swarm_add_step(struct scenario *scenario, const struct scenario_step *step)
{
    size_t place = scenario->steps.len;
    while (place > 0 && scenario->steps.items[place - 1].at_ms > step->at_ms) {
        place--;
    }
    struct scenario_step *slot = must_add(VEC_INSERT(&scenario->steps, place));
    *slot = *step;
}

static void draw_step(struct rng *rng, const unsigned *weights, msec_t length_ms,
                      struct scenario *scenario)
{
    unsigned sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        sum += weights[i];
    }
    uint64_t at = rng_below(rng, sum);
    size_t kind = 0;
    while (at >= weights[kind]) {
        at -= weights[kind++];
    }
    struct scenario_step step = {.at_ms = rng_between(rng, 0, length_ms), .op = kinds[kind].begin};
    fill_in(rng, scenario, &step);
    swarm_add_step(scenario, &step);
    if (kinds[kind].end != kinds[kind].begin) {
        struct scenario_step end = step;
        end.op = kinds[kind].end;
        end.at_ms += rng_between(rng, 100, kinds[kind].longest_ms);
        end.is_forced = end.is_in = end.is_out = false;
        end.at_ms = MIN(end.at_ms, length_ms);
        swarm_add_step(scenario, &end);
    }
}

static void set_later(struct scenario *scenario, msec_t at_ms, const char *name, int64_t number)
{
    struct scenario_step step = {.at_ms = at_ms, .op = OP_SET, .number = number, .times = 1};
    SET_TEXT(step.subject, "%s", name);
    swarm_add_step(scenario, &step);
}

/* An administrator lengthens the watchdog's time, and perhaps shortens it again: each write alone
 * keeps the relations between the times. */
static void draw_times(struct rng *rng, msec_t length_ms, struct scenario *scenario)
{
    msec_t at_ms = rng_between(rng, 0, length_ms / 2);
    set_later(scenario, at_ms, "takeover_ms", 12000);
    set_later(scenario, at_ms + rng_between(rng, 0, 5000), "watchdog_ms", 10000);
    if (rng_chance(rng, 1, 2)) {
        at_ms += rng_between(rng, 6000, length_ms / 2);
        set_later(scenario, at_ms, "watchdog_ms", 6000);
        set_later(scenario, at_ms + rng_between(rng, 0, 5000), "takeover_ms", 8000);
    }
}

/* In a quarter of the seeds hosts run out of disk space. Drawn apart, too. */
static void draw_disks(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xbea225f9eb34556d) + 3};
    int64_t count = rng_chance(&rng, 1, 4) ? rng_between(&rng, 1, 4) : 0;
    for (int64_t i = 0; i < count; i++) {
        struct scenario_step step = {
            .at_ms = rng_between(&rng, 0, length_ms), .op = OP_DISK_FULL, .times = 1};
        SET_TEXT(step.subject, "%s", some_host(&rng, scenario));
        swarm_add_step(scenario, &step);
        step.op = OP_DISK_ROOM;
        step.at_ms = MIN(step.at_ms + rng_between(&rng, 1000, 90000), length_ms);
        swarm_add_step(scenario, &step);
    }
}

/* Where GPUs are on a fabric, its manager restarts or refuses now and then. */
static void draw_fabric_troubles(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0x9fb21c651e98df25) + 19};
    bool has_fabric = scenario->hosts.items[0].has_fabric;
    int64_t count = has_fabric ? rng_between(&rng, 0, 4) : 0;
    for (int64_t i = 0; i < count; i++) {
        struct scenario_step step = {.at_ms = rng_between(&rng, 0, length_ms),
                                     .op = rng_chance(&rng, 1, 2) ? OP_RESTART_FABRIC
                                                                  : OP_FAIL_FABRIC,
                                     .times = 1};
        SET_TEXT(step.subject, "%s", some_host(&rng, scenario));
        swarm_add_step(scenario, &step);
    }
}

/* Where GPUs are erased, that fails now and then. */
static void draw_bad_erasures(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xd6e8feb86659fd93) + 13};
    bool are_erased = scenario->hosts.items[0].after_use == AFTER_USE_ERASE;
    int64_t count = are_erased ? rng_between(&rng, 0, 3) : 0;
    for (int64_t i = 0; i < count; i++) {
        struct scenario_step step = {
            .at_ms = rng_between(&rng, 0, length_ms), .op = OP_FAIL_ERASE, .times = 1};
        SET_TEXT(step.subject, "%s", some_host(&rng, scenario));
        swarm_add_step(scenario, &step);
        step.op = OP_RELEASE;
        step.at_ms = MIN(step.at_ms + rng_between(&rng, 20000, 60000), length_ms);
        step.number = (int64_t)rng_below(&rng, 4);
        swarm_add_step(scenario, &step);
    }
}

/* In a fifth of the seeds the kernel counts fatal errors of cards. */
static void draw_fatal_errors(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xa0761d6478bd642f) + 19};
    int64_t count = rng_chance(&rng, 1, 5) ? rng_between(&rng, 1, 3) : 0;
    for (int64_t i = 0; i < count; i++) {
        struct scenario_step step = {.at_ms = rng_between(&rng, 0, length_ms),
                                     .op = OP_FATAL_GPU,
                                     .times = 1,
                                     .number = (int64_t)rng_below(&rng, 2)};
        SET_TEXT(step.subject, "%s", some_host(&rng, scenario));
        swarm_add_step(scenario, &step);
        step.op = OP_RELEASE;
        step.at_ms = MIN(step.at_ms + rng_between(&rng, 10000, 60000), length_ms);
        swarm_add_step(scenario, &step);
    }
}

/* In half of the seeds hosts are shut down and rebooted in order, by hand or by an administrator's
 * order. Drawn apart, too. */
static void draw_shutdowns(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    static const enum scenario_op ops[] = {OP_SHUTDOWN, OP_REBOOT, OP_ORDER_SHUTDOWN,
                                           OP_ORDER_REBOOT};
    struct rng rng = {seed * UINT64_C(0x8cb92ba72f3d8dd7) + 17};
    scenario->settings.shutdown_limit_ms = rng_between(&rng, 10000, 40000);
    scenario->settings.on_shutdown = rng_chance(&rng, 1, 2)
                                         ? ON_SHUTDOWN_MOVE
                                         : (enum on_shutdown)rng_below(&rng, on_shutdown_count);
    int64_t count = rng_chance(&rng, 1, 2) ? rng_between(&rng, 1, 5) : 0;
    for (int64_t i = 0; i < count; i++) {
        struct scenario_step step = {.at_ms = rng_between(&rng, 0, length_ms), .times = 1};
        step.op = ops[rng_below(&rng, ARRAY_LEN(ops))];
        SET_TEXT(step.subject, "%s", some_host(&rng, scenario));
        swarm_add_step(scenario, &step);
        if (step.op == OP_SHUTDOWN || step.op == OP_ORDER_SHUTDOWN) {
            step.op = OP_POWER_ON;
            step.at_ms = MIN(step.at_ms + rng_between(&rng, 20000, 90000), length_ms);
            swarm_add_step(scenario, &step);
        } else if (step.op == OP_ORDER_REBOOT && rng_chance(&rng, 1, 2)) {
            step.op = rng_chance(&rng, 1, 2) ? OP_RESUME : OP_FAIL_POWER;
            step.at_ms = MIN(step.at_ms + rng_between(&rng, 0, 3000), length_ms);
            swarm_add_step(scenario, &step);
        }
    }
}

static const struct kind rarities[] = {
    {OP_HANG_START, OP_HANG_START, 3, 0},       {OP_HANG_KILL, OP_HANG_KILL, 2, 0},
    {OP_PRIORITY, OP_PRIORITY, 3, 0},           {OP_LEAK, OP_LEAK, 2, 0},
    {OP_GARBLE, OP_MEND_CLAIM, 3, 40000},       {OP_GARBLE_LEADER, OP_MEND_LEADER, 1, 20000},
    {OP_DISMOUNT, OP_DISMOUNT, 2, 0},           {OP_MOUNT, OP_DISMOUNT, 2, 40000},
    {OP_PARTITION, OP_PARTITION, 2, 0},         {OP_SWAP_GPU, OP_RELEASE, 2, 60000},
    {OP_IMPOSTOR, OP_IMPOSTOR, 1, 0},           {OP_FORGET, OP_FORGET, 1, 0},
    {OP_RENAME, OP_RENAME_BACK, 2, 30000},      {OP_LOSE_IDENTITY, OP_LOSE_IDENTITY, 1, 0},
    {OP_WRONG_STORE, OP_RIGHT_STORE, 2, 30000}, {OP_FOREIGN_STORE, OP_RIGHT_STORE, 2, 30000},
    {OP_MIGRATE, OP_ADOPT_VM, 4, 30000},        {OP_SAVE, OP_RESTORE, 2, 40000},
};

static void add_crash(struct scenario *scenario, const struct scenario_step *when)
{
    struct scenario_step crash = *when;
    crash.op = OP_CRASH;
    crash.for_ms = 500;
    swarm_add_step(scenario, &crash);
}

static void draw_rarity(struct rng *rng, msec_t length_ms, struct scenario *scenario)
{
    const struct kind *kind = &rarities[rng_below(rng, ARRAY_LEN(rarities))];
    struct scenario_step step = {
        .at_ms = rng_between(rng, 0, length_ms),
        .op = kind->begin,
        .times = (uint32_t)rng_between(rng, 1, 3),
        .number = (int64_t)rng_below(rng, 4),
    };
    if (step.op == OP_MIGRATE || step.op == OP_SAVE) {
        SET_TEXT(step.host, "%s", some_host(rng, scenario));
    }
    if (step.op == OP_HANG_START || step.op == OP_HANG_KILL || step.op == OP_PRIORITY ||
        step.op == OP_MIGRATE || step.op == OP_SAVE) {
        SET_TEXT(step.subject, "%s", scenario->vms.items[rng_below(rng, scenario->vms.len)].name);
        step.number *= 1000;
    } else if (step.op != OP_GARBLE_LEADER) {
        SET_TEXT(step.subject, "%s", some_host(rng, scenario));
    }
    /* The API refuses that for a card in a pool, and what a VM holds of a vGPU's profile is known
     * only while no one gets around that. */
    bool is_division = step.op == OP_DISMOUNT || step.op == OP_MOUNT || step.op == OP_PARTITION;
    if (is_division && scenario->hosts.items[0].has_vgpus) {
        return;
    }
    bool is_of_next = step.op == OP_WRONG_STORE || step.op == OP_FOREIGN_STORE;
    step.into = (uint32_t)rng_between(rng, 0, 4);
    step.for_ms = step.op == OP_IMPOSTOR ? rng_between(rng, 1000, 20000) : 0;
    swarm_add_step(scenario, &step);
    if (kind->end != kind->begin) {
        step.op = kind->end;
        if (step.op == OP_ADOPT_VM) {
            step.host[0] = '\0'; /* adopted wherever it was found */
        }
        if (is_of_next) {
            add_crash(scenario, &step); /* the berthd that comes next has it */
        }
        step.at_ms = MIN(step.at_ms + rng_between(rng, 100, kind->longest_ms), length_ms);
        swarm_add_step(scenario, &step);
        if (is_of_next) {
            add_crash(scenario, &step);
        }
    }
}

/* In a third of the seeds, drawn apart: what happens seldom, and hosts with few CPUs. */
static void draw_rarities(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0x94d049bb133111eb) + 11};
    bool has_few_cpus = rng_chance(&rng, 1, 4);
    int64_t count = rng_chance(&rng, 1, 3) ? rng_between(&rng, 1, 12) : 0;
    for (int64_t i = 0; i < count; i++) {
        draw_rarity(&rng, length_ms, scenario);
    }
    VEC_EACH(&scenario->hosts, host) {
        host->cpus = has_few_cpus ? (uint32_t)rng_between(&rng, 2, 8) : host->cpus;
    }
    bool has_policies = rng_chance(&rng, 1, 3);
    if (rng_chance(&rng, 1, 4)) {
        scenario->settings.reserve = (uint32_t)rng_between(&rng, 1, 2);
        scenario->settings.reserve_policy = RESERVE_REFUSE;
    }
    VEC_EACH(&scenario->vms, each) {
        if (has_policies) {
            each->restarts_max = (uint32_t)rng_between(&rng, 0, 3);
            each->failovers_max = (uint32_t)rng_between(&rng, 0, 3);
            each->losses_max = (uint32_t)rng_between(&rng, 0, 3);
            each->offline_timeout_ms = rng_between(&rng, 1000, 30000);
        }
    }
    VEC_EACH(&scenario->vms, vm) {
        vm->cpus = has_few_cpus ? (uint32_t)rng_between(&rng, 1, 4) : vm->cpus;
    }
}

/* A move or drain, and close to it what may go wrong with the hand-over. */
static void draw_handover(struct rng *rng, msec_t length_ms, struct scenario *scenario)
{
    static const enum scenario_op troubles[] = {
        OP_FAIL_MIGRATION, OP_CUT_MIGRATION, OP_HANG_MIGRATION,
        OP_LATE_MIGRATION, OP_POWER_OFF,     OP_CRASH,
        OP_NETWORK_OFF,    OP_LIBVIRT_OFF,   OP_LIBVIRT_HANG,
        OP_STORE_OFF,      OP_STOP};
    enum { faults_of_vms = 4 };
    static const enum scenario_op ends[] = {OP_FAIL_MIGRATION, OP_CUT_MIGRATION, OP_HANG_MIGRATION,
                                            OP_LATE_MIGRATION, OP_POWER_ON,      OP_CRASH,
                                            OP_NETWORK_ON,     OP_LIBVIRT_ON,    OP_LIBVIRT_ON,
                                            OP_STORE_ON,       OP_START};
    const char *vm = scenario->vms.items[rng_below(rng, scenario->vms.len)].name;
    struct scenario_step step = {.at_ms = rng_between(rng, 0, length_ms), .times = 1};
    bool is_drain = rng_chance(rng, 1, 2);
    step.op = is_drain ? OP_DRAIN : OP_MOVE;
    SET_TEXT(step.subject, "%s", is_drain ? some_host(rng, scenario) : vm);
    swarm_add_step(scenario, &step);
    struct scenario_step end = step;
    end.op = OP_RESUME;
    end.at_ms = MIN(step.at_ms + rng_between(rng, 1000, 40000), length_ms);
    if (is_drain) {
        swarm_add_step(scenario, &end);
    }
    size_t which = rng_below(rng, ARRAY_LEN(troubles));
    bool is_vms = which < faults_of_vms || troubles[which] == OP_STOP;
    step.op = troubles[which];
    step.at_ms =
        MIN(step.at_ms + (which < faults_of_vms ? 0 : rng_between(rng, 0, 5000)), length_ms);
    SET_TEXT(step.subject, "%s",
             is_vms                            ? vm
             : troubles[which] == OP_STORE_OFF ? ""
                                               : some_host(rng, scenario));
    step.for_ms = step.op == OP_CRASH ? rng_between(rng, 100, 3000) : 0;
    swarm_add_step(scenario, &step);
    if (ends[which] != troubles[which]) {
        step.op = ends[which];
        step.at_ms = MIN(step.at_ms + rng_between(rng, 500, 30000), length_ms);
        swarm_add_step(scenario, &step);
    }
}

/* Drawn apart: in a half of the seeds hosts can hand over running VMs, and many VMs have no GPU. */
static void draw_live(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xd6e8feb86659fd93) + 19};
    if (!rng_chance(&rng, 1, 2)) {
        return;
    }
    VEC_EACH(&scenario->hosts, host) {
        SET_TEXT(host->live, "%s", rng_chance(&rng, 1, 10) ? "old" : "new");
        if (rng_chance(&rng, 1, 10)) {
            host->live[0] = '\0';
        }
    }
    VEC_EACH(&scenario->vms, vm) {
        vm->gpus = rng_chance(&rng, 2, 3) ? 0 : vm->gpus;
    }
    int64_t count = rng_between(&rng, 1, 15);
    for (int64_t i = 0; i < count; i++) {
        draw_handover(&rng, length_ms, scenario);
    }
}

static void add_pair(struct rng *rng, msec_t length_ms, struct scenario_step step,
                     enum scenario_op end, struct scenario *scenario)
{
    step.times = 1;
    step.at_ms = rng_between(rng, 0, length_ms - 1);
    swarm_add_step(scenario, &step);
    step.op = end;
    step.for_ms = 0;
    step.at_ms = rng_between(rng, step.at_ms, length_ms);
    swarm_add_step(scenario, &step);
}

/* Drawn apart: a quarter of the clusters is disarmed for a while; in others VMs are unmanaged, or
 * start one after the other; and some watchdogs cannot be stopped. */
static void draw_upkeep(uint64_t seed, msec_t length_ms, struct scenario *scenario)
{
    struct rng rng = {seed * UINT64_C(0xe7037ed1a0b428db) + 17};
    bool is_disarmed = rng_chance(&rng, 1, 4), has_unmanaged = rng_chance(&rng, 1, 4);
    bool has_order = rng_chance(&rng, 1, 4), has_nowayout = rng_chance(&rng, 1, 4);
    if (is_disarmed) {
        struct scenario_step step = {.op = OP_DISARM};
        step.for_ms = rng_chance(&rng, 1, 2) ? rng_between(&rng, 1000, length_ms) : 0;
        add_pair(&rng, length_ms, step, OP_ARM, scenario);
    }
    for (size_t i = 0; i < scenario->vms.len; i++) {
        struct scenario_vm *vm = &scenario->vms.items[i];
        struct scenario_step step = {.op = OP_UNMANAGE};
        if (has_unmanaged && rng_chance(&rng, 1, 3)) {
            memcpy(step.subject, vm->name, sizeof(step.subject));
            add_pair(&rng, length_ms, step, OP_MANAGE, scenario);
        }
        if (has_order && i > 0 && rng_chance(&rng, 1, 2)) { /* those before it: no circle */
            draw_names(&rng, 'v', i, &vm->after);
        }
    }
    VEC_EACH(&scenario->hosts, host) {
        host->fence_levels = (uint32_t)rng_between(&rng, 1, fence_levels_max);
        host->dead_levels = (uint32_t)rng_below(&rng, host->fence_levels);
        host->is_nowayout = has_nowayout && rng_chance(&rng, 1, 2);
    }
}

void swarm_draw(uint64_t seed, uint32_t hosts, uint32_t minutes, struct scenario *ret)
{
    struct rng rng = {seed * UINT64_C(0x2545f4914f6cdd1d) + 1};
    unsigned weights[ARRAY_LEN(kinds)];
    *ret = (struct scenario){.seed = seed, .settings = cluster_settings_default};
    SET_TEXT(ret->name, "seed %llu", (unsigned long long)seed);
    ret->batch_ms = hosts > crowd_hosts ? crowd_batch_ms : 0;
    draw_hosts(&rng, hosts ? hosts : (uint32_t)rng_between(&rng, 2, 6), ret);
    draw_partitions(seed, ret);
    draw_erasures(seed, ret);
    draw_fabric(seed, ret);
    draw_vms(&rng, ret);
    draw_noise(&rng, &ret->noise);
    draw_memory(seed, &ret->noise);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        weights[i] = rng_chance(&rng, 1, 2) ? kinds[i].weight : 0;
    }
    weights[0] = kinds[0].weight;
    ret->settings.failback = rng_chance(&rng, 1, 4) ? FAILBACK_IMMEDIATE : FAILBACK_NONE;
    ret->settings.preemption = rng_chance(&rng, 1, 4);
    ret->settings.concurrent_starts = (uint32_t)rng_between(&rng, 1, 4);
    draw_room(seed, ret);
    msec_t length_ms = (minutes ? (msec_t)minutes : rng_between(&rng, 2, 5)) * 60000;
    int64_t count = rng_between(&rng, 1, length_ms / 6000);
    for (int64_t i = 0; i < count; i++) {
        draw_step(&rng, weights, length_ms, ret);
    }
    if (rng_chance(&rng, 1, 4)) {
        draw_times(&rng, length_ms - 6000, ret);
    }
    draw_disks(seed, length_ms, ret);
    draw_bad_erasures(seed, length_ms, ret);
    draw_fabric_troubles(seed, length_ms, ret);
    draw_fatal_errors(seed, length_ms, ret);
    draw_shutdowns(seed, length_ms, ret);
    swarm_draw_emptied(seed, length_ms, ret);
    draw_rarities(seed, length_ms, ret);
    draw_upkeep(seed, length_ms, ret);
    draw_live(seed, length_ms, ret);
    swarm_draw_cancels(seed, length_ms, ret);
    swarm_draw_candidates(seed, length_ms, ret);
    swarm_draw_unseen(seed, length_ms, ret);
    swarm_draw_crowd(seed, length_ms, ret);
    swarm_draw_stalls(seed, length_ms, ret);
    swarm_draw_hangs(seed, length_ms, ret);
    swarm_draw_deaths(seed, length_ms, ret);
    swarm_add_step(ret, &(struct scenario_step){.at_ms = length_ms, .op = OP_HEAL, .times = 1});
}
