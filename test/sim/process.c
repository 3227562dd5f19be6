/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A berthd: the production core between events and actions. It can die before any action, be held
 * (as by SIGSTOP) before any action and do the rest when it goes on, or be held while answers pile
 * up.
 */
#include "test/sim/internal.h"

#include <assert.h>

/* Allocations before memory runs out, at most: some in the next step, some deep in a plan. */
enum { memory_soon = 20, memory_later = 500, memory_restart_ms = 1000 };
enum { refused_restart_ms = 1000 }; /* systemd tries again */

static void tick(struct sim *sim, const struct happening *happening);

static void copy_action(struct core_action *to, const struct core_action *from)
{
    *to = *from;
    to->txn = (struct txn){0};
    VEC_EACH(&from->txn.guards, guard) {
        txn_guard(&to->txn, &guard->key, guard->revision);
    }
    VEC_EACH(&from->txn.writes, write) {
        if (write->value) {
            txn_put(&to->txn, record_ref(write->value));
        } else {
            txn_delete(&to->txn, &write->key);
        }
    }
    if (to->spec) {
        (void)record_ref(to->spec);
    }
    if (to->placement) {
        (void)record_ref(to->placement);
    }
}

static void drop_action(struct core_action *action)
{
    txn_done(&action->txn);
    record_unref(action->spec);
    record_unref(action->placement);
}

static void process_free(struct process *process)
{
    core_free(process->core);
    VEC_EACH(&process->inbox, letter) {
        record_unref(letter->event.record);
    }
    VEC_EACH(&process->outbox, action) {
        drop_action(action);
    }
    VEC_DONE(&process->open);
    VEC_DONE(&process->inbox);
    VEC_DONE(&process->outbox);
    free(process);
}

/* ---- actions ---- */

static void do_leave(struct sim *sim, struct host *host);

static bool touches_vms(enum core_action_kind kind)
{
    return kind == ACTION_VM_START || kind == ACTION_VM_STOP || kind == ACTION_VM_KILL ||
           kind == ACTION_VM_KILL_ALL || kind == ACTION_VM_EXPECT || kind == ACTION_VM_MIGRATE ||
           kind == ACTION_VM_ABORT || kind == ACTION_VM_CONTINUE;
}

static void perform(struct sim *sim, struct host *host, const struct core_action *action)
{
    sim_hash_number(sim, action->kind);
    sim_hash_number(sim, action->id);
    sim_hash(sim, action->name, strlen(action->name));
    if (touches_vms(action->kind)) {
        check_contradicted(sim, host, action->kind);
    }
    if (action->kind == ACTION_VM_KILL_ALL) {
        check_disarmed_kill(sim, host);
        check_given_up(sim, host);
    }
    switch (action->kind) {
    case ACTION_TXN:
    case ACTION_BARRIER:
        store_send(sim, host, action);
        break;
    case ACTION_VM_START:
    case ACTION_VM_STOP:
    case ACTION_VM_KILL:
    case ACTION_VM_KILL_ALL:
    case ACTION_VM_REOPEN:
    case ACTION_VM_EXPECT:
    case ACTION_VM_MIGRATE:
    case ACTION_VM_ABORT:
    case ACTION_VM_CONTINUE:
        hypervisor_do(sim, host, action);
        break;
    case ACTION_WATCHDOG_ARM:
    case ACTION_WATCHDOG_PET:
    case ACTION_WATCHDOG_DISARM:
        watchdog_do(sim, host, action);
        break;
    case ACTION_WATCH: /* the host shows all that it has */
        gpus_tell(sim, host);
        break;
    case ACTION_GPU_DISMOUNT:
    case ACTION_GPU_MOUNT:
    case ACTION_GPU_SPLIT:
    case ACTION_GPU_MAKE:
    case ACTION_GPU_ERASE:
    case ACTION_GPU_CLEAR:
        gpus_do(sim, host, action);
        break;
    case ACTION_FABRIC:
        fabric_do(sim, host, action);
        break;
    case ACTION_FENCE_OFF:
    case ACTION_FENCE_STATUS:
        power_do(sim, host, action);
        break;
    case ACTION_POWER:
        shutdown_do(sim, host, action);
        break;
    case ACTION_WATCH_BEATS:
        store_watch_beats(sim, host, action->count > 0);
        break;
    case ACTION_CLUSTER:
        hypervisor_set_cluster(sim, host, action->name);
        break;
    case ACTION_IDENTITY:
        if (host->joined_incarnation == 0) {
            hypervisor_lift(host, action->incarnation);
        }
        host->joined_incarnation = action->incarnation;
        SET_TEXT(host->joined_cluster, "%s", host->cluster);
        SET_TEXT(host->joined_name, "%s", host->name);
        host->kept.incarnation = action->incarnation;
        SET_TEXT(host->kept.name, "%s", host->name);
        SET_TEXT(host->kept.cluster, "%s", host->cluster);
        break;
    case ACTION_LEAVE:
        do_leave(sim, host);
        break;
    }
}

static void thaw_later(struct sim *sim, const struct happening *happening)
{
    if (happening->host->life == happening->life) {
        process_thaw(sim, happening->host);
    }
}

/* Chance strikes before an action. True if berthd does not get to it now. */
static bool is_struck(struct sim *sim, struct host *host)
{
    if (rng_chance(&host->rng, sim->noise.crash, 100000)) {
        process_crash(sim, host, rng_between(&host->rng, 200, 3000));
        return true;
    }
    if (rng_chance(&host->rng, sim->noise.freeze, 100000)) {
        process_freeze(sim, host);
        later(sim, rng_between(&host->rng, 1, sim->noise.freeze_ms), thaw_later, host)->life =
            host->life;
        return true;
    }
    return false;
}

static void perform_all(struct sim *sim, struct host *host, const struct core_action *actions,
                        size_t len)
{
    uint64_t life = host->life;
    size_t i = 0;
    while (i < len && host->life == life && !host->process->is_frozen) {
        if (!is_struck(sim, host)) {
            perform(sim, host, &actions[i++]);
        }
    }
    for (; i < len && host->life == life; i++) {
        copy_action(ADD_TO(&host->process->outbox), &actions[i]);
    }
}

/* ---- events ---- */

/* Asks to be called when the host's clock shows what the core wants. */
static void set_wake(struct sim *sim, struct host *host, msec_t wake_ms)
{
    struct process *process = host->process;
    process->wake_ms = wake_ms;
    process->wake_number++;
    if (wake_ms == MSEC_NEVER) {
        return;
    }
    msec_t wait_ms = MAX(host_until(sim, host, wake_ms), process->idle_wakes > 0 ? 1 : 0);
    struct happening *happening = later(sim, wait_ms, tick, host);
    happening->life = host->life;
    happening->id = process->wake_number;
}

static void tick(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    if (host->life != happening->life || !host->process || host->process->is_frozen ||
        host->process->wake_number != happening->id) {
        return;
    }
    struct core_event event = {.kind = CORE_TICK};
    process_step(sim, host, &event);
}

static bool is_store_part(enum core_event_kind kind)
{
    return kind == CORE_STORE_RESET || kind == CORE_STORE_RECORD || kind == CORE_STORE_REMOVED;
}

/* Whether 'host's berthd lives on. */
static bool step_core(struct sim *sim, struct host *host, const struct core_event *event,
                      struct core_update *ret)
{
    struct process *process = host->process;
    if (process->memory_left == MEMORY_PLENTY &&
        rng_chance(&host->rng, sim->noise.memory, 100000)) {
        process->memory_left =
            rng_below(&host->rng, rng_chance(&host->rng, 1, 2) ? memory_soon : memory_later);
    }
    enum memory_end memory = memory_step(&process->core, &process->memory_left, event, ret);
    if (memory == MEMORY_UNNOTICED) {
        violation(sim, "berthd of %s went on although an allocation had failed",
                  host->config->name);
    }
    if (memory == MEMORY_RAN_OUT) {
        sim->result->statistics.memory_failures++;
        process_crash(sim, host,
                      sim->noise.memory > 0 ? rng_between(&host->rng, 200, 3000)
                                            : memory_restart_ms);
    }
    return memory != MEMORY_RAN_OUT;
}

void process_step(struct sim *sim, struct host *host, struct core_event *event)
{
    struct process *process = host->process;
    struct core_update update;
    uint64_t life = host->life;
    assert(process && !process->is_frozen);
    event->now_ms = host_now(sim, host);
    sim->result->statistics.events++;
    sim_hash_number(sim, (uint64_t)event->kind << 32 | (uint64_t)(uint32_t)sim->now_ms);
    if (!step_core(sim, host, event, &update)) {
        return;
    }
    for (size_t i = 0; i < update.note_len; i++) {
        sim_note(sim, host, &update.notes[i]);
    }
    bool is_idle = event->kind == CORE_TICK && update.action_len == 0 && update.note_len == 0 &&
                   update.wake_ms <= event->now_ms;
    process->idle_wakes = is_idle ? process->idle_wakes + 1 : 0;
    check_idle_wake(sim, host);
    msec_t wake_ms = update.wake_ms;
    struct scenario_noise noise = sim->noise;
    if (is_store_part(event->kind)) {
        sim->noise.crash = sim->noise.freeze = 0;
    }
    perform_all(sim, host, update.actions, update.action_len);
    if (is_store_part(event->kind)) {
        sim->noise = noise;
    }
    if (host->life == life) {
        set_wake(sim, host, wake_ms);
        if (event->kind == CORE_SHUTDOWN) {
            shutdown_told(host);
        }
        shutdown_look(sim, host);
    }
}

static void step_letter(struct sim *sim, struct host *host, const struct letter *letter)
{
    struct core_event event = letter->event;
    if (letter->is_heartbeat) {
        store_heard(sim, host, letter->sent_ms);
    }
    if (letter->name[0] != '\0') {
        event.name = letter->name;
    }
    if (letter->text[0] != '\0') {
        event.text = letter->text;
    }
    if (letter->node[0] != '\0') {
        event.node = letter->node;
    }
    if (event.culprit) {
        event.culprit = &letter->culprit;
    }
    if (event.kind == CORE_VM_MOVING) {
        event.progress = &letter->progress;
    }
    process_step(sim, host, &event);
}

static void letter_free(void *data)
{
    struct letter *letter = data;
    record_unref(letter->event.record);
    free(letter);
}

static void letter_comes(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    struct letter *letter = happening->data;
    if (host->life != happening->life || !host->process) {
        return;
    }
    if (host->process->is_frozen) {
        *ADD_TO(&host->process->inbox) = *letter;
        letter->event.record = NULL;
        return;
    }
    step_letter(sim, host, letter);
}

void process_tell(struct sim *sim, struct host *host, msec_t delay_ms, const struct letter *letter)
{
    if (!host->process) {
        return;
    }
    struct letter *copy = NEW(struct letter);
    *copy = *letter;
    if (copy->event.record) {
        (void)record_ref(copy->event.record);
    }
    struct happening *happening = later(sim, delay_ms, letter_comes, host);
    happening->life = host->life;
    happening->data = copy;
    happening->drop = letter_free;
}

void process_answer(struct sim *sim, struct host *host, msec_t delay_ms, uint64_t id,
                    enum core_result result, const char *text)
{
    struct letter letter = {.event = {.kind = CORE_ACTION_DONE, .id = id, .result = result}};
    if (id != 0) {
        SET_TEXT(letter.text, "%s", text ? text : "");
        process_tell(sim, host, delay_ms, &letter);
    }
}

/* ---- life ---- */

static void tell_watchdog(struct sim *sim, struct host *host)
{
    struct letter letter = {.event = {.kind = CORE_WATCHDOG_FOUND,
                                      .is_up = !host->config->has_no_watchdog,
                                      .span_ms = host->is_watchdog_armed ? host->watchdog_ms : 0}};
    process_tell(sim, host, 0, &letter);
}

static void restart(struct sim *sim, const struct happening *happening);

/* As src/run does it: what run_dir has forgotten the watchdog's keeper knows. False: who it is, for
 * this boot, has another name, and this berthd ends at once. */
static bool knows_itself(struct host *host)
{
    char name[name_size];
    if (host->joined_incarnation == 0 && host->is_watchdog_armed) {
        SET_TEXT(host->joined_name, "%s", host->kept.name);
        host->joined_incarnation = host->kept.incarnation;
        SET_TEXT(host->joined_cluster, "%s", host->kept.cluster);
    }
    host_own_name(host, host->is_renamed, name);
    if (host->joined_incarnation != 0 && strcmp(host->joined_name, name) != 0) {
        return false;
    }
    SET_TEXT(host->name, "%s", name);
    return true;
}

void process_start(struct sim *sim, struct host *host)
{
    if (host->process || !host->has_power || host->is_shutting_down) {
        return;
    }
    if (!knows_itself(host)) {
        later(sim, refused_restart_ms, restart, host)->life = host->life;
        return;
    }
    struct core_config config = {0};
    SET_TEXT(config.node, "%s", host->name);
    SET_TEXT(config.boot_id, "%s", host->boot_id);
    config.joined_incarnation = host->joined_incarnation;
    SET_TEXT(config.cluster, "%s", host->joined_cluster);
    host->life++;
    SET_TEXT(config.fresh_cluster, "a-%zx-%llx",
             (size_t)(host->config - sim->scenario->hosts.items), (unsigned long long)host->life);
    SET_TEXT(host->cluster, "%s", host->joined_cluster);
    host->process = NEW(struct process);
    host->process->is_in_wrong_store = host->is_store_wrong;
    host->process->is_store_foreign = host->is_store_foreign;
    host->is_contradicted =
        (host->joined_incarnation != 0 && (host->is_store_wrong || sim->store.is_emptied)) ||
        (host->is_renamed && host->instances.len > 0);
    host->process->wake_ms = MSEC_NEVER;
    host->process->memory_left = MEMORY_PLENTY;
    host->process->core = must(core_new(&config));
    host->is_door_closed = host->is_leaving = false;
    VEC_EACH(&host->instances, instance) {
        (*instance)->is_told = false;
    }
    tell_watchdog(sim, host);
    gpus_tell(sim, host);
    hypervisor_set(sim, host, host->libvirt);
    store_begin_watch(sim, host);
}

static void restart(struct sim *sim, const struct happening *happening)
{
    if (happening->host->life == happening->life) {
        process_start(sim, happening->host);
    }
}

static void end(struct sim *sim, struct host *host, msec_t restart_ms)
{
    struct process *process = host->process;
    if (!process) {
        return;
    }
    host->process = NULL;
    host->life++;
    host->kill_all_id = 0;
    /* The core may be in the middle of a step further up the stack: free it after that. */
    struct happening *happening = later(sim, 0, restart, host);
    happening->life = 0;
    happening->data = process;
    happening->drop = (void (*)(void *))process_free;
    if (restart_ms >= 0) {
        later(sim, restart_ms, restart, host)->life = host->life;
    }
}

void process_crash(struct sim *sim, struct host *host, msec_t restart_ms)
{
    bool has_process = host->process != NULL;
    sim->trouble_ms = sim->now_ms;
    end(sim, host, restart_ms);
    if (has_process) {
        shutdown_berthd_ended(sim, host, false);
    }
}

void process_has_memory(struct host *host)
{
    if (host->process) {
        host->process->memory_left = MEMORY_PLENTY;
    }
}

static void do_leave(struct sim *sim, struct host *host)
{
    end(sim, host, -1);
    shutdown_berthd_ended(sim, host, true);
}

void process_freeze(struct sim *sim, struct host *host)
{
    sim->trouble_ms = sim->now_ms;
    if (host->process) {
        host->process->is_frozen = true;
    }
}

/* The rest of what it was about to do, then what came in meanwhile, then the time. */
void process_thaw(struct sim *sim, struct host *host)
{
    struct process *process = host->process;
    if (!process || !process->is_frozen) {
        return;
    }
    uint64_t life = host->life;
    process->is_frozen = false;
    host->thawed_ms = host_now(sim, host);
    while (host->life == life && !process->is_frozen && process->outbox.len > 0) {
        struct core_action action = process->outbox.items[0];
        VEC_REMOVE(&process->outbox, 0);
        perform(sim, host, &action);
        drop_action(&action);
    }
    while (host->life == life && !process->is_frozen && process->inbox.len > 0) {
        struct letter letter = process->inbox.items[0];
        VEC_REMOVE(&process->inbox, 0);
        step_letter(sim, host, &letter);
        record_unref(letter.event.record);
    }
    if (host->life == life && !process->is_frozen) {
        struct core_event event = {.kind = CORE_TICK};
        process_step(sim, host, &event);
    }
    if (host->life == life) {
        store_catch_up(sim, host);
    }
}
