/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/vm_act.h"

#include "core/heartbeat.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/pause.h"
#include "core/self.h"

#include <assert.h>
#include <string.h>

enum { status_limit_ms = 3000 };

struct core_action *vm_act_begin(struct core *core, struct local_vm *vm, enum vm_op op,
                                 enum core_action_kind kind, uint64_t epoch)
{
    /* One order at a time. Only a stop overtakes what is under way: the kill behind it names the
     * epoch, and it ends a start of that epoch, too. */
    assert(vm->op == VM_OP_NONE || kind != ACTION_VM_START);
    /* A kill may come before: what the store has begun elsewhere since is over whatever it says of
     * us. */
    assert(heartbeat_is_heard(core) || kind == ACTION_VM_KILL);
    struct core_action *action = core_act(core, kind);
    memcpy(action->name, vm->name, sizeof(action->name));
    action->epoch = epoch;
    vm->op = op;
    vm->op_id = action->id;
    vm->op_epoch = epoch;
    if (kind == ACTION_VM_KILL) {
        kill_watch_begin(core, &vm->kill);
    }
    return action;
}

bool vm_act_is_ours(const struct core *core, const struct vm_status *status, uint64_t epoch)
{
    return status && status->epoch == epoch && strcmp(status->node, core->config.node) == 0 &&
           (status->incarnation == self_incarnation(core) || MUTANT(EPOCH_TWICE));
}

void vm_act_tell(struct core *core, struct local_vm *vm, const struct record *placement,
                 enum vm_state state, const struct cause *why)
{
    /* Two reports at once could overtake one another; one on the progress of a move is let go of by
     * outgoing_done(). And a report that it is over is the proof on which others take its place and
     * its GPUs: never of an instance that is here. */
    bool is_end = state == VM_STATE_STOPPED || state == VM_STATE_FAILED;
    assert(pending_is_idle(core, &vm->status));
    assert(!is_end || !vm->exists || vm->epoch != placement->placement->epoch ||
           MUTANT(STOPPED_TOO_SOON) || MUTANT(UNKNOWN_IS_FAILED));
    struct record *status = record_new(RECORD_VM_STATUS, vm->name, NULL);
    if (!status) {
        core_out_of_memory();
    }
    struct vm_status *s = status->status;
    s->epoch = placement->placement->epoch;
    s->incarnation = self_incarnation(core);
    memcpy(s->node, core->config.node, sizeof(s->node));
    s->state = state;
    s->has_started = vm->was_up;
    s->is_stop_refused = vm->is_stop_refused && vm->refused_epoch == s->epoch;
    s->handed_epoch = state == VM_STATE_STOPPED &&
                              placement->placement->handover != HANDOVER_NONE &&
                              vm->handed_epoch == placement->placement->epoch_last
                          ? vm->handed_epoch
                          : 0;
    bool is_handed = placement->placement->handover == HANDOVER_ORDERED;
    s->moving = state == VM_STATE_RUNNING && is_handed && !s->is_stop_refused
                    ? vm->moving
                    : (struct move_progress){0};
    s->is_unkillable = vm->exists && vm->epoch == s->epoch && vm->kill.is_in_vain;
    s->cause = why ? *why : (struct cause){0};
    if (state == VM_STATE_FAILED && vm->has_culprit) {
        s->has_culprit = true;
        s->culprit = vm->culprit;
    }
    const struct record *old = world_find(&core->world, RECORD_VM_STATUS, vm->name);
    bool was_running =
        old && old->status->epoch == s->epoch && old->status->state == VM_STATE_RUNNING;
    if (state == VM_STATE_RUNNING && vm->exists) {
        guest_tell(core, &vm->guest, vm->name, old ? old->status : NULL, s);
    }
    s->pause_ms = pause_to_tell(core, vm, s->epoch, state, old ? old->status : NULL);
    struct txn txn = {0};
    struct record_key fence = self_key(core, RECORD_NODE_FENCE);
    if (!MUTANT(START_UNGUARDED)) {
        txn_guard(&txn, &placement->key, placement->revision);
    }
    txn_guard(&txn, &status->key, world_revision(&core->world, &status->key));
    txn_guard(&txn, &fence, self_fence_revision(core));
    txn_put(&txn, status);
    pending_send(core, &vm->status, &txn, status_limit_ms);
    vm->is_status_progress = false;
    vm->is_beginning = state == VM_STATE_STARTING;
    if (state == VM_STATE_RUNNING && !was_running) {
        facts_set(core_note(core, NOTE_VM_RUNNING, vm->name), core->config.node, NULL, NULL)->ms =
            s->pause_ms;
    } else if (state == VM_STATE_AWAY) {
        core_note_because(core, NOTE_VM_AWAY, vm->name, why, core->config.node);
    } else if (is_end && s->handed_epoch == 0) {
        enum note_code code = state == VM_STATE_FAILED ? NOTE_VM_ENDED_BY_ITSELF : NOTE_VM_ENDED;
        core_note_because(core, code, vm->name, why, core->config.node);
    }
}
