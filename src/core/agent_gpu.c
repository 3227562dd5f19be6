/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/agent_gpu.h"

#include "core/card_check.h"
#include "core/clean.h"
#include "core/fabric.h"
#include "core/heartbeat.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/pending.h"
#include "core/quarantine.h"
#include "core/rebind.h"
#include "core/self.h"
#include "core/vgpu.h"
#include "core/visitor.h"
#include "core/watch.h"

#include "model/gpu_device.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { inventory_limit_ms = 3000, joining_limit_ms = 1000 };

struct gpus {
    struct record *found;      /* the host's inventory as it last told us */
    uint64_t told_incarnation; /* in which it was last written */
    bool is_stale;             /* the store's inventory is to be written again */
    struct pending inventory;
    bool has_hypervisor;
    char hypervisor_text[reason_size];
    bool said_ready; /* as the inventory was last written */
};

bool agent_gpu_init(struct core *core)
{
    core->gpus = calloc(1, sizeof(*core->gpus));
    return core->gpus != NULL && quarantine_init(core) && rebind_init(core) && vgpu_init(core) &&
           clean_init(core) && fabric_init(core) && watch_init(core);
}

void agent_gpu_done(struct core *core)
{
    if (core->gpus) {
        record_unref(core->gpus->found);
    }
    free(core->gpus);
    quarantine_done(core);
    rebind_done(core);
    vgpu_done(core);
    clean_done(core);
    fabric_done(core);
    watch_done(core);
}

static const struct node_inventory *found(const struct core *core)
{
    return core->gpus->found ? core->gpus->found->inventory : NULL;
}

/* ---- quarantine ---- */

void agent_gpu_quarantine(struct core *core, const struct gpu_slot *slot, const struct cause *why)
{
    if (quarantine_add(core, slot, why)) {
        core->gpus->is_stale = true;
        core_tell_device(
            core, core_note_because(core, NOTE_GPU_QUARANTINED, core->config.node, why, NULL),
            slot);
    }
}

/* One that is not as it must be does not reach a VM, even if it gets well by itself. */
static void check_cards(struct core *core)
{
    const struct record *spec = self_spec_record(core);
    if (!spec || !found(core)) {
        return;
    }
    VEC_EACH(&spec->node_spec->dismounted, entry) {
        const struct gpu_slot slot = {.address = entry->address};
        struct gpu_device device;
        struct cause why;
        if (gpu_device_find(found(core), &slot, &device) && !quarantine_has(core, &slot) &&
            card_check(core, entry, device.card, &why)) {
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

/* After a boot GPUs are bound one by one. Given away as they come they would go to small VMs where
 * the important big one finds room, so the host takes no VMs until then. */
static void add_gpus_check(struct core *core, struct node_inventory *inventory)
{
    size_t count = rebind_unready(core, found(core));
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

static void write_inventory(struct core *core)
{
    struct gpus *gpus = core->gpus;
    if (watch_tell(core)) { /* that some are not shown does not mean that they are gone */
        record_unref(gpus->found);
        gpus->found = NULL;
    }
    gpus->is_stale |= gpus->told_incarnation != self_incarnation(core) ||
                      (gpus->found && gpus->said_ready != (rebind_unready(core, found(core)) == 0));
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
        quarantine_judge(core, &(struct gpu_slot){.address = gpu->address}, &gpu->health,
                         &gpu->health_cause);
    }
    VEC_EACH(&record->inventory->partitions, partition) {
        quarantine_judge(core, &partition->slot, &partition->health, &partition->health_cause);
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

/* ---- between two VMs ---- */

static void clean_took(struct core *core, struct clean_step step)
{
    core->gpus->is_stale |= step.is_news;
    if (step.is_held && step.why.code == CAUSE_GPU_ON_HOLD) {
        core->gpus->is_stale |= quarantine_add(core, &step.slot, &step.why);
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
        step = clean_step(core, !rebind_is_busy(core) && !vgpu_is_busy(core));
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
        rebind_found(core);
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
    }
    gpus->is_stale |= rebind_event(core, event, found(core));
}

static void take_over(struct core *core)
{
    const struct record *stored = self_inventory_record(core);
    quarantine_take_over(core, stored ? stored->inventory : NULL);
}

bool agent_gpu_tell(struct core *core)
{
    struct gpus *gpus = core->gpus;
    pending_tick(core, &gpus->inventory);
    take_over(core);
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
    take_over(core);
    rebind_learn(core);
    check_cards(core);
    core->gpus->is_stale |= quarantine_lift(core);
    clean(core);
    write_inventory(core);
    fabric_step(core);
    rebind_step(core, found(core), !vgpu_is_busy(core));
    if (!rebind_is_busy(core)) {
        vgpu_step(core, found(core));
    }
}
