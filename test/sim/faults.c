/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What befalls the cluster: the steps of a scenario that are no administrator's. */
#include "test/sim/internal.h"

enum { restart_ms = 1000, decide_ms = 5000, decide_until_ms = 20000 };

static void remember(struct sim *sim, const struct scenario_step *step)
{
    struct fault *fault = ADD_TO(&sim->faults);
    fault->op = step->op;
    fault->times = step->times;
    fault->has_gpu = step->has_gpu;
    SET_TEXT(fault->vm, "%s", step->subject);
    SET_TEXT(fault->host, "%s", step->host);
}

bool faults_take(struct sim *sim, enum scenario_op op, const char *vm, const char *host,
                 bool *ret_has_gpu)
{
    VEC_EACH(&sim->faults, fault) {
        bool is_there = host[0] == '\0' || fault->host[0] == '\0' || strcmp(fault->host, host) == 0;
        if (fault->op == op && fault->times > 0 && is_there && strcmp(fault->vm, vm) == 0) {
            fault->times--;
            if (ret_has_gpu) {
                *ret_has_gpu = fault->has_gpu;
            }
            return true;
        }
    }
    return false;
}

static void kill_guest(struct sim *sim, const char *vm)
{
    VEC_EACH(&sim->hosts, host) {
        struct instance *instance = hypervisor_find(*host, vm);
        if (instance && instance->phase != INSTANCE_ASKED) {
            hypervisor_end(sim, *host, instance, "the guest ended by itself");
            return;
        }
    }
}

static void stop_guest(struct sim *sim, const struct scenario_step *step)
{
    VEC_EACH(&sim->hosts, host) {
        struct instance *instance = hypervisor_find(*host, step->subject);
        if (instance && instance->phase == INSTANCE_UP && step->op == OP_HALT_GUEST) {
            instance->is_halted = true;
            hypervisor_tell(sim, *host, instance);
        } else if (instance && instance->phase == INSTANCE_UP && step->op == OP_REBOOT_GUEST) {
            hypervisor_reboot(instance, step->for_ms);
        } else if (instance && instance->phase == INSTANCE_UP) {
            hypervisor_silence(sim, *host, instance, step->for_ms);
        }
    }
}

static void change_gpu(struct sim *sim, struct host *host, const struct scenario_step *step)
{
    if (step->number < 0 || (size_t)step->number >= host->gpus.len) {
        return;
    }
    struct fake_gpu *card = &host->gpus.items[step->number];
    if (step->op == OP_SWAP_GPU) {
        card->is_to_be_swapped = true;
        return;
    }
    if (step->op == OP_FATAL_GPU) {
        card->gpu.errors_fatal += host->has_power; /* it works on: who knows how */
    } else {
        card->is_off_bus = step->op == OP_FAIL_GPU;
    }
    gpus_tell(sim, host);
}

/* A VM of ours that no one ordered: a copy of the host's disk was booted, say. */
static void stray(struct sim *sim, struct host *host, const char *vm)
{
    struct instance *instance = NEW(struct instance);
    *ADD_TO(&host->instances) = instance;
    instance->number = ++sim->last_number;
    instance->epoch = 1;
    instance->incarnation = 1;
    instance->phase = INSTANCE_UP;
    SET_TEXT(instance->vm, "%s", vm);
    hypervisor_list(sim, host);
}

/* A claim of no one. */
static void leak(struct sim *sim, struct host *host, int64_t number)
{
    struct txn txn = {0};
    char name[name_size];
    struct gpu_slot slot;
    if (!gpus_number(host, number, &slot)) {
        return;
    }
    struct record *claim =
        must(record_new(RECORD_CLAIM, host->config->name, gpu_slot_format(&slot, name)));
    if (world_find_key(&sim->store.world, &claim->key)) {
        record_unref(claim);
        return;
    }
    SET_TEXT(claim->claim->vm, "nobody");
    claim->claim->epoch = 1;
    txn_put(&txn, claim);
    store_admin(sim, &txn);
}

/* Someone writes what no one can read: here, a claim on a GPU, or who coordinates. */
static void garble(struct sim *sim, struct record *record)
{
    struct txn txn = {0};
    if (sim->is_healed || store_is_garbled(sim, &record->key)) {
        record_unref(record);
        return;
    }
    *ADD_TO(&sim->store.garbled) = record->key;
    txn_put(&txn, record);
    store_admin(sim, &txn);
}

/* It can be read again; who coordinates is no more, as the journal says what to do about that. */
static void mend(struct sim *sim, struct record_key key)
{
    const struct record *old = world_find_key(&sim->store.world, &key);
    struct txn txn = {0};
    if (!store_is_garbled(sim, &key)) {
        return;
    }
    store_mend(sim, &key);
    if (old && key.kind == RECORD_CLAIM && old->claim->vm[0] != '\0') {
        txn_put(&txn, must(record_copy(old)));
    } else {
        txn_delete(&txn, &key);
    }
    store_admin(sim, &txn);
}

/* Who has the GPU has it still, but that cannot be read. Put right: the claim is as it was, and no
 * more if it was no one's. */
static void change_claim(struct sim *sim, struct host *host, int64_t number, bool is_garbled)
{
    struct record_key key = {.kind = RECORD_CLAIM};
    struct gpu_slot slot;
    if (!gpus_number(host, number, &slot)) {
        return;
    }
    SET_TEXT(key.name, "%s", host->config->name);
    (void)gpu_slot_format(&slot, key.second);
    if (is_garbled) {
        const struct record *old = world_find_key(&sim->store.world, &key);
        garble(sim, must(old ? record_copy(old) : record_new(key.kind, key.name, key.second)));
    } else {
        mend(sim, key);
    }
}

static void change_leader(struct sim *sim, bool is_garbled)
{
    const struct record *leader = world_find(&sim->store.world, RECORD_LEADER, "");
    if (leader && is_garbled) {
        garble(sim, must(record_copy(leader)));
    } else if (leader) {
        mend(sim, leader->key);
    }
}

/* Another machine that bears the host's name sends heartbeats. */
static void pretend(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    const struct record *old = world_find(&sim->store.world, RECORD_NODE_ALIVE, host->config->name);
    struct txn txn = {0};
    struct record *alive =
        must(old ? record_copy(old) : record_new(RECORD_NODE_ALIVE, host->config->name, NULL));
    SET_TEXT(alive->alive->boot_id, "boot-impostor");
    alive->alive->counter++;
    txn_put(&txn, alive);
    if (sim->store.has_quorum && !sim->store.is_full) {
        store_admin(sim, &txn);
    }
    txn_done(&txn);
    if (happening->id > 0) {
        later(sim, 1000, pretend, host)->id = happening->id - 1;
    }
}

/* Someone on the host decides. What is adopted need not be what the store knows: then it is
 * refused, and the contradiction goes on. */
static void resolve(struct sim *sim, struct host *host, bool is_adopted)
{
    struct letter letter = {.event = {.kind = CORE_RESOLVE, .is_up = is_adopted}};
    host->cleared_ms = is_adopted ? host->cleared_ms : sim->now_ms;
    host->is_contradicted = is_adopted && sim->store.is_emptied;
    process_tell(sim, host, 0, &letter);
}

static void strike_host(struct sim *sim, struct host *host, const struct scenario_step *step)
{
    switch ((int)step->op) {
    case OP_POWER_OFF:
        host_power_off(sim, host);
        break;
    case OP_POWER_ON:
        host_power_on(sim, host);
        break;
    case OP_SHUTDOWN:
    case OP_REBOOT:
        shutdown_begin(sim, host, step->op == OP_REBOOT, false);
        break;
    case OP_NETWORK_OFF:
        host_cut(sim, host, !step->is_out, !step->is_in);
        break;
    case OP_NETWORK_ON:
        host_join(sim, host);
        break;
    case OP_WATCH_OFF:
        host->is_watch_cut = true;
        break;
    case OP_WATCH_ON:
        host->is_watch_cut = false;
        store_catch_up(sim, host);
        break;
    case OP_FREEZE:
        process_freeze(sim, host);
        break;
    case OP_THAW:
        process_thaw(sim, host);
        break;
    case OP_WRONG_STORE:
    case OP_FOREIGN_STORE:
    case OP_RIGHT_STORE:
        host->is_store_wrong = step->op != OP_RIGHT_STORE;
        host->is_store_foreign = step->op == OP_FOREIGN_STORE;
        break;
    case OP_RENAME:
    case OP_RENAME_BACK:
        host_rename(sim, host, step->op == OP_RENAME && host->has_power);
        process_crash(sim, host, restart_ms);
        break;
    case OP_LOSE_IDENTITY:
        host->joined_incarnation = 0;
        host->joined_cluster[0] = '\0';
        break;
    case OP_ADOPT:
    case OP_CLEAR:
        resolve(sim, host, step->op == OP_ADOPT);
        break;
    case OP_CRASH:
        process_crash(sim, host, step->for_ms ? step->for_ms : restart_ms);
        break;
    case OP_FAIL_MEMORY:
        if (host->process) {
            host->process->memory_left = (uint64_t)MAX(step->number, INT64_C(0));
        }
        break;
    case OP_LIBVIRT_OFF:
        hypervisor_set(sim, host, LIBVIRT_DOWN);
        break;
    case OP_LIBVIRT_HANG:
        hypervisor_set(sim, host, LIBVIRT_HANGS);
        break;
    case OP_LIBVIRT_ON:
        hypervisor_set(sim, host, LIBVIRT_UP);
        break;
    case OP_FAIL_GPU:
    case OP_FATAL_GPU:
    case OP_SWAP_GPU:
    case OP_MEND_GPU:
        change_gpu(sim, host, step);
        break;
    case OP_DISK_FULL:
    case OP_DISK_ROOM:
        host_set_disk(sim, host, step->op == OP_DISK_FULL);
        break;
    case OP_FAIL_FENCE:
        host->bad_fences = step->times;
        break;
    case OP_HANG_FENCE:
        host->hung_fences = step->times;
        break;
    case OP_FAIL_POWER:
        host->bad_powers = step->times;
        break;
    case OP_FAIL_BIND:
        host->bad_binds = step->times;
        break;
    case OP_HANG_BIND:
        host->hung_binds = step->times;
        host->hang_ms = step->for_ms;
        break;
    case OP_FAIL_FABRIC:
        host->bad_fabrics = step->times;
        break;
    case OP_RESTART_FABRIC:
        fabric_reset(sim, host);
        gpus_tell(sim, host);
        break;
    case OP_FAIL_ERASE:
        host->bad_erasures = step->times;
        break;
    case OP_FAIL_WATCHDOG:
        host->is_watchdog_broken = true;
        break;
    case OP_MEND_WATCHDOG:
        host->is_watchdog_broken = false;
        break;
    default:
        break;
    }
}

static void started_again(struct sim *sim, const struct happening *happening)
{
    process_start(sim, happening->host);
}

static void leave(struct sim *sim, struct host *host, msec_t for_ms)
{
    struct letter letter = {.event = {.kind = CORE_LEAVE}};
    host->is_leaving = true;
    process_tell(sim, host, 0, &letter);
    if (for_ms > 0) {
        later(sim, for_ms, started_again, host);
    }
}

/* Healed, an administrator clears each host whose store still contradicts it. */
static void decide(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    if (host->process && core_contradiction(host->process->core)) {
        resolve(sim, host, false);
    }
    if (sim->now_ms < sim->healed_ms + decide_until_ms) {
        later(sim, decide_ms, decide, host);
    }
}

void faults_heal(struct sim *sim)
{
    sim->noise = (struct scenario_noise){.delay_ms = MIN(sim->scenario->noise.delay_ms, 5)};
    sim->store.has_quorum = true;
    sim->store.is_full = false;
    store_back(sim);
    sim->faults.len = 0;
    while (sim->store.garbled.len > 0) {
        mend(sim, sim->store.garbled.items[0]);
    }
    sim->is_healed = true;
    sim->healed_ms = sim->now_ms;
    byhand_heal(sim);
    VEC_EACH(&sim->hosts, each) {
        struct host *host = *each;
        host->bad_fences = host->hung_fences = host->bad_binds = host->bad_powers =
            host->bad_erasures = host->bad_fabrics = 0;
        admin_withdraw_power(sim, host->config->name);
        bool is_called_so =
            host->joined_incarnation != 0 && strcmp(host->joined_name, host->config->name) != 0;
        if (is_called_so) {
            host_power_off(sim, host); /* for the rest of this boot it keeps its new name */
        }
        if (host->is_renamed || (host->process && host->process->is_in_wrong_store)) {
            host_rename(sim, host, false);
            process_crash(sim, host, restart_ms);
        }
        host->is_watchdog_broken = host->is_store_wrong = false;
        host_set_disk(sim, host, false);
        host_join(sim, host);
        process_has_memory(host);
        process_thaw(sim, host);
        if (host->is_shutting_down) {
            host_power_off(sim, host); /* whatever it waits for: it is back at once */
        }
        host_power_on(sim, host);
        later(sim, decide_ms, decide, host);
        hypervisor_heal(sim, host);
        gpus_heal(sim, host);
        if (host->libvirt != LIBVIRT_UP) {
            hypervisor_set(sim, host, LIBVIRT_UP);
        }
        later(sim, host->config->boot_ms, started_again, host);
    }
}

void faults_do(struct sim *sim, const struct scenario_step *step)
{
    struct host *host = host_find(sim, step->subject);
    sim->trouble_ms = sim->now_ms;
    if (step->op == OP_STORE_OFF || step->op == OP_STORE_ON) {
        sim->store.has_quorum = step->op == OP_STORE_ON;
        store_unpark(sim);
    } else if (step->op == OP_STORE_FULL || step->op == OP_STORE_ROOM) {
        sim->store.is_full = step->op == OP_STORE_FULL;
    } else if (step->op == OP_FORMAT) {
        store_set_format(sim, (uint32_t)step->number);
    } else if (step->op == OP_STORE_EMPTY) {
        store_empty(sim);
    } else if (step->op == OP_STORE_BACK) {
        store_back(sim);
    } else if (step->op == OP_COMPACT) {
        store_compact(sim);
    } else if (step->op == OP_HEAL) {
        faults_heal(sim);
    } else if (step->op == OP_FAIL_START || step->op == OP_HANG_START || step->op == OP_FAIL_STOP ||
               step->op == OP_HANG_KILL || step->op == OP_FAIL_MIGRATION ||
               step->op == OP_CUT_MIGRATION || step->op == OP_HANG_MIGRATION ||
               step->op == OP_STRAND_MIGRATION || step->op == OP_LATE_MIGRATION) {
        remember(sim, step);
    } else if (step->op == OP_FAIL_GUEST) {
        kill_guest(sim, step->subject);
    } else if (step->op == OP_HALT_GUEST || step->op == OP_SILENCE_GUEST ||
               step->op == OP_REBOOT_GUEST) {
        stop_guest(sim, step);
    } else if (step->op == OP_STRAY) {
        stray(sim, must(host_find(sim, step->host)), step->subject);
    } else if (step->op == OP_MIGRATE) {
        byhand_migrate(sim, step->subject, must(host_find(sim, step->host)));
    } else if (step->op == OP_SAVE) {
        byhand_save(sim, step->subject);
    } else if (step->op == OP_RESTORE) {
        byhand_restore(sim, step->subject, must(host_find(sim, step->host)));
    } else if (step->op == OP_LEAK) {
        leak(sim, must(host), step->number);
    } else if (step->op == OP_GARBLE || step->op == OP_MEND_CLAIM) {
        change_claim(sim, must(host), step->number, step->op == OP_GARBLE);
    } else if (step->op == OP_GARBLE_LEADER || step->op == OP_MEND_LEADER) {
        change_leader(sim, step->op == OP_GARBLE_LEADER);
    } else if (step->op == OP_IMPOSTOR) {
        later(sim, 0, pretend, host)->id = (uint64_t)step->for_ms / 1000;
    } else if (step->op == OP_LEAVE) {
        leave(sim, host, step->for_ms);
    } else {
        strike_host(sim, host, step);
    }
}
