/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/vgpu.h"

#include "core/clean.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/self.h"

#include "model/division.h"
#include "model/gpu_device.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(vgpu_state, VGPU_STATE_LIST)

enum { retry_ms = 10000 };

/* One that was asked for, and for whom. */
struct vgpu {
    struct gpu_slot slot;
    char vm[name_size];
    uint64_t epoch;
    enum vgpu_state state;
    char text[reason_size]; /* failed: why */
};

struct vgpus {
    VEC(struct vgpu) items;
    VEC(struct dismount) proven;
    uint64_t id; /* order under way; 0: none */
    enum core_action_kind kind;
    struct gpu_slot slot;
    char vm[name_size]; /* for whom it is made, ... */
    uint64_t epoch;     /* ... and in which placement */
    bool is_inventory_old;
    msec_t clear_retry_ms;
};

bool vgpu_init(struct core *core)
{
    core->vgpus = calloc(1, sizeof(*core->vgpus));
    return core->vgpus != NULL;
}

void vgpu_done(struct core *core)
{
    if (core->vgpus) {
        VEC_DONE(&core->vgpus->items);
        VEC_DONE(&core->vgpus->proven);
    }
    free(core->vgpus);
}

bool vgpu_is_busy(const struct core *core)
{
    return core->vgpus->id != 0;
}

/* ---- whose it is ---- */

/* Whether some VM may have it, or no one can tell. */
static bool is_claimed(const struct core *core, const struct gpu_slot *slot)
{
    struct record_key key = world_claim_key(core->config.node, slot);
    return world_find_key(&core->world, &key) || !world_is_readable(&core->world, &key);
}

static bool is_claimed_for(const struct core *core, const struct vgpu *vgpu)
{
    struct record_key key = world_claim_key(core->config.node, &vgpu->slot);
    const struct record *claim = world_find_key(&core->world, &key);
    return claim && claim->claim->epoch == vgpu->epoch && strcmp(claim->claim->vm, vgpu->vm) == 0;
}

/* ---- how cards are divided ---- */

static const struct dismount *find_proven(const struct core *core, struct pci_address address)
{
    VEC_EACH(&core->vgpus->proven, proven) {
        if (pci_address_compare(proven->address, address) == 0) {
            return proven;
        }
    }
    return NULL;
}

/* The division that VMs rely on; NULL: none yet. While they do, no other one that is wanted. */
static const struct dismount *in_force(const struct core *core, const struct dismount *entry)
{
    const struct dismount *proven = find_proven(core, entry->address);
    if (world_card_is_claimed(&core->world, core->config.node, entry->address)) {
        return proven ? proven : entry;
    }
    return proven && division_equal(proven, entry) ? proven : NULL;
}

bool vgpu_is_proven(const struct core *core, const struct dismount *entry)
{
    return in_force(core, entry) != NULL;
}

void vgpu_prove(struct core *core, const struct dismount *entry)
{
    for (size_t i = core->vgpus->proven.len; i-- > 0;) {
        if (pci_address_compare(core->vgpus->proven.items[i].address, entry->address) == 0) {
            VEC_REMOVE(&core->vgpus->proven, i);
        }
    }
    struct dismount *place = VEC_ADD(&core->vgpus->proven);
    if (!place) {
        core_out_of_memory();
    }
    *place = *entry;
}

void vgpu_apply(struct core *core, struct node_inventory *inventory)
{
    const struct record *spec = self_spec_record(core);
    if (spec) {
        VEC_EACH(&spec->node_spec->dismounted, entry) {
            const struct dismount *division =
                entry->profile[0] != '\0' ? in_force(core, entry) : NULL;
            if (division && !division_apply(inventory, core->config.node, division)) {
                core_out_of_memory();
            }
        }
    }
    division_drop_places(inventory);
}

/* How its card is divided; NULL: it is not ours to make. */
static const struct dismount *division_of(const struct core *core, const struct gpu_slot *slot)
{
    const struct dismount *entry = world_dismount(&core->world, core->config.node, slot->address);
    return slot->partition[0] != '\0' && entry && entry->profile[0] != '\0' ? in_force(core, entry)
                                                                            : NULL;
}

/* What it is to be; NULL: it is not ours to make, or not known. Where a card has several profiles
 * it is the one that was told of the place, on which the VM's placement relies. */
static const char *profile_of(const struct core *core, const struct gpu_slot *slot)
{
    struct gpu_device device;
    const struct dismount *division = division_of(core, slot);
    if (!division || division->more_len == 0 || MUTANT(VGPU_FIRST_SIZE)) {
        return division ? division->profile : NULL;
    }
    return world_device(&core->world, core->config.node, slot, &device) &&
                   division_has(division, device.partition->type)
               ? device.partition->type
               : NULL;
}

/* ---- before a start ---- */

static struct vgpu *find_vgpu(const struct core *core, const struct gpu_slot *slot)
{
    VEC_EACH(&core->vgpus->items, vgpu) {
        if (gpu_slot_equal(&vgpu->slot, slot)) {
            return vgpu;
        }
    }
    return NULL;
}

/* What was made for another placement counts for nothing: it holds what its VM left. */
static struct vgpu *ask_for(struct core *core, const struct gpu_slot *slot, const char *vm,
                            uint64_t epoch)
{
    struct vgpu *vgpu = find_vgpu(core, slot);
    bool is_its = vgpu && vgpu->epoch == epoch && strcmp(vgpu->vm, vm) == 0;
    if (is_its || (vgpu && MUTANT(VGPU_KEPT))) {
        return vgpu;
    }
    vgpu = vgpu ? vgpu : VEC_ADD(&core->vgpus->items);
    if (!vgpu) {
        core_out_of_memory();
    }
    *vgpu = (struct vgpu){.slot = *slot, .epoch = epoch, .state = VGPU_NOT_YET};
    (void)snprintf(vgpu->vm, sizeof(vgpu->vm), "%s", vm);
    return vgpu;
}

enum vgpu_state vgpu_prepare(struct core *core, const char *vm,
                             const struct vm_placement *placement, struct gpu_slot *ret_culprit,
                             struct cause *ret_why)
{
    enum vgpu_state state = VGPU_READY;
    VEC_EACH(&placement->gpus, hold) {
        if (!division_of(core, &hold->slot)) {
            continue;
        }
        struct vgpu *vgpu = ask_for(core, &hold->slot, vm, placement->epoch);
        if (vgpu->state == VGPU_FAILED) {
            *ret_culprit = vgpu->slot;
            *ret_why = cause_make(CAUSE_VGPU_NOT_MADE, NULL, NULL, vgpu->text);
            vgpu->epoch = 0; /* if it is asked for again, it is tried again */
            return VGPU_FAILED;
        }
        state = vgpu->state == VGPU_READY ? state : VGPU_NOT_YET;
    }
    return state;
}

bool vgpu_may_lack_room(const struct core *core, const struct gpu_slot *slot)
{
    const struct dismount *division = division_of(core, slot);
    return division && division->more_len > 0 && !MUTANT(VGPU_ROOM_IS_BLAMED);
}

/* ---- orders to the host ---- */

static void order(struct core *core, enum core_action_kind kind, const struct gpu_slot *slot)
{
    struct vgpus *vgpus = core->vgpus;
    assert(vgpus->id == 0);
    /* A claim comes before the VM and goes after it: no VM loses what is cleared. */
    assert(kind != ACTION_GPU_CLEAR || !is_claimed(core, slot));
    assert(kind != ACTION_GPU_MAKE || profile_of(core, slot));
    struct core_action *action = core_act(core, kind);
    action->slot = *slot;
    action->address = slot->address;
    vgpus->id = action->id;
    vgpus->kind = kind;
    vgpus->slot = *slot;
    if (kind == ACTION_GPU_MAKE) {
        (void)snprintf(action->profile, sizeof(action->profile), "%s", profile_of(core, slot));
    }
}

/* Whether one that is wanted was ordered. Only for the claim's own placement: no VM has it yet, and
 * what it had before is gone. */
static bool make_next(struct core *core)
{
    VEC_EACH(&core->vgpus->items, vgpu) {
        if (vgpu->state == VGPU_NOT_YET && is_claimed_for(core, vgpu) &&
            !clean_is_busy(core, vgpu->slot.address) && profile_of(core, &vgpu->slot)) {
            memcpy(core->vgpus->vm, vgpu->vm, sizeof(core->vgpus->vm));
            core->vgpus->epoch = vgpu->epoch;
            order(core, ACTION_GPU_MAKE, &vgpu->slot);
            return true;
        }
    }
    return false;
}

/* A quarantined one stays as it is until someone has looked at it. */
static bool may_clear(const struct core *core, const struct gpu_slot *slot)
{
    struct gpu_device device;
    bool is_known = world_device(&core->world, core->config.node, slot, &device);
    return !is_claimed(core, slot) && !clean_is_busy(core, slot->address) &&
           !(is_known && device.health == GPU_QUARANTINED);
}

static void clear_next(struct core *core, const struct node_inventory *found)
{
    struct vgpus *vgpus = core->vgpus;
    if (MUTANT(VGPU_KEPT)) {
        return;
    }
    if (core->now_ms < vgpus->clear_retry_ms) {
        core_wake(core, vgpus->clear_retry_ms);
        return;
    }
    VEC_EACH(&vgpus->items, vgpu) { /* also of a card that is not divided any more */
        if (vgpu->state == VGPU_READY && may_clear(core, &vgpu->slot)) {
            order(core, ACTION_GPU_CLEAR, &vgpu->slot);
            return;
        }
    }
    if (!found || vgpus->is_inventory_old) {
        return;
    }
    VEC_EACH(&found->partitions, partition) { /* what a berthd before this one made */
        if (partition->type[0] != '\0' && division_of(core, &partition->slot) &&
            may_clear(core, &partition->slot)) {
            order(core, ACTION_GPU_CLEAR, &partition->slot);
            return;
        }
    }
}

/* Those that no one waits for any more, and that were not made. */
static void forget_unwanted(struct core *core)
{
    for (size_t i = core->vgpus->items.len; i-- > 0;) {
        const struct vgpu *vgpu = &core->vgpus->items.items[i];
        if (vgpu->state != VGPU_READY && !is_claimed_for(core, vgpu)) {
            VEC_REMOVE(&core->vgpus->items, i);
        }
    }
}

void vgpu_step(struct core *core, const struct node_inventory *found)
{
    if (vgpu_is_busy(core)) {
        return;
    }
    forget_unwanted(core);
    if (!make_next(core)) {
        clear_next(core, found);
    }
}

/* ---- what came of them ---- */

/* What was asked for meanwhile in another placement is not what was made. */
static void made(struct core *core, const struct core_event *event)
{
    struct vgpus *vgpus = core->vgpus;
    struct vgpu *vgpu = find_vgpu(core, &vgpus->slot);
    if (vgpu && vgpu->epoch == vgpus->epoch && strcmp(vgpu->vm, vgpus->vm) == 0) {
        vgpu->state = event->result == CORE_DONE ? VGPU_READY : VGPU_FAILED;
        (void)snprintf(vgpu->text, sizeof(vgpu->text), "%s", event->text ? event->text : "");
    }
}

static bool cleared(struct core *core, const struct core_event *event, struct gpu_slot *ret_slot,
                    struct cause *ret_why)
{
    struct vgpus *vgpus = core->vgpus;
    if (event->result == CORE_DONE) {
        struct vgpu *vgpu = find_vgpu(core, &vgpus->slot);
        if (vgpu && vgpu->state == VGPU_READY) {
            VEC_REMOVE(&vgpus->items, (size_t)(vgpu - vgpus->items.items));
        }
        return false;
    }
    vgpus->clear_retry_ms = core->now_ms + retry_ms;
    *ret_slot = vgpus->slot;
    *ret_why = cause_make(CAUSE_VGPU_NOT_CLEARED, NULL, NULL, event->text);
    return true;
}

bool vgpu_event(struct core *core, const struct core_event *event, struct gpu_slot *ret_slot,
                struct cause *ret_why)
{
    struct vgpus *vgpus = core->vgpus;
    if (event->kind == CORE_INVENTORY) {
        vgpus->is_inventory_old = false;
    }
    if (event->kind != CORE_ACTION_DONE || event->id == 0 || event->id != vgpus->id) {
        return false;
    }
    vgpus->id = 0;
    vgpus->is_inventory_old = true;
    if (vgpus->kind == ACTION_GPU_CLEAR) {
        return cleared(core, event, ret_slot, ret_why);
    }
    made(core, event);
    return false;
}
