/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/local_vm.h"

#include "core/memory.h"
#include "core/mutant.h"
#include "core/self.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool local_vms_init(struct core *core)
{
    core->agent = calloc(1, sizeof(*core->agent));
    return core->agent != NULL;
}

void local_vms_done(struct core *core)
{
    if (core->agent) {
        VEC_DONE(&core->agent->vms);
    }
    free(core->agent);
}

struct local_vm *local_vm_find(const struct core *core, const char *name)
{
    VEC_EACH(&core->agent->vms, vm) {
        if (strcmp(vm->name, name) == 0) {
            return vm;
        }
    }
    return NULL;
}

struct local_vm *local_vm_get(struct core *core, const char *name)
{
    struct local_vm *vm = local_vm_find(core, name);
    if (!vm) {
        vm = VEC_ADD(&core->agent->vms);
        if (!vm) {
            core_out_of_memory();
        }
        (void)snprintf(vm->name, sizeof(vm->name), "%s", name);
    }
    return vm;
}

struct vm_sighting local_vm_sighting(const struct local_vm *vm)
{
    struct vm_sighting what = {.epoch = vm->epoch};
    memcpy(what.vm, vm->name, sizeof(what.vm));
    memcpy(what.node, vm->origin, sizeof(what.node));
    return what;
}

/* ---- what the hypervisor tells ---- */

/* An end is believed only of an instance that does not exist here: on that word its place is given
 * to another, and its epoch never runs again. */
void local_vm_ended(struct local_vm *vm, uint64_t epoch, struct cause why)
{
    assert(!vm->exists || vm->epoch != epoch || MUTANT(UNKNOWN_IS_FAILED));
    if (vm->away_epoch == epoch) {
        return; /* that it is not here says nothing */
    }
    vm->has_ended = true;
    vm->ended_epoch = epoch;
    vm->why = why;
}

void local_vm_undo(struct local_vm *vm, uint64_t epoch, struct cause why)
{
    vm->late_epoch = epoch;
    vm->late_why = why;
}

void local_vm_was_handed(struct local_vm *vm)
{
    uint64_t epoch = vm->away_epoch;
    if (vm->op == VM_OP_NONE && epoch != 0 && epoch == vm->leaving_epoch) {
        vm->handed_epoch = vm->leaving_for;
        vm->away_epoch = vm->leaving_epoch = 0;
        local_vm_ended(vm, epoch, (struct cause){.code = CAUSE_STOPPED});
    }
}

static void vm_exists(struct core *core, const struct core_event *event)
{
    struct local_vm *vm = local_vm_get(core, event->name);
    /* What exists has not ended, whatever was said before: libvirt's two words come in any order.
     */
    vm->has_ended &= vm->ended_epoch != event->epoch;
    if (!vm->exists || vm->epoch != event->epoch) {
        vm->was_up = false;
        vm->kill = (struct kill_watch){0};
    }
    if (vm->away_epoch == event->epoch) {
        vm->away_epoch = 0; /* it is back */
    }
    vm->exists = true;
    vm->epoch = event->epoch;
    (void)snprintf(vm->origin, sizeof(vm->origin), "%s",
                   event->node ? event->node : core->config.node);
    vm->is_up = event->is_up;
    vm->has_arrived = event->has_arrived && !event->is_up;
    vm->is_stranded = event->is_stranded && event->is_up;
    vm->was_up |= event->is_up;
    guest_event(core, &vm->guest, event);
}

static void vm_gone(struct core *core, const struct core_event *event)
{
    struct local_vm *vm = local_vm_get(core, event->name);
    /* Word of another epoch is late, and says nothing of the instance that is here. */
    if (vm->exists && vm->epoch == event->epoch) {
        vm->exists = vm->is_up = vm->has_arrived = vm->is_stranded = false;
        vm->kill = (struct kill_watch){0};
        local_vm_ended(
            vm, event->epoch,
            guest_end_of(&vm->guest, event->epoch, cause_told(CAUSE_ENDED, event->text)));
        /* Migrated or saved is not gone: the instance may be anywhere, or come back. */
        if (event->is_away && !MUTANT(AWAY_IS_GONE)) {
            vm->has_ended = false;
            vm->away_epoch = event->epoch;
            local_vm_was_handed(vm);
        }
    }
}

static void vm_guest(struct core *core, const struct core_event *event)
{
    struct local_vm *vm = local_vm_find(core, event->name);
    if (vm && vm->exists && vm->epoch == event->epoch) {
        guest_event(core, &vm->guest, event);
    }
}

static void vm_moves(struct core *core, const struct core_event *event)
{
    struct local_vm *vm = local_vm_find(core, event->name);
    if (vm && vm->op == VM_OP_MIGRATE && vm->op_epoch == event->epoch) {
        vm->moving = *event->progress;
    }
}

/*
 * A VM with a place here is tended from when its placement is told. Which ones those are is not
 * sought in each step: a cluster has thousands of placements, and each host is told of each change.
 * What is to be done about it is judged in each step, by what its placement says then.
 */
static void meet(struct core *core, const struct record *record)
{
    const struct vm_placement *p =
        record->key.kind == RECORD_VM_PLACEMENT ? record->placement : NULL;
    if (p && p->phase != PLACEMENT_NONE &&
        (strcmp(p->node, core->config.node) == 0 || strcmp(p->next_node, core->config.node) == 0)) {
        (void)local_vm_get(core, record->key.name);
    }
}

void local_vms_event(struct core *core, const struct core_event *event)
{
    if (event->kind == CORE_STORE_RECORD) {
        meet(core, event->record);
    } else if (event->kind == CORE_VM_EXISTS) {
        vm_exists(core, event);
    } else if (event->kind == CORE_VM_GONE) {
        vm_gone(core, event);
    } else if (event->kind == CORE_VM_MOVING) {
        vm_moves(core, event);
    } else if (event->kind == CORE_VM_GUEST) {
        vm_guest(core, event);
    } else if (event->kind == CORE_VM_FOREIGN) {
        (void)facts_set(core_note(core, NOTE_VM_FOREIGN, event->name), core->config.node,
                        event->text, NULL);
    } else if (event->kind == CORE_VMS_LISTED) {
        core->agent->is_listed = true;
    }
}

/* ---- all of them ---- */

static uint32_t priority_of(const struct core *core, const char *vm)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    return spec ? spec->vm_spec->priority : 0;
}

/* Higher priority first, then by name. Few of them move at a time: insertion. */
void local_vms_sort(struct core *core)
{
    struct local_vm *vms = core->agent->vms.items;
    for (size_t i = 1; i < core->agent->vms.len; i++) {
        struct local_vm vm = vms[i];
        uint32_t priority = priority_of(core, vm.name);
        size_t at = i;
        while (at > 0 && (priority_of(core, vms[at - 1].name) < priority ||
                          (priority_of(core, vms[at - 1].name) == priority &&
                           strcmp(vms[at - 1].name, vm.name) > 0))) {
            vms[at] = vms[at - 1];
            at--;
        }
        vms[at] = vm;
    }
}

bool local_vms_are_listed(const struct core *core)
{
    return core->agent->is_listed;
}

void local_vms_watch_kills(struct core *core)
{
    VEC_EACH(&core->agent->vms, vm) {
        if (vm->exists) {
            kill_watch_begin(core, &vm->kill);
            kill_watch_look(core, &vm->kill, vm->name, NULL);
        }
    }
}

bool local_vms_have_strangers(const struct core *core)
{
    VEC_EACH(&core->agent->vms, vm) {
        if (vm->exists && strcmp(vm->origin, core->config.node) != 0) {
            return true;
        }
    }
    return false;
}

/* What exists here or may yet, and what the store does not know yet to have ended. */
bool local_vms_are_over(const struct core *core)
{
    VEC_EACH(&core->agent->vms, vm) {
        if (vm->exists || vm->op != VM_OP_NONE || !pending_is_idle(core, &vm->status)) {
            return false;
        }
    }
    return core->agent->is_listed && world_vms_left(&core->world, self_name(core)) == 0;
}

const char *local_vm_instance(const struct core *core, size_t i, uint64_t *ret_epoch)
{
    VEC_EACH(&core->agent->vms, vm) {
        if ((vm->exists || vm->op == VM_OP_START) && i-- == 0) {
            *ret_epoch = vm->exists ? vm->epoch : vm->op_epoch;
            return vm->name;
        }
    }
    return NULL;
}
