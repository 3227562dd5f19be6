/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rebind.h"

#include "core/clean.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/quarantine.h"
#include "core/self.h"
#include "core/stubborn.h"
#include "core/vgpu.h"

#include "base/parse.h"
#include "model/division.h"
#include "model/gpu_device.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { retry_pause_ms = 10000 };

struct rebinds {
    VEC(struct pci_address) listed; /* that the spec listed for VFIO since we run */
    struct stubborn stubborn;
    uint64_t id;           /* of what is under way; 0: nothing */
    bool awaits_inventory; /* one was done: the inventory does not show it yet */
    enum core_action_kind action;
    struct pci_address address;
    uint32_t count;
    struct dismount wanted; /* for which that is; "" in all: not listed any more */
    msec_t retry_ms;
};

bool rebind_init(struct core *core)
{
    core->rebinds = calloc(1, sizeof(*core->rebinds));
    return core->rebinds != NULL;
}

void rebind_done(struct core *core)
{
    if (core->rebinds) {
        VEC_DONE(&core->rebinds->listed);
        stubborn_done(&core->rebinds->stubborn);
    }
    free(core->rebinds);
}

bool rebind_is_busy(const struct core *core)
{
    return core->rebinds->id != 0;
}

static bool same_address(struct pci_address a, struct pci_address b)
{
    return pci_address_compare(a, b) == 0;
}

static const struct dismount *find_dismount(const struct core *core, struct pci_address address)
{
    return world_dismount(&core->world, core->config.node, address);
}

static const struct gpu *shown(const struct node_inventory *found, struct pci_address address)
{
    const struct gpu_slot slot = {.address = address};
    struct gpu_device device;
    return found && gpu_device_find(found, &slot, &device) ? device.card : NULL;
}

/* ---- what is due ---- */

static bool is_listed_once(const struct core *core, struct pci_address address)
{
    VEC_EACH(&core->rebinds->listed, known) {
        if (same_address(*known, address)) {
            return true;
        }
    }
    return false;
}

void rebind_learn(struct core *core)
{
    const struct record *spec = self_spec_record(core);
    if (!spec) {
        return;
    }
    VEC_EACH(&spec->node_spec->dismounted, entry) {
        if (entry->profile[0] == '\0' && !is_listed_once(core, entry->address)) {
            struct pci_address *place = VEC_ADD(&core->rebinds->listed);
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
static struct rebinding want_split(const struct core *core, const struct node_inventory *found,
                                   const struct gpu *gpu, uint32_t count)
{
    bool takes_away =
        gpu_is_dismounted(gpu) || (gpu->sriov_enabled > 0 && gpu->sriov_enabled != count);
    bool is_due = !gpu_is_split(found, gpu, count) &&
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

static struct rebinding find_work(const struct core *core, const struct node_inventory *found,
                                  const struct gpu *gpu)
{
    const struct dismount *entry = find_dismount(core, gpu->address);
    const struct gpu_slot card = {.address = gpu->address};
    if (!entry) {
        return want_back(core, gpu);
    }
    if (quarantine_has(core, &card) || clean_is_busy(core, gpu->address)) {
        return (struct rebinding){ACTION_TXN, 0};
    }
    if (entry->profile[0] != '\0') {
        bool is_due = !vgpu_is_proven(core, entry); /* so that none of it is held */
        return (struct rebinding){is_due ? ACTION_GPU_SPLIT : ACTION_TXN, division_len(entry)};
    }
    if (entry->partitions > 0) {
        return want_split(core, found, gpu, entry->partitions);
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
    assert(!rebind_is_busy(core)); /* one at a time: each is decided on what the last one left */
    struct rebinds *rebinds = core->rebinds;
    struct core_action *action = core_act(core, work.action);
    const struct dismount *entry = find_dismount(core, gpu->address);
    action->address = gpu->address;
    action->count = work.count;
    action->is_forced = entry && entry->is_forced;
    rebinds->wanted = entry ? *entry : (struct dismount){0};
    action->division = rebinds->wanted;
    rebinds->id = action->id;
    rebinds->action = work.action;
    rebinds->address = gpu->address;
    rebinds->count = work.count;
}

/* Whether an operation on it hangs in the kernel. Another one would hang as well, so nothing is
 * tried until its host says that it has come back. */
static bool is_stuck(const struct gpu *gpu)
{
    return gpu->verdict == GPU_STUCK;
}

size_t rebind_unready(const struct core *core, const struct node_inventory *found)
{
    size_t count = 0;
    if (found) {
        VEC_EACH(&found->gpus, gpu) {
            struct rebinding work = find_work(core, found, gpu);
            bool is_due = work.action == ACTION_GPU_DISMOUNT ||
                          (work.action == ACTION_GPU_SPLIT && work.count > 0);
            bool has_failed = stubborn_place(&core->rebinds->stubborn, gpu->address) > 0;
            count += is_due && (!is_stuck(gpu) || MUTANT(STUCK_AWAITED)) &&
                     (!has_failed || MUTANT(FAILED_AWAITED));
        }
    }
    return count;
}

/* The card to be seen to next: one that did not fail when it was tried, or the one for which that
 * is the longest ago; NULL: none. */
static const struct gpu *next_gpu(const struct core *core, const struct node_inventory *found)
{
    const struct gpu *best = NULL;
    size_t best_place = 0;
    VEC_EACH(&found->gpus, gpu) {
        size_t place = stubborn_place(&core->rebinds->stubborn, gpu->address);
        bool is_due = find_work(core, found, gpu).action != ACTION_TXN &&
                      (!is_stuck(gpu) || MUTANT(STUCK_TRIED));
        if (is_due && (!best || place < best_place)) {
            best = gpu;
            best_place = place;
        }
    }
    return best;
}

void rebind_step(struct core *core, const struct node_inventory *found, bool is_free)
{
    struct rebinds *rebinds = core->rebinds;
    const struct gpu *gpu =
        is_free && !rebind_is_busy(core) && found ? next_gpu(core, found) : NULL;
    if (!gpu) {
        return;
    }
    bool is_first_try =
        !rebinds->awaits_inventory && stubborn_place(&rebinds->stubborn, gpu->address) == 0;
    if (core->now_ms < rebinds->retry_ms && !is_first_try) {
        core_wake(core, rebinds->retry_ms);
    } else {
        begin_rebind(core, gpu, find_work(core, found, gpu));
    }
}

/* ---- how it ended ---- */

/* Whether the inventory shows what was last done. */
static bool is_shown(const struct core *core, const struct node_inventory *found)
{
    const struct rebinds *rebinds = core->rebinds;
    const struct gpu *gpu = shown(found, rebinds->address);
    if (!gpu || rebinds->wanted.profile[0] != '\0') {
        return true; /* places look the same before and after */
    }
    return rebinds->action == ACTION_GPU_SPLIT
               ? gpu_is_split(found, gpu, rebinds->count)
               : gpu_is_dismounted(gpu) == (rebinds->action == ACTION_GPU_DISMOUNT);
}

static void note_rebound(struct core *core)
{
    const struct rebinds *rebinds = core->rebinds;
    enum note_code code = rebinds->action == ACTION_GPU_DISMOUNT ? NOTE_GPU_DISMOUNTED
                          : rebinds->action == ACTION_GPU_MOUNT  ? NOTE_GPU_MOUNTED
                          : rebinds->count > 0                   ? NOTE_GPU_PARTITIONED
                                                                 : NOTE_GPU_WHOLE;
    struct facts *facts = core_note(core, code, core->config.node);
    core_tell_device(core, facts, &(struct gpu_slot){.address = rebinds->address});
    facts->count = rebinds->count;
    (void)division_types(&rebinds->wanted, facts->label, sizeof(facts->label));
}

/* 'why' in the kernel's words; NULL: it never answered. */
static void note_not_rebound(struct core *core, const char *why)
{
    const struct cause hangs = {.code = why ? CAUSE_NONE : CAUSE_GPU_HANGS};
    const struct rebinds *rebinds = core->rebinds;
    enum note_code code = rebinds->action == ACTION_GPU_DISMOUNT ? NOTE_GPU_DISMOUNT_FAILED
                          : rebinds->action == ACTION_GPU_MOUNT  ? NOTE_GPU_MOUNT_FAILED
                                                                 : NOTE_GPU_PARTITION_FAILED;
    struct facts *facts = core_note_because(core, code, core->config.node, &hangs, NULL);
    core_tell_device(core, facts, &(struct gpu_slot){.address = rebinds->address});
    (void)facts_set(facts, NULL, NULL, why);
}

static bool operation_done(struct core *core, const struct core_event *event,
                           const struct node_inventory *found)
{
    struct rebinds *rebinds = core->rebinds;
    rebinds->id = 0;
    rebinds->awaits_inventory = event->result == CORE_DONE && !is_shown(core, found);
    if (rebinds->awaits_inventory) { /* it may come before or after this; or never */
        rebinds->retry_ms = core->now_ms + retry_pause_ms;
    }
    if (event->result != CORE_DONE) {
        stubborn_add(&rebinds->stubborn, rebinds->address);
        rebinds->retry_ms = core->now_ms + retry_pause_ms;
        note_not_rebound(core, event->text);
        return false;
    }
    bool is_of_vgpus = rebinds->wanted.profile[0] != '\0';
    stubborn_remove(&rebinds->stubborn, rebinds->address);
    if (is_of_vgpus) {
        vgpu_prove(core, &rebinds->wanted);
    }
    note_rebound(core);
    return is_of_vgpus;
}

bool rebind_event(struct core *core, const struct core_event *event,
                  const struct node_inventory *found)
{
    bool is_ours =
        event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == core->rebinds->id;
    return is_ours && operation_done(core, event, found);
}

void rebind_found(struct core *core)
{
    struct rebinds *rebinds = core->rebinds;
    if (rebinds->awaits_inventory) {
        rebinds->awaits_inventory = false;
        rebinds->retry_ms = core->now_ms;
    }
}
