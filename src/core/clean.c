/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/clean.h"

#include "core/memory.h"
#include "core/mutant.h"
#include "core/self.h"

#include "model/gpu_device.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(clean_state, CLEAN_STATE_LIST)

/* A device that is not clean. */
struct use {
    struct gpu_slot slot;
    char vm[name_size];
    bool is_erasing; /* it is being erased, or will be: no VM may have it, its own neither */
    bool is_kept;    /* for a person: on hold, or not erased */
    bool is_failed;  /* ... the latter */
    uint64_t id;     /* of the erasure under way; 0: none of this berthd */
};

struct clean {
    VEC(struct use) uses;
    bool is_news; /* since clean_step() last said so */
};

bool clean_init(struct core *core)
{
    core->clean = calloc(1, sizeof(*core->clean));
    return core->clean != NULL;
}

void clean_done(struct core *core)
{
    if (core->clean) {
        VEC_DONE(&core->clean->uses);
    }
    free(core->clean);
}

static struct use *find_use(const struct core *core, const struct gpu_slot *slot)
{
    VEC_EACH(&core->clean->uses, use) {
        if (gpu_slot_equal(&use->slot, slot)) {
            return use;
        }
    }
    return NULL;
}

/* A card that was used whole and is in parts now, or the other way round, holds the same memory. */
static struct use *find_use_of_other(const struct core *core, const struct gpu_slot *slot,
                                     const char *vm)
{
    VEC_EACH(&core->clean->uses, use) {
        bool is_same = gpu_slot_equal(&use->slot, slot);
        bool is_other_form = gpu_slot_is_other_form(&use->slot, slot);
        if (is_other_form || (is_same && (use->is_erasing || strcmp(use->vm, vm) != 0))) {
            return use;
        }
    }
    return NULL;
}

static struct use *add_use(struct core *core, const struct gpu_slot *slot, const char *vm)
{
    struct use *use = VEC_ADD(&core->clean->uses);
    if (!use) {
        core_out_of_memory();
    }
    *use = (struct use){.slot = *slot};
    (void)snprintf(use->vm, sizeof(use->vm), "%s", vm);
    core->clean->is_news = true;
    return use;
}

/* ---- the store ---- */

void clean_take_over(struct core *core, const struct node_inventory *stored)
{
    VEC_EACH(&stored->uses, each) {
        struct gpu_device device;
        if (find_use(core, &each->slot)) {
            continue;
        }
        struct use *use = add_use(core, &each->slot, each->vm);
        use->is_erasing = each->is_erasing;
        if (gpu_device_find(stored, &each->slot, &device) && device.health == GPU_QUARANTINED) {
            use->is_failed = device.health_cause->code == CAUSE_GPU_NOT_ERASED;
            use->is_kept = use->is_failed || device.health_cause->code == CAUSE_GPU_ON_HOLD;
        }
    }
}

void clean_apply(const struct core *core, struct node_inventory *inventory)
{
    VEC_EACH(&core->clean->uses, use) {
        struct gpu_use *place = VEC_ADD(&inventory->uses);
        if (!place) {
            core_out_of_memory();
        }
        place->slot = use->slot;
        memcpy(place->vm, use->vm, sizeof(place->vm));
        place->is_erasing = use->is_erasing;
    }
}

/* ---- before a start ---- */

bool clean_is_busy(const struct core *core, struct pci_address address)
{
    VEC_EACH(&core->clean->uses, use) {
        if (use->id != 0 && pci_address_compare(use->slot.address, address) == 0) {
            return true;
        }
    }
    return false;
}

/* What the store says of the device's use; NULL: nothing. */
static const struct gpu_use *find_told(const struct core *core, const struct gpu_slot *slot)
{
    const struct record *own = self_inventory_record(core);
    if (!own) {
        return NULL;
    }
    VEC_EACH(&own->inventory->uses, each) {
        if (gpu_slot_equal(&each->slot, slot)) {
            return each;
        }
    }
    return NULL;
}

static const struct pool *pool_of_hold(const struct core *core, const struct gpu_hold *hold)
{
    const struct record *pool = world_find(&core->world, RECORD_POOL, hold->pool);
    return pool ? pool->pool : NULL;
}

/* One device: the store is to know of the use before the VM can write into it. */
static enum clean_state admit(struct core *core, const char *vm, const struct gpu_hold *hold,
                              struct clean_step *ret)
{
    const struct pool *pool = pool_of_hold(core, hold);
    const struct use *other = find_use_of_other(core, &hold->slot, vm);
    if (other && other->is_kept) {
        ret->slot = hold->slot;
        ret->why = cause_make(other->is_failed ? CAUSE_GPU_NOT_ERASED : CAUSE_GPU_ON_HOLD, NULL,
                              other->vm, NULL);
        return CLEAN_FAILED;
    }
    const struct use *own = find_use(core, &hold->slot);
    if (other || (own && own->id != 0)) {
        return CLEAN_NOT_YET;
    }
    if (!pool || pool->after_use == AFTER_USE_RELEASE) {
        return CLEAN_READY;
    }
    if (!own) {
        (void)add_use(core, &hold->slot, vm);
    }
    /* Of this use, not of this VM's last one, whose erasure the store may not know to be over: a
     * berthd after us would erase it under the VM. */
    const struct gpu_use *told = find_told(core, &hold->slot);
    bool is_told =
        told && strcmp(told->vm, vm) == 0 && (!told->is_erasing || MUTANT(USE_OF_BEFORE));
    return is_told ? CLEAN_READY : CLEAN_NOT_YET;
}

enum clean_state clean_admit(struct core *core, const char *vm,
                             const struct vm_placement *placement, struct clean_step *ret)
{
    enum clean_state state = CLEAN_READY;
    *ret = (struct clean_step){0};
    VEC_EACH(&placement->gpus, hold) {
        enum clean_state one = admit(core, vm, hold, ret);
        if (one == CLEAN_FAILED) {
            return one;
        }
        state = one == CLEAN_READY ? state : one;
    }
    return state;
}

/* ---- after the last claim ---- */

static void remove_use(struct core *core, const struct use *use)
{
    VEC_REMOVE(&core->clean->uses, (size_t)(use - core->clean->uses.items));
}

void clean_release(struct core *core, const struct gpu_slot *slot)
{
    struct use *use = find_use(core, slot);
    if (!use || !use->is_kept) {
        return;
    }
    if (use->is_failed) {
        use->is_kept = use->is_failed = false;
    } else {
        remove_use(core, use);
    }
}

/* Whether its VM may still have it, or no one can tell. A claim of another VM means that this one
 * has gone: it loses its own only then. */
static bool is_in_use(const struct core *core, const struct use *use)
{
    struct record_key key = world_claim_key(core->config.node, &use->slot);
    const struct record *claim = world_find_key(&core->world, &key);
    return !world_is_readable(&core->world, &key) ||
           (claim && !use->is_erasing && strcmp(claim->claim->vm, use->vm) == 0);
}

static bool is_told_erasing(const struct core *core, const struct use *use)
{
    const struct gpu_use *told = find_told(core, &use->slot);
    return told && told->is_erasing;
}

/* The pool that gives it to VMs: itself or, of a card that was divided since, its parts. */
static const struct pool *pool_of(const struct core *core, const struct gpu_slot *slot)
{
    const struct pool *of_card = NULL;
    WORLD_EACH(&core->world, RECORD_POOL, each) {
        VEC_EACH(&(*each)->pool->members, member) {
            if (strcmp(member->node, core->config.node) != 0) {
                continue;
            }
            if (gpu_slot_equal(&member->slot, slot)) {
                return (*each)->pool;
            }
            if (pci_address_compare(member->slot.address, slot->address) == 0) {
                of_card = (*each)->pool;
            }
        }
    }
    return of_card;
}

static void erase(struct core *core, struct use *use, const char *command)
{
    assert(use->id == 0 && use->is_erasing && !is_in_use(core, use));
    struct core_action *action = core_act(core, ACTION_GPU_ERASE);
    action->slot = use->slot;
    action->address = use->slot.address;
    (void)snprintf(action->name, sizeof(action->name), "%s", command);
    use->id = action->id;
}

/* Whether it is to be kept for a person from now on. */
static bool go_on(struct core *core, struct use *use, bool is_free, struct clean_step *ret)
{
    const struct pool *pool = pool_of(core, &use->slot);
    if (!pool) {
        return false; /* no VM gets it; if it joins one, that one says what is to be done */
    }
    switch (MUTANT(NOT_ERASED) ? AFTER_USE_RELEASE : pool->after_use) {
    case AFTER_USE_RELEASE:
        remove_use(core, use);
        ret->is_news = true;
        return false;
    case AFTER_USE_HOLD:
        if (use->is_kept) {
            return false;
        }
        use->is_kept = true;
        ret->slot = use->slot;
        ret->why = cause_make(CAUSE_GPU_ON_HOLD, NULL, use->vm, NULL);
        return true;
    case AFTER_USE_ERASE:
        /* Told before: the command outlives a berthd that dies meanwhile, and the next one must not
         * start the same VM again on what is still being erased. */
        ret->is_news |= !use->is_erasing;
        use->is_erasing = true;
        if (!use->is_kept && is_free && is_told_erasing(core, use) &&
            !clean_is_busy(core, use->slot.address)) {
            erase(core, use, pool->erase);
        }
        return false;
    }
    return false;
}

struct clean_step clean_step(struct core *core, bool is_free)
{
    struct clean_step step = {.is_news = core->clean->is_news};
    core->clean->is_news = false;
    for (size_t i = core->clean->uses.len; i-- > 0 && !step.is_held;) {
        struct use *use = &core->clean->uses.items[i];
        if (use->id == 0 && !is_in_use(core, use)) {
            step.is_held = go_on(core, use, is_free, &step);
        }
    }
    return step;
}

struct clean_step clean_event(struct core *core, const struct core_event *event)
{
    struct clean_step step = {0};
    if (event->kind != CORE_ACTION_DONE || event->id == 0) {
        return step;
    }
    VEC_EACH(&core->clean->uses, use) {
        if (use->id != event->id) {
            continue;
        }
        use->id = 0;
        step.is_news = true;
        if (event->result == CORE_DONE) {
            core_tell_device(core, core_note(core, NOTE_GPU_ERASED, core->config.node), &use->slot);
            remove_use(core, use);
            return step;
        }
        use->is_kept = use->is_failed = step.is_held = true;
        step.slot = use->slot;
        step.why = cause_make(CAUSE_GPU_NOT_ERASED, NULL, use->vm, event->text);
        return step;
    }
    return step;
}
