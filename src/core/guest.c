/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/guest.h"

#include "core/mutant.h"

void guest_event(const struct core *core, struct guest *guest, const struct core_event *event)
{
    if (guest->epoch != event->epoch) {
        *guest = (struct guest){.epoch = event->epoch};
    }
    if (event->kind == CORE_VM_EXISTS) {
        guest->is_halted = event->is_halted && event->is_up;
    } else if (event->is_up) {
        guest->has_answered = true;
        guest->silent_ms = 0;
    } else if (guest->has_answered) {
        guest->silent_ms = guest->silent_ms ? guest->silent_ms : core->now_ms;
        guest->unheard_ms = core->now_ms;
    }
}

/* Time in which it was not asked does not count: libvirt may have hung. */
bool guest_has_stopped(const struct core *core, const struct guest *guest, const char *vm,
                       uint64_t epoch, struct cause *ret_why)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    if (guest->epoch != epoch || !spec || MUTANT(GUEST_UNHEEDED)) {
        return false;
    }
    msec_t silence_ms = guest->silent_ms ? guest->unheard_ms - guest->silent_ms : 0;
    bool is_silent = guest->silent_ms && silence_ms >= spec->vm_spec->guest_silence_ms;
    if (ret_why) {
        *ret_why = cause_make(guest->is_halted ? CAUSE_GUEST_HALTED : CAUSE_GUEST_SILENT, NULL,
                              NULL, NULL);
        ret_why->facts.ms = guest->is_halted ? 0 : silence_ms;
    }
    return guest->is_halted || is_silent;
}

struct cause guest_end_of(const struct guest *guest, uint64_t epoch, struct cause why)
{
    return epoch != 0 && guest->end_epoch == epoch ? guest->why : why;
}
