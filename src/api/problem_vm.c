/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The problems of VMs. That the host of one is silent is the host's problem. */
#include "api/problem.h"

static struct trouble *vm_trouble_add(struct troubles *troubles, enum trouble_code code,
                                      const struct vm_facts *vm, json_t *hint)
{
    struct trouble *trouble = trouble_add(troubles, code, vm->name, hint);
    if (trouble) {
        trouble->cause = vm->why;
        trouble->reasons = vm->placement;
        (void)facts_set(&trouble->facts, vm->node, NULL, NULL);
    }
    return trouble;
}

static void find_degraded(struct troubles *troubles, const struct vm_facts *vm)
{
    const struct gpu_hold *failed = vm->failed_gpu;
    struct gpu_device device;
    struct trouble *trouble = failed ? vm_trouble_add(troubles, TROUBLE_VM_DEGRADED, vm,
                                                      hint_make("vm-move", vm->name, NULL))
                                     : NULL;
    if (!trouble) {
        return;
    }
    (void)gpu_slot_format(&failed->slot, trouble->facts.device);
    bool is_there = world_device(troubles->call->world, vm->node, &failed->slot, &device);
    trouble->cause =
        is_there ? *device.health_cause : cause_make(CAUSE_GPU_NOT_SHOWN, NULL, NULL, NULL);
}

/* It runs, and something that should be done with it cannot be. */
static void find_running(struct troubles *troubles, const struct vm_facts *vm)
{
    if (vm->status && vm->status->epoch == vm->placement->epoch && vm->status->is_guest_stopped) {
        struct trouble *trouble =
            vm_trouble_add(troubles, TROUBLE_VM_GUEST_STOPPED, vm,
                           hint_with(hint_make("vm-stop", vm->name, NULL), "force", NULL));
        if (trouble) {
            trouble->cause = vm->status->cause;
        }
    } else if (vm->failed_gpu) {
        find_degraded(troubles, vm);
    } else if (vm->why.code == CAUSE_SHUTDOWN_REFUSED || vm->why.code == CAUSE_STOP_REFUSED) {
        json_t *hint = hint_with(hint_make("vm-stop", vm->name, NULL), "force", NULL);
        (void)vm_trouble_add(troubles, TROUBLE_VM_UNSTOPPABLE, vm, hint);
    } else if (cause_is_stuck(&vm->why)) {
        (void)vm_trouble_add(troubles, TROUBLE_VM_STRANDED, vm,
                             hint_make("vm-explain", vm->name, NULL));
    }
}

static void find_stopping(struct troubles *troubles, const struct vm_facts *vm)
{
    if (vm_is_unkillable(vm)) {
        (void)vm_trouble_add(troubles, TROUBLE_VM_UNENDABLE, vm, NULL);
    } else if (vm->status && vm->status->epoch == vm->placement->epoch &&
               vm->status->is_stop_refused) {
        json_t *hint = hint_with(hint_make("vm-stop", vm->name, NULL), "force", NULL);
        (void)vm_trouble_add(troubles, TROUBLE_VM_UNSTOPPABLE, vm, hint);
    }
}

static void find_one(struct troubles *troubles, const struct vm_facts *vm)
{
    switch (vm->state) {
    case VM_VIEW_FAILED:
        (void)vm_trouble_add(troubles, TROUBLE_VM_FAILED, vm,
                             hint_make("vm-start", vm->name, NULL));
        return;
    case VM_VIEW_WAITING:
        (void)vm_trouble_add(troubles, TROUBLE_VM_WAITING, vm,
                             hint_make("vm-explain", vm->name, NULL));
        return;
    case VM_VIEW_RUNNING:
        find_running(troubles, vm);
        return;
    case VM_VIEW_STOPPING:
        find_stopping(troubles, vm);
        return;
    case VM_VIEW_AWAY:
        (void)vm_trouble_add(troubles, TROUBLE_VM_AWAY, vm,
                             hint_of_away(troubles->call->world, vm->name));
        return;
    case VM_VIEW_UNKNOWN:
    case VM_VIEW_STARTING:
    case VM_VIEW_STOPPED:
        return;
    }
}

void troubles_find_vms(struct troubles *troubles)
{
    vm_rows_t rows = {0};
    struct vm_facts vm;
    (void)vm_rows(troubles->call->world, &rows);
    VEC_EACH(&rows, row) {
        vm_row_facts(troubles->call->view, row, &vm);
        find_one(troubles, &vm);
    }
    VEC_DONE(&rows);
}
