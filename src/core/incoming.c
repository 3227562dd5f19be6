/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/incoming.h"

#include "core/kill_watch.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/self.h"
#include "core/vm_act.h"

#include <assert.h>
#include <string.h>

enum {
    copy_limit_ms = 3000,
    expect_limit_ms = 10000,
    end_limit_ms = 30000,
    continue_limit_ms = 10000,
    retry_ms = 1000
};

static const struct vm_incoming *copy_of(const struct core *core, const char *vm)
{
    const struct record *record = world_find(&core->world, RECORD_VM_INCOMING, vm);
    return record ? record->incoming : NULL;
}

/* Whether this node said, in this incarnation, that it may have 'copy', and nothing else since. */
static bool is_open(const struct core *core, const char *vm, const struct vm_incoming *copy)
{
    const struct record *status = world_find(&core->world, RECORD_VM_STATUS, vm);
    return copy && strcmp(copy->node, core->config.node) == 0 &&
           copy->incarnation == self_incarnation(core) && copy->state != INCOMING_GONE &&
           (!status || status->status->epoch < copy->epoch); /* else it runs, or did */
}

static void say(struct core *core, struct local_vm *vm, uint64_t epoch, enum incoming state)
{
    struct record *record = record_new(RECORD_VM_INCOMING, vm->name, NULL);
    if (!record) {
        core_out_of_memory();
    }
    struct vm_incoming *copy = record->incoming;
    copy->epoch = epoch;
    copy->incarnation = self_incarnation(core);
    memcpy(copy->node, core->config.node, sizeof(copy->node));
    copy->state = state;
    /* On this word its room is given away. */
    assert(state != INCOMING_GONE || !vm->exists || vm->epoch != epoch);
    struct record_key placement = {.kind = RECORD_VM_PLACEMENT};
    memcpy(placement.name, vm->name, sizeof(placement.name));
    struct record_key fence = self_key(core, RECORD_NODE_FENCE);
    struct txn txn = {0};
    if (!MUTANT(COPY_UNGUARDED)) {
        txn_guard(&txn, &placement, world_revision(&core->world, &placement));
    }
    txn_guard(&txn, &record->key, world_revision(&core->world, &record->key));
    txn_guard(&txn, &fence, self_fence_revision(core));
    txn_put(&txn, record);
    pending_send(core, &vm->status, &txn, copy_limit_ms);
}

/* Ends the copy and lets none in any more; only once that is sure is it reported gone. */
static void let_go(struct core *core, struct local_vm *vm, uint64_t epoch)
{
    bool exists = vm->exists && vm->epoch == epoch;
    if (vm->let_go_epoch == epoch && !exists) {
        say(core, vm, epoch, INCOMING_GONE);
    } else if (core->now_ms >= vm->op_retry_ms) {
        struct core_action *action = vm_act_begin(core, vm, VM_OP_LET_GO, ACTION_VM_STOP, epoch);
        action->offline = OFFLINE_TURN_OFF;
        action->limit_ms = end_limit_ms;
    } else {
        core_wake(core, vm->op_retry_ms);
    }
}

void incoming_let_go(struct core *core, struct local_vm *vm, const struct core_event *event)
{
    vm->op_retry_ms = core->now_ms + retry_ms;
    if (event->result == CORE_UNKNOWN && vm->exists && vm->epoch == vm->op_epoch) {
        kill_watch_begin(core, &vm->kill); /* it was killed, at the latest at the limit */
    }
    if (event->result == CORE_DONE) {
        vm->let_go_epoch = vm->op_epoch;
        vm->op_retry_ms = core->now_ms;
    }
}

static bool can_take(const struct core *core)
{
    return !self_is_going_down(core) && world_has_hypervisor(&core->world, core->config.node) &&
           world_has_space(&core->world, core->config.node, NULL);
}

static void expect(struct core *core, struct local_vm *vm, uint64_t epoch)
{
    struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm->name);
    if (!spec) {
        return;
    }
    if (core->now_ms < vm->op_retry_ms) {
        core_wake(core, vm->op_retry_ms);
        return;
    }
    struct core_action *action = vm_act_begin(core, vm, VM_OP_EXPECT, ACTION_VM_EXPECT, epoch);
    action->incarnation = self_incarnation(core);
    action->limit_ms = expect_limit_ms;
    action->spec = record_ref(spec);
}

void incoming_expected(struct local_vm *vm, const struct core_event *event)
{
    if (event->result == CORE_DONE) {
        vm->expected_epoch = vm->op_epoch;
    } else {
        local_vm_ended(vm, vm->op_epoch, cause_told(CAUSE_ENDED, event->text));
    }
}

/* The instance that it comes from is proven gone: else this epoch had no place. */
void incoming_go_on(struct core *core, struct local_vm *vm, uint64_t epoch)
{
    assert(vm->exists && vm->epoch == epoch && vm->has_arrived);
    if (core->now_ms >= vm->op_retry_ms) {
        vm_act_begin(core, vm, VM_OP_CONTINUE, ACTION_VM_CONTINUE, epoch)->limit_ms =
            continue_limit_ms;
    }
}

/* What has all of its guest and does not run all the same is undone like a start. */
void incoming_went_on(struct local_vm *vm, const struct core_event *event)
{
    if (event->result != CORE_DONE) {
        local_vm_undo(vm, vm->op_epoch, (struct cause){.code = CAUSE_START_LATE});
    }
}

/* Ordered to come here as 'epoch'. */
static void tend_ordered(struct core *core, struct local_vm *vm, uint64_t epoch)
{
    const struct vm_incoming *copy = copy_of(core, vm->name);
    bool exists = vm->exists && vm->epoch == epoch;
    if (!copy || copy->epoch < epoch) {
        if (can_take(core) && !vm->exists) {
            vm->has_ended = vm->has_arrived = false;
            say(core, vm, epoch, INCOMING_BEGUN);
        }
        return;
    }
    if (copy->epoch != epoch || !is_open(core, vm->name, copy)) {
        return; /* gone, or begun in an earlier incarnation: the coordinator's turn */
    }
    if ((vm->has_ended && vm->ended_epoch == epoch) || self_is_going_down(core)) {
        let_go(core, vm, epoch);
        return;
    }
    switch (copy->state) {
    case INCOMING_BEGUN:
        if (vm->expected_epoch == epoch) {
            say(core, vm, epoch, INCOMING_READY);
        } else {
            expect(core, vm, epoch);
        }
        break;
    case INCOMING_READY:
        if (exists && vm->has_arrived) {
            say(core, vm, epoch, INCOMING_ARRIVED);
        }
        break;
    case INCOMING_ARRIVED:
    case INCOMING_GONE:
        break;
    }
}

bool incoming_tend(struct core *core, struct local_vm *vm, const struct record *placement)
{
    const struct vm_placement *p = placement ? placement->placement : NULL;
    const struct vm_incoming *copy = copy_of(core, vm->name);
    if (!core_is_readable(core, RECORD_VM_PLACEMENT, vm->name) ||
        !core_is_readable(core, RECORD_VM_INCOMING, vm->name)) {
        return is_open(core, vm->name, copy); /* what is ordered is not known */
    }
    bool is_coming =
        p && p->handover == HANDOVER_ORDERED && strcmp(p->next_node, core->config.node) == 0;
    bool is_other = vm->exists && (!copy || vm->epoch != copy->epoch);
    if (is_other) {
        return false; /* that one first, which nothing orders here */
    }
    if (is_coming) {
        tend_ordered(core, vm, p->epoch_last);
        return true;
    }
    bool is_placed = p && p->phase == PLACEMENT_START && p->epoch == (copy ? copy->epoch : 0) &&
                     strcmp(p->node, core->config.node) == 0;
    if (is_open(core, vm->name, copy) && !is_placed) {
        let_go(core, vm, copy->epoch);
        return true;
    }
    return false;
}
