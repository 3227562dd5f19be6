/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a played host does where a real one has libvirt, sysfs and a watchdog. */
#include "test/console/hosts/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    make_ms = 100, /* libvirt makes the process */
    up_ms = 300,   /* until the guest runs */
    off_ms = 100,
    shutdown_ms = 700, /* a guest that hears its power button */
    kill_ms = 20,
    rebind_ms = 300, /* a driver lets go, the other one takes */
    at_once_ms = 1,
};

/* ---- later ---- */

static void task_free(struct task *task)
{
    sd_event_source_disable_unref(task->source);
    free(task);
}

static int task_due(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct task *task = userdata;
    struct host *host = task->host;
    (void)source;
    (void)usec;
    for (size_t i = 0; i < host->tasks.len; i++) {
        if (host->tasks.items[i] == task) {
            VEC_REMOVE(&host->tasks, i);
            break;
        }
    }
    task->run(task);
    task_free(task);
    return 0;
}

struct task *machine_later(struct host *host, msec_t delay_ms, void (*run)(struct task *task))
{
    struct task *task = calloc(1, sizeof(*task));
    struct task **place = task ? VEC_ADD(&host->tasks) : NULL;
    if (!place || sd_event_add_time_relative(host->event, &task->source, CLOCK_MONOTONIC,
                                             (uint64_t)delay_ms * 1000, 1000, task_due, task) < 0) {
        abort();
    }
    *place = task;
    task->host = host;
    task->run = run;
    return task;
}

static void done(struct task *task)
{
    host_answer(task->host, task->id, CORE_DONE, NULL, NULL);
    host_step(task->host, (struct core_event){.kind = CORE_TICK});
}

static void answer_later(struct host *host, const struct core_action *action, msec_t delay_ms)
{
    machine_later(host, delay_ms, done)->id = action->id;
}

/* ---- guests ---- */

struct guest *machine_guest(struct host *host, const char *vm)
{
    VEC_EACH(&host->guests, guest) {
        if (strcmp((*guest)->vm, vm) == 0) {
            return *guest;
        }
    }
    return NULL;
}

static struct guest *guest_of(struct host *host, const char *vm, uint64_t epoch)
{
    struct guest *guest = machine_guest(host, vm);
    return guest && guest->epoch == epoch ? guest : NULL;
}

static void guest_free(struct guest *guest)
{
    VEC_DONE(&guest->gpus);
    free(guest);
}

static void take_out(struct host *host, const struct guest *guest)
{
    for (size_t i = 0; i < host->guests.len; i++) {
        if (host->guests.items[i] == guest) {
            VEC_REMOVE(&host->guests, i);
            return;
        }
    }
}

static void tell_exists(struct host *host, const struct guest *guest)
{
    host_step(host, (struct core_event){.kind = CORE_VM_EXISTS,
                                        .name = guest->vm,
                                        .epoch = guest->epoch,
                                        .is_up = guest->is_up});
}

static void end(struct host *host, struct guest *guest, const char *why,
                const struct gpu_slot *culprit)
{
    take_out(host, guest);
    host_answer(host, guest->start_id, CORE_FAILED, why, culprit);
    if (host->guests.len == 0) {
        host_answer(host, host->kill_all_id, CORE_DONE, NULL, NULL);
        host->kill_all_id = 0;
    }
    struct core_event event = {.kind = CORE_TICK};
    if (guest->is_made) {
        event = (struct core_event){
            .kind = CORE_VM_GONE, .name = guest->vm, .epoch = guest->epoch, .text = why};
    }
    host_step(host, event);
    guest_free(guest);
}

void machine_guest_ends(struct host *host, struct guest *guest, const char *why)
{
    end(host, guest, why, NULL);
}

static void guest_up(struct task *task)
{
    struct guest *guest = guest_of(task->host, task->vm, task->epoch);
    if (guest) {
        guest->is_up = true;
        host_answer(task->host, guest->start_id, CORE_DONE, NULL, NULL);
        guest->start_id = 0;
        tell_exists(task->host, guest);
    }
}

static struct task *guest_later(struct host *host, msec_t delay_ms, const struct guest *guest,
                                void (*run)(struct task *task))
{
    struct task *task = machine_later(host, delay_ms, run);
    task->epoch = guest->epoch;
    (void)snprintf(task->vm, sizeof(task->vm), "%s", guest->vm);
    return task;
}

/* The first of its cards that cannot be handed over. */
static const struct gpu_hold *bad_hold(struct host *host, const struct guest *guest)
{
    VEC_EACH(&guest->gpus, hold) {
        const struct card *card = machine_card(host, hold->slot.address);
        if (!card || card->resets_badly || !cards_can_give(card, &hold->slot)) {
            return hold;
        }
    }
    return NULL;
}

static void make_guest(struct task *task)
{
    struct host *host = task->host;
    struct guest *guest = guest_of(host, task->vm, task->epoch);
    if (!guest) {
        return;
    }
    const struct gpu_hold *bad = bad_hold(host, guest);
    if (bad) {
        char text[reason_size], slot[name_size];
        struct gpu_slot culprit = bad->slot;
        (void)snprintf(text, sizeof(text), "vfio %s: the device did not come out of its reset",
                       gpu_slot_format(&culprit, slot));
        end(host, guest, text, &culprit);
        return;
    }
    guest->is_made = true;
    (void)guest_later(host, up_ms, guest, guest_up);
    tell_exists(host, guest);
}

static void start(struct host *host, const struct core_action *action)
{
    const struct vm_placement *placement = action->placement->placement;
    struct guest *guest = machine_guest(host, action->name);
    if (host->is_door_closed || (guest && guest->epoch != action->epoch)) {
        host_answer(host, action->id, CORE_FAILED,
                    host->is_door_closed ? "this host ends its VMs" : "an earlier instance exists",
                    NULL);
        return;
    }
    if (guest) {
        guest->start_id = guest->is_up ? 0 : action->id;
        if (guest->is_up) {
            host_answer(host, action->id, CORE_DONE, NULL, NULL);
        }
        return;
    }
    guest = calloc(1, sizeof(*guest));
    struct guest **place = guest ? VEC_ADD(&host->guests) : NULL;
    if (!place) {
        abort();
    }
    *place = guest;
    guest->epoch = action->epoch;
    guest->start_id = action->id;
    (void)snprintf(guest->vm, sizeof(guest->vm), "%s", action->name);
    VEC_EACH(&placement->gpus, hold) {
        struct gpu_hold *copy = VEC_ADD(&guest->gpus);
        if (!copy) {
            abort();
        }
        *copy = *hold;
    }
    (void)guest_later(host, make_ms, guest, make_guest);
}

static void stopped(struct task *task)
{
    struct guest *guest = guest_of(task->host, task->vm, task->epoch);
    if (task->is_refused && guest) {
        host_answer(task->host, task->id, CORE_FAILED,
                    "the guest did not shut down within its time limit", NULL);
        host_step(task->host, (struct core_event){.kind = CORE_TICK});
        return;
    }
    host_answer(task->host, task->id, CORE_DONE, NULL, NULL);
    if (guest) {
        end(task->host, guest, "it was stopped", NULL);
    } else {
        host_step(task->host, (struct core_event){.kind = CORE_TICK});
    }
}

static void stop(struct host *host, const struct core_action *action)
{
    const struct guest *guest = guest_of(host, action->name, action->epoch);
    if (!guest) {
        answer_later(host, action, at_once_ms);
        return;
    }
    bool is_off = action->kind == ACTION_VM_KILL || action->offline == OFFLINE_TURN_OFF;
    msec_t wait_ms = action->kind == ACTION_VM_KILL ? kill_ms : is_off ? off_ms : shutdown_ms;
    bool is_deaf = !is_off && guest->is_deaf;
    struct task *task = guest_later(host, is_deaf ? action->limit_ms : wait_ms, guest, stopped);
    task->id = action->id;
    task->is_refused = is_deaf && action->offline != OFFLINE_FORCE_SHUTDOWN;
}

static void kill_all(struct host *host, const struct core_action *action)
{
    host->is_door_closed = true;
    if (host->guests.len == 0) {
        answer_later(host, action, at_once_ms);
        return;
    }
    host->kill_all_id = action->id;
    VEC_EACH(&host->guests, guest) {
        (void)guest_later(host, kill_ms, *guest, stopped);
    }
}

/* ---- cards ---- */

struct card *machine_card(struct host *host, struct pci_address address)
{
    VEC_EACH(&host->cards, card) {
        if (pci_address_compare(card->gpu.address, address) == 0) {
            return card;
        }
    }
    return NULL;
}

static void give_to(struct card *card, const char *driver)
{
    (void)snprintf(card->gpu.driver, gpu_driver_size, "%s", driver);
    card->gpu.is_overridden = gpu_is_dismounted(&card->gpu);
}

static void rebound(struct task *task)
{
    struct card *card = machine_card(task->host, task->address);
    bool is_bad = !card || card->is_off_bus;
    if (!is_bad) {
        bool is_dismount = task->rebind == ACTION_GPU_DISMOUNT;
        card->gpu.sriov_enabled = task->count;
        give_to(card, is_dismount ? "vfio-pci" : card->host_driver);
    }
    host_answer(task->host, task->id, is_bad ? CORE_FAILED : CORE_DONE,
                is_bad ? "the card does not answer" : NULL, NULL);
    machine_tell_inventory(task->host);
}

static void rebind(struct host *host, const struct core_action *action)
{
    struct task *task = machine_later(host, rebind_ms, rebound);
    task->id = action->id;
    task->address = action->address;
    task->rebind = action->kind;
    task->count = action->kind == ACTION_GPU_SPLIT ? action->count : 0;
}

static void add_check(struct node_inventory *inventory, const char *name, const char *detail)
{
    struct node_check *check = VEC_ADD(&inventory->checks);
    if (!check) {
        abort();
    }
    check->is_ok = true;
    (void)snprintf(check->name, sizeof(check->name), "%s", name);
    (void)snprintf(check->detail, sizeof(check->detail), "%s", detail);
}

/* Agents that are asked here answer by their name: fence_off says off, fence_dead nothing. */
static struct fence_answer answer_of(const char *agent)
{
    bool is_off = strcmp(agent, "fence_off") == 0, is_dead = strcmp(agent, "fence_dead") == 0;
    struct fence_answer answer = {.state = is_dead  ? FENCE_TEST_FAILED
                                           : is_off ? FENCE_TEST_OFF
                                                    : FENCE_TEST_ON};
    (void)snprintf(answer.agent, sizeof(answer.agent), "%s", agent);
    (void)snprintf(answer.text, sizeof(answer.text), "%s %s", agent,
                   is_dead  ? "status failed (exit code 1): connection timed out"
                   : is_off ? "says off"
                            : "says on");
    return answer;
}

static void add_fence_tests(const struct host *host, struct node_inventory *inventory)
{
    const struct world *world = core_world(host->core);
    WORLD_EACH(world, RECORD_FENCE_TEST, each) {
        const struct record *spec = world_find(world, RECORD_NODE_SPEC, (*each)->key.name);
        if (!spec || strcmp((*each)->fence_test->by, host->name) != 0) {
            continue;
        }
        struct fence_test_result *result = VEC_ADD(&inventory->fence_tests);
        if (!result) {
            abort();
        }
        *result = (struct fence_test_result){.asked = (*each)->revision, .spec = spec->revision};
        (void)snprintf(result->node, sizeof(result->node), "%s", spec->key.name);
        result->level_len = node_spec_fence_levels(spec->node_spec);
        for (uint32_t i = 0; i < result->level_len; i++) {
            result->levels[i] = answer_of(node_spec_fence_level(spec->node_spec, i).agent);
        }
    }
}

void machine_tell_inventory(struct host *host)
{
    CLEANUP(record_unrefp)
    struct record *record = record_new(RECORD_NODE_INVENTORY, host->name, NULL);
    if (!record) {
        abort();
    }
    struct node_inventory *inventory = record->inventory;
    inventory->cpus = 64;
    inventory->memory_mib = 512 * 1024;
    (void)snprintf(inventory->kernel, sizeof(inventory->kernel), "6.1.0-played");
    /* The stage grants it a key: the played hosts open nothing. */
    (void)snprintf(inventory->seal_key, sizeof(inventory->seal_key), "of %s", host->name);
    add_check(inventory, "iommu", "60 groups, IOMMU dmar0");
    add_check(inventory, "interrupt-remapping", "on");
    add_check(inventory, "vfio-pci", "loaded");
    add_check(inventory, "kvm", "VMs run on the CPU itself");
    VEC_EACH(&host->cards, card) {
        struct gpu *gpu = VEC_ADD(&inventory->gpus);
        if (!gpu) {
            abort();
        }
        *gpu = cards_look(card, host->name);
        cards_add_parts(card, inventory);
    }
    add_fence_tests(host, inventory);
    host_step(host, (struct core_event){.kind = CORE_INVENTORY, .record = record});
}

/* ---- watchdog and power ---- */

static int watchdog_bites(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct host *host = userdata;
    (void)source;
    (void)usec;
    host_power_off(host);
    host_power_on(host);
    return 0;
}

static void arm(struct host *host, const struct core_action *action)
{
    host->watchdog = sd_event_source_disable_unref(host->watchdog);
    if (sd_event_add_time_relative(host->event, &host->watchdog, CLOCK_MONOTONIC,
                                   (uint64_t)action->limit_ms * 1000, 1000, watchdog_bites,
                                   host) < 0) {
        abort();
    }
    host->watchdog_ms = action->limit_ms;
    host_answer(host, action->id, CORE_DONE, NULL, NULL);
}

static void pet(struct host *host, const struct core_action *action)
{
    if (host->watchdog && host_now_ms() <= action->deadline_ms) {
        (void)sd_event_source_set_time_relative(host->watchdog, (uint64_t)host->watchdog_ms * 1000);
    }
}

void machine_init(struct host *host)
{
    cards_init(host);
}

/* A boot gives every card to the host's driver. */
void machine_boot(struct host *host)
{
    VEC_EACH(&host->cards, card) {
        give_to(card, card->host_driver);
        card->gpu.sriov_enabled = 0;
    }
}

void machine_lose_power(struct host *host)
{
    VEC_EACH(&host->tasks, task) {
        task_free(*task);
    }
    VEC_DONE(&host->tasks);
    VEC_EACH(&host->guests, guest) {
        guest_free(*guest);
    }
    VEC_DONE(&host->guests);
    host->watchdog = sd_event_source_disable_unref(host->watchdog);
    host->is_door_closed = false;
    host->kill_all_id = 0;
}

/* ---- what is ordered ---- */

void machine_perform(struct host *host, const struct core_action *action)
{
    if (action->kind == ACTION_VM_START) {
        start(host, action);
    } else if (action->kind == ACTION_VM_STOP || action->kind == ACTION_VM_KILL) {
        stop(host, action);
    } else if (action->kind == ACTION_VM_KILL_ALL) {
        kill_all(host, action);
    } else if (action->kind == ACTION_VM_REOPEN) {
        host->is_door_closed = false;
    } else if (action->kind == ACTION_GPU_DISMOUNT || action->kind == ACTION_GPU_MOUNT ||
               action->kind == ACTION_GPU_SPLIT) {
        rebind(host, action);
    } else if (action->kind == ACTION_WATCHDOG_ARM) {
        arm(host, action);
    } else if (action->kind == ACTION_WATCHDOG_PET) {
        pet(host, action);
    } else if (action->kind == ACTION_WATCHDOG_DISARM) {
        host->watchdog = sd_event_source_disable_unref(host->watchdog);
    } else {
        host_answer(host, action->id, CORE_FAILED, "a played host cannot do that", NULL);
    }
}
