/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Longer than most: quarantine, inventory and binding look at the same cards, and a change of one
 * is at once a condition of the others.
 */
#include "core/agent_gpu.h"

#include "core/card_check.h"
#include "core/clean.h"
#include "core/fabric.h"
#include "core/heartbeat.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/pending.h"
#include "core/self.h"
#include "core/stubborn.h"
#include "core/vgpu.h"
#include "core/visitor.h"
#include "core/watch.h"

#include "model/gpu_device.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { inventory_limit_ms = 3000, joining_limit_ms = 1000, gpu_retry_ms = 10000 };

struct quarantine {
    struct gpu_slot slot; /* a partition alone, or a card with all that it is divided into */
    struct cause why;
    revision_t spec_revision; /* of the node's spec then: only a newer one can lift it */
};

struct gpus {
    struct record *found; /* the host's inventory as it last told us */
    VEC(struct quarantine) quarantines;
    bool has_quarantines;      /* taken over from the store */
    uint64_t told_incarnation; /* in which it was last written */
    bool is_stale;             /* the store's inventory is to be written again */
    struct pending inventory;
    VEC(struct pci_address) dismounted; /* that the spec listed for VFIO since we run */
    VEC(struct pci_address) watched;    /* that the host was told to look at */
    bool has_hypervisor;
    char hypervisor_text[reason_size];
    struct stubborn stubborn;
    bool said_ready;       /* as the inventory was last written */
    uint64_t gpu_id;       /* dismount, mount or split in flight */
    bool awaits_inventory; /* one was done: 'found' does not show it yet */
    enum core_action_kind gpu_action;
    struct pci_address gpu_address;
    uint32_t gpu_count;
    struct dismount wanted; /* for which that is; "" in all: not listed any more */
    msec_t gpu_retry_ms;
};

bool agent_gpu_init(struct core *core)
{
    core->gpus = calloc(1, sizeof(*core->gpus));
    return core->gpus != NULL && vgpu_init(core) && clean_init(core) && fabric_init(core) &&
           watch_init(core);
}

void agent_gpu_done(struct core *core)
{
    if (core->gpus) {
        record_unref(core->gpus->found);
        VEC_DONE(&core->gpus->quarantines);
        VEC_DONE(&core->gpus->dismounted);
        stubborn_done(&core->gpus->stubborn);
    }
    free(core->gpus);
    vgpu_done(core);
    clean_done(core);
    fabric_done(core);
    watch_done(core);
}

static const struct record *own_spec(const struct core *core)
{
    return world_find(&core->world, RECORD_NODE_SPEC, core->config.node);
}

static bool same_address(struct pci_address a, struct pci_address b)
{
    return pci_address_compare(a, b) == 0;
}

static const struct dismount *find_dismount(const struct core *core, struct pci_address address)
{
    return world_dismount(&core->world, core->config.node, address);
}

static const struct gpu *found_gpu(const struct core *core, struct pci_address address)
{
    const struct record *found = core->gpus->found;
    const struct gpu_slot slot = {.address = address};
    struct gpu_device device;
    return found && gpu_device_find(found->inventory, &slot, &device) ? device.card : NULL;
}

/* ---- quarantine ---- */

static struct quarantine *find_quarantine(const struct core *core, const struct gpu_slot *slot)
{
    VEC_EACH(&core->gpus->quarantines, quarantine) {
        if (gpu_slot_equal(&quarantine->slot, slot)) {
            return quarantine;
        }
    }
    return NULL;
}

static bool is_card_quarantined(const struct core *core, struct pci_address address)
{
    return find_quarantine(core, &(struct gpu_slot){.address = address}) != NULL;
}

/* False: it is in quarantine already, and that was told. */
static bool quarantine(struct core *core, const struct gpu_slot *slot, const struct cause *why)
{
    if (find_quarantine(core, slot)) {
        return false;
    }
    struct quarantine *new = VEC_ADD(&core->gpus->quarantines);
    if (!new) {
        core_out_of_memory();
    }
    new->slot = *slot;
    new->why = *why;
    new->spec_revision = own_spec(core) ? own_spec(core)->revision : 0;
    core->gpus->is_stale = true;
    return true;
}

void agent_gpu_quarantine(struct core *core, const struct gpu_slot *slot, const struct cause *why)
{
    if (quarantine(core, slot, why)) {
        core_tell_device(
            core, core_note_because(core, NOTE_GPU_QUARANTINED, core->config.node, why, NULL),
            slot);
    }
}

/* A berthd that starts takes over what its predecessor had quarantined: a card that made a VM fail
 * is not given to the next one because berthd was restarted. */
static void adopt_quarantines(struct core *core)
{
    const struct record *stored =
        world_find(&core->world, RECORD_NODE_INVENTORY, core->config.node);
    core->gpus->has_quarantines = true;
    if (!stored) {
        return;
    }
    clean_take_over(core, stored->inventory);
    VEC_EACH(&stored->inventory->gpus, gpu) {
        if (gpu->health == GPU_QUARANTINED) {
            (void)quarantine(core, &(struct gpu_slot){.address = gpu->address}, &gpu->health_cause);
        }
    }
    VEC_EACH(&stored->inventory->partitions, partition) {
        if (partition->health == GPU_QUARANTINED) {
            (void)quarantine(core, &partition->slot, &partition->health_cause);
        }
    }
}

static bool is_released(const struct node_spec *spec, const struct gpu_slot *slot)
{
    VEC_EACH(&spec->released, release) {
        if (gpu_slot_equal(&release->slot, slot)) {
            return true;
        }
    }
    return false;
}

/* Only an order that an administrator gave after the quarantine ends it. An older one was about an
 * earlier trouble of the card. */
static void lift_quarantines(struct core *core)
{
    const struct record *spec = own_spec(core);
    struct gpus *gpus = core->gpus;
    for (size_t i = gpus->quarantines.len; spec && i-- > 0;) {
        const struct quarantine *q = &gpus->quarantines.items[i];
        if (spec->revision > q->spec_revision && is_released(spec->node_spec, &q->slot)) {
            core_tell_device(core, core_note(core, NOTE_GPU_RELEASED, core->config.node), &q->slot);
            clean_release(core, &q->slot);
            VEC_REMOVE(&gpus->quarantines, i);
            gpus->is_stale = true;
        }
    }
}

/* One that is not as it must be does not reach a VM, even if it gets well by itself. */
static void check_cards(struct core *core)
{
    const struct record *spec = own_spec(core);
    if (!spec) {
        return;
    }
    VEC_EACH(&spec->node_spec->dismounted, entry) {
        const struct gpu *gpu = found_gpu(core, entry->address);
        const struct gpu_slot slot = {.address = entry->address};
        struct cause why;
        if (gpu && !find_quarantine(core, &slot) && card_check(core, entry, gpu, &why)) {
            agent_gpu_quarantine(core, &slot, &why);
        }
    }
}

/* ---- inventory ---- */

static void add_hypervisor_check(struct core *core, struct node_inventory *inventory)
{
    struct node_check *check = VEC_ADD(&inventory->checks);
    if (!check) {
        core_out_of_memory();
    }
    (void)snprintf(check->name, sizeof(check->name), "%s", CHECK_HYPERVISOR);
    check->is_ok = core->gpus->has_hypervisor;
    (void)snprintf(check->detail, sizeof(check->detail), "%s", core->gpus->hypervisor_text);
}

static size_t unready_count(const struct core *core);

/* After a boot GPUs are bound one by one. Given away as they come they would go to small VMs where
 * the important big one finds room, so the host takes no VMs until then. */
static void add_gpus_check(struct core *core, struct node_inventory *inventory)
{
    size_t count = unready_count(core);
    core->gpus->said_ready = count == 0;
    if (count == 0 || MUTANT(GPUS_UNREADY)) {
        return;
    }
    struct node_check *check = VEC_ADD(&inventory->checks);
    if (!check) {
        core_out_of_memory();
    }
    *check = (struct node_check){.is_advice = true};
    (void)snprintf(check->name, sizeof(check->name), "%s", CHECK_GPUS);
    (void)snprintf(check->detail, sizeof(check->detail), "GPUs are being dismounted: %zu left",
                   count);
}

static void judge_health(const struct core *core, const struct gpu_slot *slot, enum gpu_health *ret,
                         struct cause *ret_why)
{
    const struct quarantine *q = find_quarantine(core, slot);
    *ret = q ? GPU_QUARANTINED : GPU_HEALTHY;
    *ret_why = q ? q->why : (struct cause){0};
}

static void write_inventory(struct core *core)
{
    struct gpus *gpus = core->gpus;
    if (watch_tell(core)) { /* that some are not shown does not mean that they are gone */
        record_unref(gpus->found);
        gpus->found = NULL;
    }
    gpus->is_stale |= gpus->told_incarnation != self_incarnation(core) ||
                      (gpus->found && gpus->said_ready != (unready_count(core) == 0));
    gpus->is_stale |= visitors_have_changed(core);
    if (!gpus->found || !gpus->is_stale || !pending_is_idle(core, &gpus->inventory)) {
        return;
    }
    struct record *record = record_copy(gpus->found);
    if (!record) {
        core_out_of_memory();
    }
    memcpy(record->key.name, core->config.node, sizeof(record->key.name));
    vgpu_apply(core, record->inventory);
    clean_apply(core, record->inventory);
    VEC_EACH(&record->inventory->gpus, gpu) {
        judge_health(core, &(struct gpu_slot){.address = gpu->address}, &gpu->health,
                     &gpu->health_cause);
    }
    VEC_EACH(&record->inventory->partitions, partition) {
        judge_health(core, &partition->slot, &partition->health, &partition->health_cause);
    }
    record->inventory->incarnation = self_incarnation(core);
    add_hypervisor_check(core, record->inventory);
    add_gpus_check(core, record->inventory);
    visitors_write(core, record->inventory);
    struct txn txn = {0};
    txn_guard(&txn, &record->key, world_revision(&core->world, &record->key));
    txn_put(&txn, record);
    pending_send(core, &gpus->inventory, &txn,
                 self_is_member(core) ? inventory_limit_ms : joining_limit_ms);
    gpus->is_stale = false;
    gpus->told_incarnation = self_incarnation(core);
}

/* ---- dismount, mount, split ---- */

static bool is_listed_once(const struct core *core, struct pci_address address)
{
    VEC_EACH(&core->gpus->dismounted, known) {
        if (same_address(*known, address)) {
            return true;
        }
    }
    return false;
}

static void remember_listed(struct core *core)
{
    const struct record *spec = own_spec(core);
    if (!spec) {
        return;
    }
    VEC_EACH(&spec->node_spec->dismounted, entry) {
        if (entry->profile[0] == '\0' && !is_listed_once(core, entry->address)) {
            struct pci_address *place = VEC_ADD(&core->gpus->dismounted);
            if (!place) {
                core_out_of_memory();
            }
            *place = entry->address;
        }
    }
}

/* Whether any placement on this node holds it, or a part of it; or no one can tell. */
static bool is_held(const struct core *core, struct pci_address address)
{
    return world_card_is_claimed(&core->world, core->config.node, address);
}

/* What is to be done about a card; ACTION_TXN: nothing. */
struct rebinding {
    enum core_action_kind action;
    uint32_t count;
};

/* In partitions. What VMs may hold must not go: the card itself, nor its parts if there are too
 * many or too few. */
static struct rebinding want_split(const struct core *core, const struct gpu *gpu, uint32_t count)
{
    bool takes_away =
        gpu_is_dismounted(gpu) || (gpu->sriov_enabled > 0 && gpu->sriov_enabled != count);
    bool is_due = !gpu_is_split(core->gpus->found->inventory, gpu, count) &&
                  (!takes_away || !is_held(core, gpu->address) || MUTANT(SPLIT_HELD));
    return (struct rebinding){is_due ? ACTION_GPU_SPLIT : ACTION_TXN, count};
}

/* Not listed any more. */
static struct rebinding want_back(const struct core *core, const struct gpu *gpu)
{
    struct rebinding nothing = {ACTION_TXN, 0};
    if (!is_listed_once(core, gpu->address) || is_held(core, gpu->address)) {
        return nothing;
    }
    if (gpu->sriov_enabled > 0) {
        return (struct rebinding){ACTION_GPU_SPLIT, 0};
    }
    return gpu_is_dismounted(gpu) ? (struct rebinding){ACTION_GPU_MOUNT, 0} : nothing;
}

static struct rebinding find_work(const struct core *core, const struct gpu *gpu)
{
    const struct dismount *entry = find_dismount(core, gpu->address);
    if (!entry) {
        return want_back(core, gpu);
    }
    if (is_card_quarantined(core, gpu->address) || clean_is_busy(core, gpu->address)) {
        return (struct rebinding){ACTION_TXN, 0};
    }
    if (entry->profile[0] != '\0') {
        bool is_due = !vgpu_is_proven(core, entry); /* so that none of it is held */
        return (struct rebinding){is_due ? ACTION_GPU_SPLIT : ACTION_TXN, entry->partitions};
    }
    if (entry->partitions > 0) {
        return want_split(core, gpu, entry->partitions);
    }
    return (struct rebinding){gpu_is_dismounted(gpu) ? ACTION_TXN : ACTION_GPU_DISMOUNT, 0};
}

/*
 * A card that a VM may use is not taken away from it: what would remove the card or its parts was
 * asked about its claims first (is_held()). A claim comes before the VM and goes after it, so there
 * is none where nothing uses the card. To dismount takes nothing from a VM: no VM has a card that
 * is not dismounted.
 */
static void begin_rebind(struct core *core, const struct gpu *gpu, struct rebinding work)
{
    assert(work.action != ACTION_GPU_MOUNT || !is_held(core, gpu->address));
    assert(core->gpus->gpu_id == 0); /* one at a time: each is decided on what the last one left */
    struct core_action *action = core_act(core, work.action);
    const struct dismount *entry = find_dismount(core, gpu->address);
    action->address = gpu->address;
    action->count = work.count;
    action->is_forced = entry && entry->is_forced;
    core->gpus->wanted = entry ? *entry : (struct dismount){0};
    memcpy(action->profile, core->gpus->wanted.profile, sizeof(action->profile));
    core->gpus->gpu_id = action->id;
    core->gpus->gpu_action = work.action;
    core->gpus->gpu_address = gpu->address;
    core->gpus->gpu_count = work.count;
}

/* Whether an operation on it hangs in the kernel. Another one would hang as well, so nothing is
 * tried until its host says that it has come back. */
static bool is_stuck(const struct gpu *gpu)
{
    return gpu->verdict == GPU_STUCK;
}

/* What is due and did not fail when it was tried: a card that cannot be bound is no reason to wait.
 */
static size_t unready_count(const struct core *core)
{
    size_t count = 0;
    if (core->gpus->found) {
        VEC_EACH(&core->gpus->found->inventory->gpus, gpu) {
            struct rebinding work = find_work(core, gpu);
            bool is_due = work.action == ACTION_GPU_DISMOUNT ||
                          (work.action == ACTION_GPU_SPLIT && work.count > 0);
            bool has_failed = stubborn_place(&core->gpus->stubborn, gpu->address) > 0;
            count += is_due && (!is_stuck(gpu) || MUTANT(STUCK_AWAITED)) &&
                     (!has_failed || MUTANT(FAILED_AWAITED));
        }
    }
    return count;
}

/* The card to be seen to next: one that did not fail when it was tried, or the one for which that
 * is the longest ago; NULL: none. */
static const struct gpu *next_gpu(const struct core *core)
{
    const struct gpu *best = NULL;
    size_t best_place = 0;
    VEC_EACH(&core->gpus->found->inventory->gpus, gpu) {
        size_t place = stubborn_place(&core->gpus->stubborn, gpu->address);
        bool is_due = find_work(core, gpu).action != ACTION_TXN &&
                      (!is_stuck(gpu) || MUTANT(STUCK_TRIED));
        if (is_due && (!best || place < best_place)) {
            best = gpu;
            best_place = place;
        }
    }
    return best;
}

/* One at a time. */
static void rebind(struct core *core)
{
    struct gpus *gpus = core->gpus;
    bool is_idle = gpus->gpu_id == 0 && !vgpu_is_busy(core);
    const struct gpu *gpu = is_idle && gpus->found ? next_gpu(core) : NULL;
    if (!gpu) {
        return;
    }
    bool is_first_try =
        !gpus->awaits_inventory && stubborn_place(&gpus->stubborn, gpu->address) == 0;
    if (core->now_ms < gpus->gpu_retry_ms && !is_first_try) {
        core_wake(core, gpus->gpu_retry_ms);
    } else {
        begin_rebind(core, gpu, find_work(core, gpu));
    }
}

/* Whether the inventory shows what was last done. */
static bool is_shown(const struct core *core)
{
    const struct gpus *gpus = core->gpus;
    const struct gpu *gpu = found_gpu(core, gpus->gpu_address);
    if (!gpu || gpus->wanted.profile[0] != '\0') {
        return true; /* places look the same before and after */
    }
    return gpus->gpu_action == ACTION_GPU_SPLIT
               ? gpu_is_split(gpus->found->inventory, gpu, gpus->gpu_count)
               : gpu_is_dismounted(gpu) == (gpus->gpu_action == ACTION_GPU_DISMOUNT);
}

static void note_rebound(struct core *core)
{
    const struct gpus *gpus = core->gpus;
    enum note_code code = gpus->gpu_action == ACTION_GPU_DISMOUNT ? NOTE_GPU_DISMOUNTED
                          : gpus->gpu_action == ACTION_GPU_MOUNT  ? NOTE_GPU_MOUNTED
                          : gpus->gpu_count > 0                   ? NOTE_GPU_PARTITIONED
                                                                  : NOTE_GPU_WHOLE;
    struct facts *facts = core_note(core, code, core->config.node);
    core_tell_device(core, facts, &(struct gpu_slot){.address = gpus->gpu_address});
    facts->count = gpus->gpu_count;
    (void)copy_text(facts->label, sizeof(facts->label), gpus->wanted.profile);
}

/* 'why' in the kernel's words; NULL: it never answered. */
static void note_not_rebound(struct core *core, const char *why)
{
    const struct cause hangs = {.code = why ? CAUSE_NONE : CAUSE_GPU_HANGS};
    const struct gpus *gpus = core->gpus;
    enum note_code code = gpus->gpu_action == ACTION_GPU_DISMOUNT ? NOTE_GPU_DISMOUNT_FAILED
                          : gpus->gpu_action == ACTION_GPU_MOUNT  ? NOTE_GPU_MOUNT_FAILED
                                                                  : NOTE_GPU_PARTITION_FAILED;
    struct facts *facts = core_note_because(core, code, core->config.node, &hangs, NULL);
    core_tell_device(core, facts, &(struct gpu_slot){.address = gpus->gpu_address});
    (void)facts_set(facts, NULL, NULL, why);
}

static void rebind_done(struct core *core, const struct core_event *event)
{
    struct gpus *gpus = core->gpus;
    gpus->gpu_id = 0;
    gpus->awaits_inventory = event->result == CORE_DONE && !is_shown(core);
    if (gpus->awaits_inventory) { /* it may come before or after this; or never */
        gpus->gpu_retry_ms = core->now_ms + gpu_retry_ms;
    }
    if (event->result == CORE_DONE) {
        stubborn_remove(&gpus->stubborn, gpus->gpu_address);
        if (gpus->wanted.profile[0] != '\0') {
            vgpu_prove(core, &gpus->wanted);
            gpus->is_stale = true;
        }
        note_rebound(core);
        return;
    }
    stubborn_add(&gpus->stubborn, gpus->gpu_address);
    gpus->gpu_retry_ms = core->now_ms + gpu_retry_ms;
    note_not_rebound(core, event->text);
}

/* ---- between two VMs ---- */

static void clean_took(struct core *core, struct clean_step step)
{
    core->gpus->is_stale |= step.is_news;
    if (step.is_held && step.why.code == CAUSE_GPU_ON_HOLD) {
        (void)quarantine(core, &step.slot, &step.why);
        core_tell_device(
            core, core_note_because(core, NOTE_GPU_ON_HOLD, core->config.node, &step.why, NULL),
            &step.slot);
    } else if (step.is_held) {
        agent_gpu_quarantine(core, &step.slot, &step.why);
    }
}

static void clean(struct core *core)
{
    struct clean_step step;
    do {
        step = clean_step(core, core->gpus->gpu_id == 0 && !vgpu_is_busy(core));
        clean_took(core, step);
    } while (step.is_held);
}

/* ---- steps ---- */

void agent_gpu_event(struct core *core, const struct core_event *event)
{
    struct gpus *gpus = core->gpus;
    enum txn_outcome outcome;
    struct gpu_slot slot;
    struct cause why;
    if (vgpu_event(core, event, &slot, &why)) {
        agent_gpu_quarantine(core, &slot, &why);
    }
    clean_took(core, clean_event(core, event));
    fabric_event(core, event);
    if (event->kind == CORE_INVENTORY) {
        record_unref(gpus->found);
        gpus->found = record_ref(event->record);
        if (gpus->awaits_inventory) {
            gpus->awaits_inventory = false;
            gpus->gpu_retry_ms = core->now_ms;
        }
        gpus->is_stale = true;
    } else if (event->kind == CORE_HYPERVISOR) {
        gpus->has_hypervisor = event->is_up;
        (void)snprintf(gpus->hypervisor_text, sizeof(gpus->hypervisor_text), "%s",
                       event->text ? event->text : "");
        gpus->is_stale = true;
    } else if (event->kind == CORE_TXN_DONE) {
        if (pending_done(core, &gpus->inventory, event, &outcome) && outcome != TXN_COMMITTED) {
            gpus->is_stale = true;
        }
    } else if (event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == gpus->gpu_id) {
        rebind_done(core, event);
    }
}

bool agent_gpu_tell(struct core *core)
{
    struct gpus *gpus = core->gpus;
    pending_tick(core, &gpus->inventory);
    if (!gpus->has_quarantines) {
        adopt_quarantines(core);
    }
    write_inventory(core);
    return gpus->told_incarnation == self_incarnation(core) && !gpus->is_stale &&
           pending_is_idle(core, &gpus->inventory);
}

void agent_gpu_step(struct core *core)
{
    if (!heartbeat_is_heard(core)) {
        return;
    }
    pending_tick(core, &core->gpus->inventory);
    if (!core->gpus->has_quarantines) {
        adopt_quarantines(core);
    }
    remember_listed(core);
    check_cards(core);
    lift_quarantines(core);
    clean(core);
    write_inventory(core);
    fabric_step(core);
    rebind(core);
    if (core->gpus->gpu_id == 0) {
        vgpu_step(core, core->gpus->found ? core->gpus->found->inventory : NULL);
    }
}
