/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Longer than most: orders to one VM and reports about it, each of which guards the other. */
#include "core/agent.h"

#include "core/agent_gpu.h"
#include "core/heartbeat.h"
#include "core/incoming.h"
#include "core/kill_watch.h"
#include "core/local_vm.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/outgoing.h"
#include "core/pause.h"
#include "core/pending.h"
#include "core/prepare.h"
#include "core/self.h"
#include "core/standstill.h"
#include "core/vgpu.h"
#include "core/visitor.h"
#include "core/vm_act.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* To come up: QEMU clears and pins all of a guest's memory first, a second a GiB at worst. */
    start_limit_ms = 3 * 60 * 1000,
    start_limit_ms_each_mib = 1,
    turn_off_limit_ms = 30 * 1000,
    retry_ms = 1000,
};

/* The culprit is kept from VMs; not one that may only have had no room, for it is not broken. */
static void blame(struct core *core, const struct local_vm *vm, const struct cause *why)
{
    if (!vgpu_may_lack_room(core, &vm->culprit)) {
        agent_gpu_quarantine(core, &vm->culprit, why);
    }
}

/* ---- how an order ended ---- */

/* Only "failed" is an end. A start without an answer may still come up, so its end is awaited:
 * keep_running() has it undone. */
static void start_done(struct core *core, struct local_vm *vm, const struct core_event *event)
{
    if (event->result == CORE_FAILED && !(vm->exists && vm->epoch == vm->op_epoch)) {
        local_vm_ended(vm, vm->op_epoch, cause_told(CAUSE_ENDED, event->text));
        vm->was_up = false;
        vm->has_culprit = event->culprit != NULL;
        if (event->culprit) {
            vm->culprit = *event->culprit;
            blame(core, vm, &vm->why);
        }
    } else if (MUTANT(UNKNOWN_IS_FAILED) && event->result == CORE_UNKNOWN) {
        local_vm_ended(vm, vm->op_epoch, cause_told(CAUSE_ENDED, NULL));
    } else if (event->result == CORE_UNKNOWN) {
        local_vm_undo(vm, vm->op_epoch, (struct cause){.code = CAUSE_START_LATE});
    }
}

static void stop_done(struct core *core, struct local_vm *vm, const struct core_event *event)
{
    vm->op_retry_ms = core->now_ms + retry_ms;
    if (event->result == CORE_UNKNOWN && vm->exists && vm->epoch == vm->op_epoch) {
        kill_watch_begin(core, &vm->kill); /* it was, at the limit of the stop */
    }
    if (event->result == CORE_FAILED && vm->exists && vm->epoch == vm->op_epoch) {
        vm->is_stop_refused = true;
        vm->refused_epoch = vm->op_epoch;
        vm->why = cause_told(CAUSE_VM_DOES_NOT_STOP, event->text);
    }
}

/* Done: that epoch does not exist, and no start of it is under way any more. */
static void kill_done(struct core *core, struct local_vm *vm, const struct core_event *event)
{
    vm->op_retry_ms = core->now_ms + retry_ms;
    if (event->result == CORE_DONE && !vm->exists) {
        local_vm_ended(vm, vm->op_epoch, cause_told(CAUSE_STOPPED, NULL));
        vm->op_retry_ms = core->now_ms;
    }
}

static void op_done(struct core *core, struct local_vm *vm, const struct core_event *event)
{
    enum vm_op op = vm->op;
    vm->op = VM_OP_NONE;
    vm->op_id = 0;
    switch (op) {
    case VM_OP_START:
        start_done(core, vm, event);
        break;
    case VM_OP_STOP:
        stop_done(core, vm, event);
        break;
    case VM_OP_KILL:
        kill_done(core, vm, event);
        break;
    case VM_OP_EXPECT:
        incoming_expected(vm, event);
        break;
    case VM_OP_LET_GO:
        incoming_let_go(core, vm, event);
        break;
    case VM_OP_MIGRATE:
        outgoing_done(core, vm, event);
        break;
    case VM_OP_CONTINUE:
        incoming_went_on(vm, event);
        break;
    case VM_OP_WAKE:
        outgoing_woken(core, vm, event);
        break;
    case VM_OP_NONE:
        break;
    }
}

void agent_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    local_vms_event(core, event);
    if (event->kind != CORE_TXN_DONE && event->kind != CORE_ACTION_DONE) {
        return;
    }
    VEC_EACH(&core->agent->vms, vm) {
        if (event->kind == CORE_TXN_DONE) {
            (void)pending_done(core, &vm->status, event, &outcome);
        } else if (event->id != 0 && event->id == vm->op_id) {
            op_done(core, vm, event);
        }
    }
}

/* ---- what it orders ---- */

/* A device that cannot be prepared ends this start. We have not begun it, but a berthd before us
 * may have: what it asked of the hypervisor can still come up. */
static bool is_prepared(struct core *core, struct local_vm *vm,
                        const struct vm_placement *placement)
{
    struct cause why;
    enum prepare state = prepare_devices(core, vm->name, placement, &vm->culprit, &why);
    if (state == PREPARE_FAILED || state == PREPARE_REFUSED) {
        if (MUTANT(UNPREPARED_IS_GONE)) {
            local_vm_ended(vm, placement->epoch, why);
        } else {
            local_vm_undo(vm, placement->epoch, why);
        }
        vm->has_culprit = state == PREPARE_FAILED;
        core_wake(core, core->now_ms);
    }
    if (state == PREPARE_FAILED) {
        blame(core, vm, &why);
    }
    return state == PREPARE_READY;
}

/* Only when the others may read that it may run (keep_running()): from then on none of them begins
 * it without a proof against this host. */
static void start(struct core *core, struct local_vm *vm, const struct record *placement)
{
    assert(!vm->exists); /* nor a copy of another epoch: both would write to one disk */
    assert(placement->placement->phase == PLACEMENT_START);
    assert(strcmp(placement->placement->node, core->config.node) == 0);
    struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm->name);
    if (!spec || self_is_going_down(core) || !is_prepared(core, vm, placement->placement)) {
        return;
    }
    struct core_action *action =
        vm_act_begin(core, vm, VM_OP_START, ACTION_VM_START, placement->placement->epoch);
    action->incarnation = self_incarnation(core);
    action->limit_ms = start_limit_ms + (msec_t)spec->vm_spec->memory_mib * start_limit_ms_each_mib;
    action->spec = record_ref(spec);
    action->placement = record_ref(world_find_key(&core->world, &placement->key));
}

static void stop(struct core *core, struct local_vm *vm, const struct vm_placement *placement)
{
    assert(vm->exists && vm->epoch == placement->epoch && placement->phase == PLACEMENT_STOP);
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm->name);
    struct core_action *action =
        vm_act_begin(core, vm, VM_OP_STOP, ACTION_VM_STOP, placement->epoch);
    bool is_off = !spec || placement->is_forced ||
                  (placement->handover != HANDOVER_NONE && spec->vm_spec->is_stop_forced);
    vm->is_op_forced = is_off;
    action->offline = is_off ? OFFLINE_TURN_OFF : spec->vm_spec->offline_action;
    action->limit_ms =
        action->offline == OFFLINE_TURN_OFF ? turn_off_limit_ms : spec->vm_spec->offline_timeout_ms;
}

/* From the telling that it may run until it does or has ended. */
static bool is_starting(const struct core *core, const struct local_vm *vm)
{
    const struct record *status = world_find(&core->world, RECORD_VM_STATUS, vm->name);
    bool is_told = status && status->status->state == VM_STATE_STARTING &&
                   vm_act_is_ours(core, status->status, status->status->epoch);
    bool is_copy = vm->expected_epoch != 0 && vm->expected_epoch == vm->epoch;
    return vm->op == VM_OP_START || (vm->exists && !vm->is_up && !is_copy) ||
           (vm->is_beginning && !vm->exists && (is_told || !pending_is_idle(core, &vm->status)));
}

static uint32_t starting_count(const struct core *core)
{
    uint32_t count = 0;
    VEC_EACH(&core->agent->vms, vm) {
        count += is_starting(core, vm);
    }
    return count;
}

static bool has_over(const struct vm_status *status)
{
    return status->state == VM_STATE_STOPPED || status->state == VM_STATE_FAILED;
}

/* It was begun and is not up: a start without answer, ours or a predecessor's, may still bring it
 * up. Only once that is ruled out, by the hypervisor too, which alone knows of a predecessor's, is
 * it reported stopped, or failed. */
static void undo_start(struct core *core, struct local_vm *vm, uint64_t epoch)
{
    assert(!vm->is_up || vm->epoch != epoch); /* what is up is stopped in order, or left alone */
    if (core->now_ms >= vm->op_retry_ms) {
        struct core_action *action = vm_act_begin(core, vm, VM_OP_KILL, ACTION_VM_STOP, epoch);
        action->offline = OFFLINE_TURN_OFF;
        action->limit_ms = turn_off_limit_ms;
    }
}

/* Whether the status is from before this berthd. Then one before it may have sent another that is
 * still under way, such as that the VM has failed; once it is written again, that is refused. */
static bool is_inherited(const struct core *core, const struct local_vm *vm)
{
    struct record_key key = {.kind = RECORD_VM_STATUS};
    memcpy(key.name, vm->name, sizeof(key.name));
    return world_revision(&core->world, &key) <= self_joined_revision(core) &&
           !MUTANT(WORDS_INHERITED);
}

/* Whether it left this host by migration or save. Then its end here is no end; the others hear of
 * it, and it may come back. A migration of ours that is not answered yet is waited for: its answer
 * says where the instance went. libvirt may give it only half a minute after the end, when the
 * other host dies just then. */
static bool is_away(struct core *core, struct local_vm *vm, const struct record *placement,
                    const struct vm_status *status)
{
    uint64_t epoch = placement->placement->epoch;
    bool is_here = vm->exists && vm->epoch == epoch;
    if (is_here || (vm->away_epoch != epoch && status->state != VM_STATE_AWAY)) {
        return false;
    }
    bool is_asked = vm->op == VM_OP_MIGRATE && vm->op_epoch == epoch && !MUTANT(AWAY_UNANSWERED);
    if (status->state != VM_STATE_AWAY && !is_asked) {
        vm_act_tell(core, vm, placement, VM_STATE_AWAY, &vm->why);
    }
    return true;
}

/* Ordered to run here, and begun by us: the store has our word that it may run, in this
 * incarnation. So it may be started, also again after a berthd that died in between; and it is
 * reported failed only where it is known not to be here. */
static void keep_running(struct core *core, struct local_vm *vm, const struct record *placement,
                         const struct vm_status *status)
{
    uint64_t epoch = placement->placement->epoch;
    bool is_here = vm->exists && vm->epoch == epoch;
    assert(vm_act_is_ours(core, status, epoch) && !has_over(status));
    if (is_here && vm->is_up) {
        vm->is_stop_refused = false;
        vm->late_epoch = 0; /* late, but up before it was undone */
        vm->has_culprit = false;
        if (status->state != VM_STATE_RUNNING || status->is_stop_refused) {
            vm_act_tell(core, vm, placement, VM_STATE_RUNNING, NULL);
        } else if (vm->is_stranded) {
            outgoing_wake(core, vm, placement);
        } else {
            standstill_tend(core, vm, placement, status);
        }
    } else if (!is_here && vm->has_ended && vm->ended_epoch == epoch) {
        vm_act_tell(core, vm, placement, VM_STATE_FAILED,
                    vm->late_epoch == epoch ? &vm->late_why : &vm->why);
    } else if (!is_here && status->state == VM_STATE_RUNNING) {
        vm_act_tell(core, vm, placement, VM_STATE_FAILED, &(struct cause){.code = CAUSE_WAS_GONE});
    } else if (vm->late_epoch == epoch) {
        undo_start(core, vm, epoch);
    } else if (is_here && vm->has_arrived) {
        incoming_go_on(core, vm, epoch);
    } else if (!is_here && !vm->exists && is_inherited(core, vm)) {
        vm_act_tell(core, vm, placement, VM_STATE_STARTING, NULL);
    } else if (!is_here && !vm->exists && core->now_ms >= vm->op_retry_ms) {
        start(core, vm, placement);
    }
}

static bool can_start(const struct core *core, const struct local_vm *vm)
{
    return !vm->exists && !self_is_going_down(core) &&
           world_has_hypervisor(&core->world, core->config.node) &&
           world_has_space(&core->world, core->config.node, NULL) &&
           starting_count(core) < world_settings(&core->world)->concurrent_starts;
}

static void run_here(struct core *core, struct local_vm *vm, const struct record *placement,
                     const struct vm_status *status)
{
    uint64_t epoch = placement->placement->epoch;
    if (vm_act_is_ours(core, status, epoch)) {
        if (!has_over(status) && !is_away(core, vm, placement, status)) {
            keep_running(core, vm, placement, status);
        }
        return;
    }
    if (status && status->epoch == epoch && strcmp(status->node, core->config.node) != 0) {
        if (vm->exists && vm->epoch == epoch && vm->is_up) {
            vm_act_tell(core, vm, placement, VM_STATE_RUNNING,
                        NULL); /* adopted: it is ours from now on */
        }
        return;
    }
    const char *seen_on;
    if (world_sighting(&core->world, vm->name, &seen_on) && !MUTANT(SIGHTING_UNHEEDED)) {
        return;
    }
    bool is_first = !status || status->epoch < epoch;
    bool has_come = vm->exists && vm->epoch == epoch && vm->has_arrived;
    if (!is_first || (!has_come && !can_start(core, vm))) {
        return; /* begun before: the coordinator's turn; or not yet */
    }
    vm->has_ended = vm->is_stop_refused = vm->was_up = vm->has_culprit = false;
    if (MUTANT(START_UNTOLD) && !has_come) {
        start(core, vm, placement);
    }
    vm_act_tell(core, vm, placement, VM_STATE_STARTING, NULL);
}

static void stop_here(struct core *core, struct local_vm *vm, const struct record *placement,
                      const struct vm_status *status)
{
    const struct vm_placement *p = placement->placement;
    if (!vm_act_is_ours(core, status, p->epoch) || has_over(status)) {
        return; /* never begun, or over: the coordinator sees that itself */
    }
    if (is_away(core, vm, placement, status)) {
        return;
    }
    if ((vm->has_ended && vm->ended_epoch == p->epoch) || MUTANT(STOPPED_TOO_SOON)) {
        vm_act_tell(core, vm, placement, VM_STATE_STOPPED,
                    vm->has_ended ? &vm->why : &(struct cause){.code = CAUSE_STOPPED});
        return;
    }
    if (p->handover != HANDOVER_NONE && vm->exists && vm->epoch == p->epoch &&
        outgoing_tend(core, vm, placement, status)) {
        return;
    }
    if (!vm->exists || vm->epoch != p->epoch || !vm->is_up) {
        undo_start(core, vm, p->epoch);
        return;
    }
    if (vm->is_stranded && !p->is_forced && p->handover == HANDOVER_NONE) {
        outgoing_wake(core, vm, placement); /* a guest that does not run cannot stop */
        return;
    }
    bool is_refused = vm->is_stop_refused && vm->refused_epoch == p->epoch && !p->is_forced;
    if (is_refused) {
        if (!status->is_stop_refused) {
            vm_act_tell(core, vm, placement, VM_STATE_RUNNING, &vm->why);
        }
    } else if (core->now_ms >= vm->op_retry_ms) {
        stop(core, vm, p);
    }
}

/* It exists here against the order of the store, and is no visitor (visitor_is_one()): a second
 * copy, or one that others count as gone. The kill names the epoch, so it ends no other instance.
 */
static void end_unordered(struct core *core, struct local_vm *vm)
{
    assert(vm->exists && (self_is_member(core) || self_state(core) == MEMBERSHIP_BEGINNING));
    assert(core->world.is_complete && core_is_readable(core, RECORD_VM_PLACEMENT, vm->name));
    if (MUTANT(STALE_RUNS_ON)) {
        return;
    }
    if (core->now_ms < vm->op_retry_ms) {
        core_wake(core, vm->op_retry_ms);
        return;
    }
    facts_set(core_note(core, NOTE_VM_STALE, vm->name), core->config.node, NULL, NULL)->count =
        vm->epoch;
    (void)vm_act_begin(core, vm, VM_OP_KILL, ACTION_VM_KILL, vm->epoch);
}

/* What exists here unordered is a visitor, or ended. Whether it is unordered. */
static bool tend_unordered(struct core *core, struct local_vm *vm)
{
    struct vm_sighting what = local_vm_sighting(vm);
    bool is_unordered = vm->exists && !visitor_is_ordered(core, &what);
    bool is_visitor = is_unordered && visitor_is_one(core, &what);
    visitor_tell(core, &what, is_visitor);
    if (is_unordered && !is_visitor) {
        end_unordered(core, vm);
    }
    return is_unordered;
}

/* Whether what is under way is not to be waited for: a start that is no longer wanted, a stop
 * that takes its time where it is turned off now. */
static bool is_overtaken(const struct local_vm *vm, const struct record *placement)
{
    const struct vm_placement *p = placement ? placement->placement : NULL;
    if (!p || p->phase != PLACEMENT_STOP || p->epoch != vm->op_epoch) {
        return false;
    }
    bool is_withdrawn = vm->op == VM_OP_MIGRATE && p->handover == HANDOVER_WITHDRAWN;
    return is_withdrawn || vm->op == VM_OP_START ||
           (vm->op == VM_OP_STOP && p->is_forced && !vm->is_op_forced);
}

/* Everybody is told of a QEMU that SIGKILL does not end. Its VM is still there, so nothing else
 * changes: it is waited for. Whether its status is on its way. */
static bool tell_unkillable(struct core *core, struct local_vm *vm, const struct record *placement,
                            const struct record *status)
{
    const struct vm_placement *p = placement ? placement->placement : NULL;
    bool is_ordered = p && strcmp(p->node, core->config.node) == 0 && p->epoch == vm->epoch;
    bool is_told = status && vm_act_is_ours(core, status->status, vm->epoch);
    if (!vm->exists) {
        return false;
    }
    if (is_told && status->status->is_unkillable) {
        vm->kill.is_in_vain = true; /* a berthd before us has told it */
    }
    kill_watch_look(core, &vm->kill, vm->name, is_ordered ? p : NULL);
    if (!vm->kill.is_in_vain || !is_ordered || !is_told || status->status->is_unkillable) {
        return false;
    }
    vm_act_tell(core, vm, placement, status->status->state,
                &(struct cause){.code = CAUSE_VM_CANNOT_BE_ENDED});
    return true;
}

static void tend(struct core *core, struct local_vm *vm)
{
    const struct record *placement = world_find(&core->world, RECORD_VM_PLACEMENT, vm->name);
    pending_tick(core, &vm->status);
    outgoing_end(core, vm, placement); /* tells the store nothing, so it waits for no word to it */
    if (!pending_is_idle(core, &vm->status)) {
        return;
    }
    const struct record *status = world_find(&core->world, RECORD_VM_STATUS, vm->name);
    pause_watch(core, vm, placement, status);
    if (tell_unkillable(core, vm, placement, status)) {
        return;
    }
    outgoing_watch(core, vm, placement, status);
    if (!pending_is_idle(core, &vm->status)) {
        return;
    }
    if (vm->op != VM_OP_NONE && !is_overtaken(vm, placement)) {
        return;
    }
    if (incoming_tend(core, vm, placement)) {
        return;
    }
    if (tend_unordered(core, vm)) {
        return;
    }
    if (!placement || strcmp(placement->placement->node, core->config.node) != 0) {
        return;
    }
    switch (placement->placement->phase) {
    case PLACEMENT_NONE:
        break;
    case PLACEMENT_START:
        run_here(core, vm, placement, status ? status->status : NULL);
        break;
    case PLACEMENT_STOP:
        stop_here(core, vm, placement, status ? status->status : NULL);
        break;
    }
    if (core->now_ms < vm->op_retry_ms) {
        core_wake(core, vm->op_retry_ms);
    }
}

static void forget_idle(struct core *core)
{
    for (size_t i = core->agent->vms.len; i-- > 0;) {
        const struct local_vm *vm = &core->agent->vms.items[i];
        if (!vm->exists && vm->op == VM_OP_NONE && pending_is_idle(core, &vm->status) &&
            !world_find(&core->world, RECORD_VM_PLACEMENT, vm->name)) {
            VEC_REMOVE(&core->agent->vms, i);
        }
    }
}

void agent_receive(struct core *core)
{
    assert(self_state(core) == MEMBERSHIP_BEGINNING && core->agent->is_listed);
    VEC_EACH(&core->agent->vms, vm) {
        if (vm->op == VM_OP_NONE) {
            (void)tend_unordered(core, vm);
        }
    }
    visitors_are_known(core);
}

void agent_step(struct core *core)
{
    uint64_t epoch;
    if (self_state(core) == MEMBERSHIP_BEGINNING && core->agent->is_listed &&
        local_vm_instance(core, 0, &epoch)) {
        agent_receive(core); /* more of them may have come */
    }
    if (!heartbeat_is_heard(core) || !core->agent->is_listed) {
        return;
    }
    WORLD_EACH(&core->world, RECORD_VM_INCOMING, copy) {
        if (strcmp((*copy)->incoming->node, core->config.node) == 0 &&
            (*copy)->incoming->incarnation == self_incarnation(core) &&
            (*copy)->incoming->state != INCOMING_GONE) {
            (void)local_vm_get(core, (*copy)->key.name);
        }
    }
    local_vms_sort(core);
    VEC_EACH(&core->agent->vms, vm) {
        tend(core, vm);
    }
    visitors_are_known(core);
    forget_idle(core);
}
