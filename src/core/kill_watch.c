/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/kill_watch.h"

#include "core/agent_gpu.h"
#include "core/mutant.h"

#include <assert.h>

enum {
    patience_ms = 20 * 1000,
    /* The kernel gives memory back before a process is gone: 46 ms for each GiB of small pages. */
    patience_ms_each_gib = 50,
};

/* From the first kill on: another one that finds it still there does not start the clock again. */
void kill_watch_begin(struct core *core, struct kill_watch *watch)
{
    if (watch->since_ms == 0) {
        watch->since_ms = core->now_ms;
    }
}

static msec_t limit_ms(const struct core *core, const char *vm)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    uint64_t gib = spec ? spec->vm_spec->memory_mib / 1024 : 0;
    return patience_ms + (msec_t)gib * patience_ms_each_gib;
}

void kill_watch_look(struct core *core, struct kill_watch *watch, const char *vm,
                     const struct vm_placement *placement)
{
    if (watch->since_ms == 0 || watch->is_in_vain || MUTANT(UNKILLABLE_UNTOLD)) {
        return;
    }
    assert(watch->since_ms <= core->now_ms);
    msec_t due_ms = watch->since_ms + limit_ms(core, vm);
    if (core->now_ms < due_ms) {
        core_wake(core, due_ms);
        return;
    }
    watch->is_in_vain = true;
    facts_set(core_note(core, NOTE_VM_CANNOT_BE_ENDED, vm), core->config.node, NULL, NULL)->ms =
        core->now_ms - watch->since_ms;
    /* The process still has the devices open, and its memory is pinned for them: the next VM must
     * not get them, whatever becomes of the order. They leave quarantine with a reboot. */
    if (placement) {
        struct cause held = cause_make(CAUSE_GPU_HELD, NULL, vm, NULL);
        VEC_EACH(&placement->gpus, hold) {
            agent_gpu_quarantine(core, &hold->slot, &held);
        }
    }
}
