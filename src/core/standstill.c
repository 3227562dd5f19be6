/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/standstill.h"

#include "core/mutant.h"
#include "core/vm_act.h"

#include <assert.h>

enum { turn_off_limit_ms = 30 * 1000 };

/* Its policy wants it, and no one has said that nothing is to be done. */
static bool is_to_end(const struct core *core, const struct local_vm *vm)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm->name);
    bool is_wanted = spec && spec->vm_spec->guest_watch == GUEST_WATCH_RESTART &&
                     spec->vm_spec->desired == VM_STARTED;
    return (is_wanted && !spec->vm_spec->is_unmanaged && !core_is_disarmed(core)) ||
           MUTANT(GUEST_ENDED_UNASKED);
}

/* Told once; tried until it is gone. */
static void end(struct core *core, struct local_vm *vm, const struct cause *why)
{
    if (core->now_ms < vm->op_retry_ms) {
        return;
    }
    if (vm->guest.end_epoch != vm->epoch) {
        core_note_because(core, NOTE_VM_GUEST_ENDED, vm->name, why, core->config.node);
        vm->guest.end_epoch = vm->epoch;
        vm->guest.why = *why;
    }
    struct core_action *action = vm_act_begin(core, vm, VM_OP_STOP, ACTION_VM_STOP, vm->epoch);
    vm->is_op_forced = true;
    action->offline = OFFLINE_TURN_OFF;
    action->limit_ms = turn_off_limit_ms;
}

void standstill_tend(struct core *core, struct local_vm *vm, const struct record *placement,
                     const struct vm_status *status)
{
    struct cause why = {0};
    bool has_stopped = guest_has_stopped(core, &vm->guest, vm->name, vm->epoch, &why);
    assert(vm->exists && vm->is_up && vm->epoch == placement->placement->epoch);
    assert(placement->placement->phase == PLACEMENT_START);
    if (has_stopped && is_to_end(core, vm)) {
        end(core, vm, &why);
        return;
    }
    struct vm_status next = {.epoch = vm->epoch};
    guest_tell(core, &vm->guest, vm->name, status, &next);
    bool is_told = next.is_guest_stopped == status->is_guest_stopped;
    if (is_told && next.has_guest_answered == status->has_guest_answered) {
        return;
    }
    if (!is_told && has_stopped) {
        core_note_because(core, NOTE_VM_GUEST_STOPPED, vm->name, &why, core->config.node);
    } else if (!is_told && (vm->guest.does_answer || status->cause.code == CAUSE_GUEST_HALTED)) {
        (void)facts_set(core_note(core, NOTE_VM_GUEST_BACK, vm->name), core->config.node, NULL,
                        NULL);
    }
    vm_act_tell(core, vm, placement, VM_STATE_RUNNING, NULL);
}
