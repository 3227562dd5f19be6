/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/pause.h"

#include "core/self.h"

#include <string.h>

static bool is_off(const struct vm_status *status)
{
    return status->state == VM_STATE_STOPPED || status->state == VM_STATE_FAILED;
}

/* Whether 'status' says that what 'p' brings here has ended where it was. The order to begin here
 * may come together with that word, which names a copy then. */
static bool has_left(const struct core *core, const struct vm_placement *p,
                     const struct vm_status *status)
{
    if (!is_off(status)) {
        return false;
    }
    return p->phase == PLACEMENT_STOP
               ? strcmp(p->next_node, core->config.node) == 0 && status->epoch == p->epoch
               : status->handed_epoch == p->epoch;
}

void pause_watch(struct core *core, struct local_vm *vm, const struct record *placement,
                 const struct record *status)
{
    const struct vm_placement *p = placement ? placement->placement : NULL;
    bool is_here = p && p->phase != PLACEMENT_NONE && strcmp(p->node, core->config.node) == 0;
    if (p && p->phase != PLACEMENT_NONE && status && has_left(core, p, status->status)) {
        /* What was there when this berthd began is of any age. */
        if (vm->still_epoch != status->status->epoch &&
            world_revision(&core->world, &status->key) > self_joined_revision(core)) {
            vm->still_epoch = status->status->epoch;
            vm->still_ms = core->now_ms - status->status->pause_ms;
        }
    } else if (!is_here) {
        vm->still_epoch = 0;
    }
}

void pause_left(const struct core *core, struct local_vm *vm, uint64_t epoch, msec_t span_ms)
{
    vm->still_epoch = span_ms > 0 ? epoch : 0;
    vm->still_ms = core->now_ms - span_ms;
}

msec_t pause_to_tell(const struct core *core, struct local_vm *vm, uint64_t epoch,
                     enum vm_state state, const struct vm_status *old)
{
    msec_t span_ms = vm->still_epoch != 0 ? core->now_ms - vm->still_ms : 0;
    if (state == VM_STATE_STOPPED) {
        return vm->still_epoch == epoch ? span_ms : 0;
    }
    if (state != VM_STATE_RUNNING) {
        return 0;
    }
    if (old && old->epoch == epoch && old->state == VM_STATE_RUNNING) {
        return old->pause_ms;
    }
    /* A write that is refused is made again, and it has run since the first. */
    if (vm->came_epoch != epoch) {
        bool has_come = vm->still_epoch != 0 && vm->still_epoch < epoch;
        vm->came_epoch = epoch;
        vm->came_span_ms = has_come ? span_ms : 0;
    }
    vm->still_epoch = 0;
    return vm->came_span_ms;
}
