/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host's libvirt and its VMs, as src/virt promises to show them. What exists here is the truth
 * that the checkers look at. A VM runs, for them, from the moment its process exists until it does
 * not: not when someone was told.
 *
 * Libvirt goes on with a start when the berthd that asked for it dies; a berthd that kills all is
 * answered only when no such start is left.
 */
#include "test/sim/internal.h"

enum {
    spawn_ms = 100,
    kill_ms = 20,
    off_ms = 200,
    guest_stop_ms = 1500,
    late_ms = 300000,
    told_ms = 60000,
    ask_ms = 10000
};

static void answer_kill_all(struct sim *sim, struct host *host);
static void begin_kill(struct sim *sim, struct host *host, struct instance *instance);

void instance_free(struct instance *instance)
{
    VEC_DONE(&instance->gpus);
    free(instance);
}

struct instance *hypervisor_find(const struct host *host, const char *vm)
{
    VEC_EACH(&host->instances, instance) {
        if (strcmp((*instance)->vm, vm) == 0) {
            return *instance;
        }
    }
    return NULL;
}

static struct instance *find_number(const struct host *host, uint64_t number)
{
    VEC_EACH(&host->instances, instance) {
        if ((*instance)->number == number) {
            return *instance;
        }
    }
    return NULL;
}

static void take_out(struct host *host, const struct instance *instance)
{
    for (size_t i = 0; i < host->instances.len; i++) {
        if (host->instances.items[i] == instance) {
            VEC_REMOVE(&host->instances, i);
            return;
        }
    }
}

/* By its marker; while it is not known whose VMs are ours all are. */
static bool is_ours(const struct host *host, const struct instance *instance)
{
    return !host->cluster[0] || !instance->cluster[0] ||
           strcmp(host->cluster, instance->cluster) == 0;
}

static bool has_ours(const struct host *host)
{
    VEC_EACH(&host->instances, instance) {
        if (is_ours(host, *instance)) {
            return true;
        }
    }
    return false;
}

/* ---- what berthd is told ---- */

void hypervisor_tell(struct sim *sim, struct host *host, struct instance *instance)
{
    struct letter letter = {.event = {.kind = CORE_VM_EXISTS,
                                      .epoch = instance->epoch,
                                      .is_up = instance->phase == INSTANCE_UP,
                                      .has_arrived = instance->has_arrived,
                                      .is_stranded = instance->is_stranded,
                                      .is_halted = instance->is_halted}};
    SET_TEXT(letter.name, "%s", instance->vm);
    SET_TEXT(letter.node, "%s", instance->origin);
    if (host->libvirt == LIBVIRT_UP && host->process && is_ours(host, instance)) {
        instance->is_told = true;
        process_tell(sim, host, 0, &letter);
    }
}

/* Its agent was asked. */
static void tell_guest(struct sim *sim, struct host *host, const struct instance *instance,
                       bool does_answer, bool is_silent)
{
    struct letter letter = {.event = {.kind = CORE_VM_GUEST,
                                      .epoch = instance->epoch,
                                      .is_up = does_answer,
                                      .is_silent = is_silent}};
    SET_TEXT(letter.name, "%s", instance->vm);
    if (host->libvirt == LIBVIRT_UP && host->process && instance->is_told) {
        process_tell(sim, host, 0, &letter);
    }
}

static void ask_guest(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    struct instance *instance = find_number(host, happening->id);
    if (!instance) {
        return;
    }
    bool is_absent = instance->absences > 0, is_silent = !is_absent && instance->silences > 0;
    instance->absences -= is_absent;
    instance->silences -= is_silent;
    tell_guest(sim, host, instance, !is_absent && !is_silent, is_silent);
    if (is_absent || is_silent) {
        later(sim, ask_ms, ask_guest, host)->id = instance->number;
    }
}

void hypervisor_reboot(struct instance *instance, msec_t for_ms)
{
    instance->absences = (uint64_t)(for_ms / ask_ms);
}

void hypervisor_silence(struct sim *sim, struct host *host, struct instance *instance,
                        msec_t for_ms)
{
    instance->silences = for_ms > 0 ? (uint64_t)(for_ms / ask_ms) : UINT64_MAX;
    tell_guest(sim, host, instance, true, false);
    later(sim, ask_ms, ask_guest, host)->id = instance->number;
}

static void tell_gone(struct sim *sim, struct host *host, const struct instance *instance,
                      const char *why, bool is_away)
{
    struct letter letter = {
        .event = {.kind = CORE_VM_GONE, .epoch = instance->epoch, .is_away = is_away}};
    SET_TEXT(letter.name, "%s", instance->vm);
    SET_TEXT(letter.text, "%s", why);
    if (instance->is_told) {
        process_tell(sim, host, 0, &letter);
    }
}

static void answer_start(struct sim *sim, struct host *host, struct instance *instance,
                         enum core_result result, const char *text, msec_t delay_ms)
{
    if (instance->answer_id != 0 && instance->life == host->life) {
        process_answer(sim, host, delay_ms, instance->answer_id, result, text);
    }
    instance->answer_id = 0;
}

void hypervisor_set_cluster(struct sim *sim, struct host *host, const char *cluster)
{
    SET_TEXT(host->cluster, "%s", cluster);
    VEC_EACH(&host->instances, each) {
        if (!is_ours(host, *each)) {
            struct letter letter = {.event = {.kind = CORE_VM_FOREIGN}};
            SET_TEXT(letter.name, "%s", (*each)->vm);
            SET_TEXT(letter.text, "%s", (*each)->cluster);
            tell_gone(sim, host, *each, "it is of another cluster", false);
            (*each)->is_told = false;
            process_tell(sim, host, 0, &letter);
        }
    }
}

void hypervisor_list(struct sim *sim, struct host *host)
{
    VEC_EACH(&host->instances, instance) {
        if ((*instance)->phase != INSTANCE_ASKED) {
            hypervisor_tell(sim, host, *instance);
        }
    }
    struct letter letter = {.event = {.kind = CORE_VMS_LISTED}};
    process_tell(sim, host, 0, &letter);
}

void hypervisor_set(struct sim *sim, struct host *host, enum libvirt_state state)
{
    struct letter letter = {.event = {.kind = CORE_HYPERVISOR, .is_up = state == LIBVIRT_UP}};
    host->libvirt = state;
    if (state != LIBVIRT_UP) {
        SET_TEXT(letter.text, "libvirt does not answer");
    }
    process_tell(sim, host, 0, &letter);
    if (state == LIBVIRT_UP) {
        hypervisor_list(sim, host);
    }
}

/* ---- the end of a VM ---- */

void hypervisor_end(struct sim *sim, struct host *host, struct instance *instance, const char *why)
{
    take_out(host, instance);
    if (instance->phase != INSTANCE_ASKED) {
        if (!instance->is_incoming) {
            outage_down(sim, instance->vm);
        }
        tell_gone(sim, host, instance, why, false);
    }
    answer_start(sim, host, instance, CORE_FAILED, why, 0);
    instance_free(instance);
    answer_kill_all(sim, host);
}

void hypervisor_leave(struct sim *sim, struct host *host, struct instance *instance,
                      const char *why)
{
    take_out(host, instance);
    tell_gone(sim, host, instance, why, true);
    instance->is_told = false;
    answer_kill_all(sim, host);
}

void hypervisor_arrive(struct sim *sim, struct host *host, struct instance *instance)
{
    const struct record *alive =
        world_find(&sim->store.world, RECORD_NODE_ALIVE, host->config->name);
    instance->incarnation = alive ? alive->alive->incarnation : 0; /* it ends with this one */
    *ADD_TO(&host->instances) = instance;
    hypervisor_tell(sim, host, instance);
    if (host->is_door_closed && host->process && is_ours(host, instance)) {
        begin_kill(sim, host, instance); /* at sight */
    }
}

void hypervisor_lift(struct host *host, uint64_t incarnation)
{
    VEC_EACH(&host->instances, each) {
        if (strcmp((*each)->origin, host->name) != 0) {
            (*each)->incarnation = incarnation;
        }
    }
}

void hypervisor_go_on(struct sim *sim, struct host *host, struct instance *instance)
{
    instance->is_incoming = instance->has_arrived = false;
    instance->phase = INSTANCE_UP;
    outage_up(sim, host, instance->vm);
    check_arrival(sim, host, instance);
    hypervisor_tell(sim, host, instance);
}

void hypervisor_power_off(struct sim *sim, struct host *host)
{
    host->expected.len = 0;
    while (host->instances.len > 0) {
        hypervisor_end(sim, host, host->instances.items[0], "power was lost");
    }
}

static void answer_kill_all(struct sim *sim, struct host *host)
{
    if (!has_ours(host) && host->kill_all_id != 0) {
        process_answer(sim, host, 1, host->kill_all_id, CORE_DONE, NULL);
        host->kill_all_id = 0;
    }
}

static void killed(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    struct instance *instance = find_number(host, happening->id);
    if (instance) {
        hypervisor_end(sim, host, instance, "it was killed");
    }
}

/* How much longer a big instance takes to end than one of a GiB, for which the times above are: its
 * process is there until the kernel has given its memory back. 46 ms for a GiB of 4 KiB pages, 1.3
 * ms with huge pages, as measured. */
static msec_t exit_ms(const struct instance *instance)
{
    uint64_t us_each_gib = instance->has_huge_pages ? 1300 : 46000;
    uint64_t more_mib = instance->memory_mib - MIN(instance->memory_mib, UINT64_C(1024));
    return (msec_t)(more_mib * us_each_gib / 1024 / 1000);
}

/* Whether SIGKILL does not end it: a device that does not come out of its reset, a file server that
 * is gone. It runs on, as far as safety is concerned, until its host's power is off. */
static bool is_stuck(struct sim *sim, struct instance *instance)
{
    if (instance->phase != INSTANCE_ASKED && !instance->is_stuck) {
        instance->is_stuck = faults_take(sim, OP_HANG_KILL, instance->vm, "", NULL);
    }
    return instance->is_stuck;
}

static void unkillable_due(struct sim *sim, const struct happening *happening)
{
    const struct instance *instance = find_number(happening->host, happening->id);
    if (instance && instance->is_stuck && happening->host->life == happening->life) {
        check_unkillable(sim, happening->host, instance);
    }
}

/* SIGKILL, past libvirt. A start that hangs in libvirt is undone when libvirt gets to it. */
static void begin_kill(struct sim *sim, struct host *host, struct instance *instance)
{
    bool is_first = !instance->is_undone;
    instance->is_undone = true;
    if ((instance->phase != INSTANCE_ASKED || instance->hangs) && !is_stuck(sim, instance)) {
        later(sim, kill_ms + exit_ms(instance), killed, host)->id = instance->number;
    } else if (instance->is_stuck && is_first) {
        struct happening *due = later(sim, told_ms, unkillable_due, host);
        due->id = instance->number;
        due->life = host->life;
    }
}

void hypervisor_heal(struct sim *sim, struct host *host)
{
    VEC_EACH(&host->instances, each) {
        struct instance *instance = *each;
        bool was_stuck = instance->is_stuck;
        instance->is_stuck = false;
        if (was_stuck && instance->is_undone) {
            begin_kill(sim, host, instance);
        }
    }
}

struct stop {
    uint64_t instance;
    uint64_t answer_id;
    uint64_t life;
};

static void stop_over(struct sim *sim, const struct happening *happening, const char *refused)
{
    struct host *host = happening->host;
    const struct stop *stop = happening->data;
    struct instance *instance = find_number(host, stop->instance);
    enum core_result result = instance && refused ? CORE_FAILED : CORE_DONE;
    if (instance && instance->phase == INSTANCE_ASKED && host->libvirt == LIBVIRT_HANGS) {
        instance->is_undone = true; /* ... when libvirt gets to it */
        result = CORE_UNKNOWN;
    } else if (instance && !refused && is_stuck(sim, instance)) {
        begin_kill(sim, host, instance);
        result = CORE_UNKNOWN;
        refused = "its process cannot be killed";
    } else if (instance && !refused) {
        hypervisor_end(sim, host, instance, "it was stopped");
    } else if (instance) {
        instance->is_ending = false;
    }
    if (host->life == stop->life) {
        process_answer(sim, host, 0, stop->answer_id, result, refused);
    }
}

static void stopped(struct sim *sim, const struct happening *happening)
{
    stop_over(sim, happening, NULL);
}

static void stop_refused(struct sim *sim, const struct happening *happening)
{
    stop_over(sim, happening, "the guest did not shut down within its time limit");
}

static void do_stop(struct sim *sim, struct host *host, const struct core_action *action)
{
    struct instance *instance = hypervisor_find(host, action->name);
    migrate_forget(host, action->name, action->epoch);
    if (!instance || instance->epoch != action->epoch) {
        process_answer(sim, host, 1, action->id, CORE_DONE, NULL);
        return;
    }
    bool is_off = action->offline == OFFLINE_TURN_OFF;
    bool is_deaf = !is_off && faults_take(sim, OP_FAIL_STOP, instance->vm, "", NULL);
    msec_t limit_ms = host_until(sim, host, host_now(sim, host) + action->limit_ms);
    happen_fn *over = stopped;
    msec_t wait_ms = is_off ? off_ms : guest_stop_ms + sim_delay(sim);
    if (is_deaf) {
        wait_ms = limit_ms;
        over = action->offline == OFFLINE_FORCE_SHUTDOWN ? stopped : stop_refused;
    }
    if (host->libvirt != LIBVIRT_UP) {
        wait_ms = limit_ms; /* the kill past libvirt comes then */
    }
    struct stop *stop = NEW(struct stop);
    *stop = (struct stop){instance->number, action->id, host->life};
    wait_ms = MIN(wait_ms, limit_ms) + (over == stopped ? exit_ms(instance) : 0);
    struct happening *happening = later(sim, wait_ms, over, host);
    happening->data = stop;
    happening->drop = free;
}

static void killed_one(struct sim *sim, const struct happening *happening);

/* Looks whether it is gone, again and again. */
static void answer_kill(struct sim *sim, struct host *host, struct stop stop)
{
    struct happening *happening = later(sim, kill_ms + 1, killed_one, host);
    happening->data = NEW(struct stop);
    *(struct stop *)happening->data = stop;
    happening->drop = free;
}

static void killed_one(struct sim *sim, const struct happening *happening)
{
    const struct stop *stop = happening->data;
    struct host *host = happening->host;
    if (find_number(host, stop->instance)) {
        answer_kill(sim, host, *stop);
        return;
    }
    if (host->life == stop->life) {
        process_answer(sim, host, 0, stop->answer_id, CORE_DONE, NULL);
    }
}

static void do_kill(struct sim *sim, struct host *host, const struct core_action *action)
{
    struct instance *instance = hypervisor_find(host, action->name);
    migrate_forget(host, action->name, action->epoch);
    if (!instance || instance->epoch != action->epoch) {
        process_answer(sim, host, 1, action->id, CORE_DONE, NULL);
        return;
    }
    begin_kill(sim, host, instance);
    answer_kill(sim, host, (struct stop){instance->number, action->id, host->life});
}

static void do_kill_all(struct sim *sim, struct host *host, const struct core_action *action)
{
    host->is_door_closed = true;
    host->kill_all_id = action->id;
    host->expected.len = 0;
    VEC_EACH(&host->instances, instance) {
        if (is_ours(host, *instance)) {
            begin_kill(sim, host, *instance);
        }
    }
    answer_kill_all(sim, host);
}

/* ---- the start of a VM ---- */

static bool has_bad_gpu(struct host *host, const struct instance *instance,
                        struct gpu_slot *ret_culprit)
{
    VEC_EACH(&instance->gpus, hold) {
        if (!gpus_can_give(host, &hold->slot)) {
            *ret_culprit = hold->slot;
            return true;
        }
    }
    return false;
}

static void fail_start(struct sim *sim, struct host *host, struct instance *instance,
                       const char *text, const struct gpu_slot *culprit)
{
    struct letter letter = {
        .event = {.kind = CORE_ACTION_DONE, .id = instance->answer_id, .result = CORE_FAILED}};
    SET_TEXT(letter.text, "%s", text);
    if (culprit) {
        letter.culprit = *culprit;
        letter.event.culprit = culprit; /* taken from the letter when it comes */
    }
    if (instance->answer_id != 0 && instance->life == host->life) {
        process_tell(sim, host, 0, &letter);
    }
    instance->answer_id = 0;
    hypervisor_end(sim, host, instance, text);
}

static void up(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    struct instance *instance = find_number(host, happening->id);
    if (!instance) {
        return;
    }
    instance->phase = INSTANCE_UP;
    sim->result->statistics.starts++;
    outage_up(sim, host, instance->vm);
    bool is_told_first = rng_chance(&host->rng, 1, 2);
    if (is_told_first) {
        hypervisor_tell(sim, host, instance);
    }
    answer_start(sim, host, instance, CORE_DONE, NULL, 0);
    if (!is_told_first) {
        hypervisor_tell(sim, host, instance);
    }
    if (instance->dies_early) {
        later(sim, 1, killed, host)->id = instance->number;
    }
}

static const struct scenario_vm *find_config(const struct sim *sim, const char *vm)
{
    VEC_EACH(&sim->scenario->vms, config) {
        if (strcmp(config->name, vm) == 0) {
            return config;
        }
    }
    return NULL;
}

static void spawn(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    struct instance *instance = find_number(host, happening->id);
    struct gpu_slot culprit = {0};
    bool has_gpu = false;
    if (!instance) {
        return;
    }
    if (host->libvirt == LIBVIRT_HANGS) {
        later(sim, 500, spawn, host)->id = instance->number;
        return;
    }
    if (instance->is_undone || host->libvirt == LIBVIRT_DOWN) {
        hypervisor_end(sim, host, instance,
                       instance->is_undone ? "the start was undone" : "libvirt went away");
        return;
    }
    if (has_bad_gpu(host, instance, &culprit)) {
        fail_start(sim, host, instance, "vfio: the device cannot be used", &culprit);
        return;
    }
    if (faults_take(sim, OP_FAIL_START, instance->vm, host->config->name, &has_gpu)) {
        bool is_blamed = has_gpu && instance->gpus.len > 0;
        fail_start(sim, host, instance,
                   is_blamed ? "vfio: the device did not reset" : "the disk image is missing",
                   is_blamed ? &instance->gpus.items[0].slot : NULL);
        return;
    }
    if (host->is_disk_full) {
        fail_start(sim, host, instance, "No space left on device", NULL);
        return;
    }
    if (rng_chance(&host->rng, sim->noise.bad_start, 1000)) {
        fail_start(sim, host, instance, "the disk image is locked", NULL);
        return;
    }
    instance->dies_early = rng_chance(&host->rng, sim->noise.bad_start, 2000);
    instance->phase = INSTANCE_BOOTING;
    check_spawn(sim, host, instance);
    check_room(sim, host, instance);
    gpus_begin(sim, host, instance);
    hypervisor_tell(sim, host, instance);
    const struct scenario_vm *config = find_config(sim, instance->vm);
    later(sim, (config ? config->start_ms : 1000) + sim_delay(sim), up, host)->id =
        instance->number;
}

static void start_expires(struct sim *sim, const struct happening *happening)
{
    struct instance *instance = find_number(happening->host, happening->id);
    if (instance && instance->answer_id != 0 && instance->life == happening->life) {
        answer_start(sim, happening->host, instance, CORE_UNKNOWN, "libvirt did not answer", 0);
    }
}

static void copy_holds(struct instance *instance, const gpu_holds_t *holds)
{
    VEC_EACH(holds, hold) {
        *ADD_TO(&instance->gpus) = *hold;
    }
}

static void take_room(const struct sim *sim, struct instance *instance, const struct vm_spec *spec)
{
    const struct scenario_vm *config = find_config(sim, instance->vm);
    instance->cpus = spec->cpus;
    instance->memory_mib = spec->memory_mib;
    instance->has_huge_pages = config && config->has_huge_pages;
}

static void do_start(struct sim *sim, struct host *host, const struct core_action *action)
{
    const char *vm = action->spec->key.name;
    uint64_t epoch = action->placement->placement->epoch;
    struct instance *instance = hypervisor_find(host, vm);
    if (host->is_door_closed) {
        process_answer(sim, host, 1, action->id, CORE_FAILED, "this host ends its VMs");
        return;
    }
    if (instance && instance->epoch == epoch && instance->phase == INSTANCE_UP) {
        process_answer(sim, host, 1, action->id, CORE_DONE, NULL);
        return;
    }
    if (instance && instance->epoch != epoch) {
        process_answer(sim, host, 1, action->id, CORE_FAILED, "an earlier instance exists");
        return;
    }
    if (host->libvirt == LIBVIRT_DOWN && !instance) {
        process_answer(sim, host, 1, action->id, CORE_FAILED, "libvirt is not there");
        return;
    }
    if (!instance) {
        instance = NEW(struct instance);
        *ADD_TO(&host->instances) = instance;
        instance->number = ++sim->last_number;
        SET_TEXT(instance->vm, "%s", vm);
        instance->epoch = epoch;
        SET_TEXT(instance->origin, "%s", host->name);
        SET_TEXT(instance->cluster, "%s", host->cluster);
        instance->incarnation = action->incarnation;
        copy_holds(instance, &action->placement->placement->gpus);
        take_room(sim, instance, action->spec->vm_spec);
        msec_t wait_ms = spawn_ms + sim_delay(sim);
        if (rng_chance(&host->rng, sim->noise.slow_start, 1000)) {
            wait_ms += rng_between(&host->rng, 0, late_ms);
        }
        instance->hangs = faults_take(sim, OP_HANG_START, vm, host->config->name, NULL);
        if (!instance->hangs) {
            later(sim, wait_ms, spawn, host)->id = instance->number;
        }
    }
    instance->answer_id = action->id;
    instance->life = host->life;
    struct happening *limit = later(
        sim, host_until(sim, host, host_now(sim, host) + action->limit_ms), start_expires, host);
    limit->id = instance->number;
    limit->life = host->life;
}

void hypervisor_do(struct sim *sim, struct host *host, const struct core_action *action)
{
    if (action->kind == ACTION_VM_START) {
        do_start(sim, host, action);
    } else if (action->kind == ACTION_VM_STOP) {
        do_stop(sim, host, action);
    } else if (action->kind == ACTION_VM_KILL) {
        do_kill(sim, host, action);
    } else if (action->kind == ACTION_VM_KILL_ALL) {
        do_kill_all(sim, host, action);
    } else if (action->kind == ACTION_VM_REOPEN) {
        host->is_door_closed = false;
    } else {
        migrate_do(sim, host, action);
    }
}
