/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/outgoing.h"

#include "core/handover.h"
#include "core/mutant.h"
#include "core/pause.h"
#include "core/vm_act.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    retry_ms = 1000,
    wake_limit_ms = 10000,
    /* Every host reads each status, and it costs the store as much as a heartbeat: at most
     * migrations_max of a host at a time, each a fifth of a heartbeat. */
    tell_moving_ms = 5000
};

/* The copy that waits for it; NULL: it is not ready, or of an incarnation that is over. */
static const struct vm_incoming *ready_copy(const struct core *core, const struct record *placement)
{
    const struct vm_placement *p = placement->placement;
    const struct record *copy = world_find(&core->world, RECORD_VM_INCOMING, placement->key.name);
    bool is_ready = copy && copy->incoming->epoch == p->epoch_last &&
                    copy->incoming->state == INCOMING_READY &&
                    strcmp(copy->incoming->node, p->next_node) == 0;
    return is_ready ? copy->incoming : NULL;
}

static void migrate(struct core *core, struct local_vm *vm, const struct record *placement)
{
    const struct vm_placement *p = placement->placement;
    const struct vm_incoming *copy = ready_copy(core, placement);
    struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm->name);
    const struct record *there = world_find(&core->world, RECORD_NODE_INVENTORY, p->next_node);
    if (!copy || !spec || !there) {
        return;
    }
    if (core->now_ms < vm->op_retry_ms) {
        core_wake(core, vm->op_retry_ms);
        return;
    }
    struct core_action *action = vm_act_begin(core, vm, VM_OP_MIGRATE, ACTION_VM_MIGRATE, p->epoch);
    action->spec = record_ref(spec);
    action->to_epoch = copy->epoch;
    action->to_incarnation = copy->incarnation;
    memcpy(action->target, copy->node, sizeof(action->target));
    memcpy(action->target_address, there->inventory->migration_address,
           sizeof(action->target_address));
    const struct cluster_settings *settings = world_settings(&core->world);
    action->limit_ms = p->handover_ms;
    action->mib_s = settings->migration_mib_s;
    action->pause_ms = settings->migration_pause_ms;
    vm->leaving_epoch = p->epoch;
    vm->leaving_for = copy->epoch;
    vm->moving = (struct move_progress){0};
    vm->moving_told_ms = -tell_moving_ms;
}

static void tell_moving(struct core *core, struct local_vm *vm, const struct record *placement,
                        const struct record *status)
{
    const struct vm_status *s = status ? status->status : NULL;
    bool is_told = vm_act_is_ours(core, s, vm->op_epoch) && s->state == VM_STATE_RUNNING;
    if (!is_told || vm->moving.total_mib == 0 || !vm->exists) {
        return;
    }
    if (core->now_ms >= vm->moving_told_ms + tell_moving_ms) {
        vm->moving_told_ms = core->now_ms;
        vm_act_tell(core, vm, placement, VM_STATE_RUNNING, NULL);
        vm->is_status_progress = true;
    } /* else with what the hypervisor tells next */
}

static bool is_under_way(const struct core *core, const struct local_vm *vm,
                         const struct record *placement)
{
    const struct vm_placement *p = placement ? placement->placement : NULL;
    return vm->op == VM_OP_MIGRATE && p && p->handover == HANDOVER_ORDERED &&
           p->epoch == vm->op_epoch && strcmp(p->node, core->config.node) == 0;
}

/* Its answer follows as that of the migration: it was ended, or it was done already. An end that
 * comes before libvirt has begun is lost, so it is repeated. */
void outgoing_end(struct core *core, struct local_vm *vm, const struct record *placement)
{
    if (!is_under_way(core, vm, placement) ||
        handover_is_wanted(&core->world, vm->name, placement->placement)) {
        return;
    }
    if (core->now_ms >= vm->end_retry_ms) {
        struct core_action *action = core_act(core, ACTION_VM_ABORT);
        action->id = 0;
        memcpy(action->name, vm->name, sizeof(action->name));
        action->epoch = vm->op_epoch;
        vm->end_retry_ms = core->now_ms + retry_ms;
    }
    core_wake(core, vm->end_retry_ms);
}

void outgoing_watch(struct core *core, struct local_vm *vm, const struct record *placement,
                    const struct record *status)
{
    if (is_under_way(core, vm, placement) &&
        handover_is_wanted(&core->world, vm->name, placement->placement)) {
        tell_moving(core, vm, placement, status);
    }
}

bool outgoing_tend(struct core *core, struct local_vm *vm, const struct record *placement,
                   const struct vm_status *status)
{
    const struct vm_placement *p = placement->placement;
    assert(vm->exists && vm->epoch == p->epoch && p->handover != HANDOVER_NONE);
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm->name);
    bool is_unwanted = !spec || spec->vm_spec->desired == VM_STOPPED;
    if (is_unwanted && p->handover == HANDOVER_WITHDRAWN) {
        return false;
    }
    if (p->handover == HANDOVER_ORDERED && vm->leaving_for != p->epoch_last &&
        !handover_is_wanted(&core->world, vm->name, p)) {
        vm->unhanded_epoch = vm->leaving_for = p->epoch_last;
        vm->why = cause_make(CAUSE_MOVE_WITHDRAWN, NULL, NULL, NULL);
    }
    bool is_refused = p->handover == HANDOVER_ORDERED && vm->unhanded_epoch == p->epoch_last;
    if (is_refused != status->is_stop_refused) {
        vm->is_stop_refused = is_refused;
        vm->refused_epoch = p->epoch;
        vm_act_tell(core, vm, placement, status->state, is_refused ? &vm->why : NULL);
        vm->is_stop_refused = false;
    } else if (!is_refused && p->handover == HANDOVER_ORDERED && vm->is_up &&
               vm->leaving_for != p->epoch_last) {
        if (status->moving.total_mib > 0) { /* of a move before this one, which was withdrawn */
            vm_act_tell(core, vm, placement, status->state, NULL);
        } else {
            migrate(core, vm, placement);
        }
    }
    return true;
}

/* Without an answer it may still go over, or have gone: which of the two shows. */
void outgoing_done(struct core *core, struct local_vm *vm, const struct core_event *event)
{
    const struct record *placement = world_find(&core->world, RECORD_VM_PLACEMENT, vm->name);
    bool is_unwanted =
        placement && !handover_is_wanted(&core->world, vm->name, placement->placement);
    vm->op_retry_ms = core->now_ms + retry_ms;
    vm->moving = (struct move_progress){0};
    if (vm->is_status_progress) {
        /* The guest stands still until it is told: that does not wait to learn what became of a
         * word on how far it is. Both are guarded by the same revision, so only one is written. */
        vm->status = (struct pending){0};
        vm->is_status_progress = false;
    }
    if (event->result == CORE_DONE) {
        pause_left(core, vm, vm->leaving_epoch, event->span_ms);
    } else {
        vm->unhanded_epoch = vm->leaving_for;
        vm->why = is_unwanted ? cause_make(CAUSE_MOVE_WITHDRAWN, NULL, NULL, NULL)
                              : cause_make(CAUSE_HANDOVER_REFUSED, NULL, NULL, event->text);
    }
    if (event->result == CORE_FAILED) {
        vm->leaving_epoch = 0;
    }
    local_vm_was_handed(vm);
}

/* Its place is here, and no copy of it is left that could run: this guest is the only one. */
void outgoing_wake(struct core *core, struct local_vm *vm, const struct record *placement)
{
    const struct vm_placement *p = placement->placement;
    assert(vm->exists && vm->epoch == p->epoch && vm->is_up);
    assert(p->handover == HANDOVER_NONE && strcmp(p->node, core->config.node) == 0);
    if (core->now_ms >= vm->op_retry_ms && !MUTANT(STRANDED_LEFT)) {
        vm_act_begin(core, vm, VM_OP_WAKE, ACTION_VM_CONTINUE, p->epoch)->limit_ms = wake_limit_ms;
    }
}

void outgoing_woken(struct core *core, struct local_vm *vm, const struct core_event *event)
{
    vm->op_retry_ms = core->now_ms + retry_ms;
    if (event->result == CORE_DONE) {
        vm->is_stranded = false; /* else the hypervisor tells */
        (void)facts_set(core_note(core, NOTE_VM_WOKEN, vm->name), core->config.node, NULL, NULL);
    }
}
