/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/guest.h"

#include "core/mutant.h"

/* Agents are asked every 10 s (run/daemon_guests.c). */
enum { unheard_max_ms = 30 * 1000 };

/* As its host has told, maybe before this berthd began. */
static bool has_told_answer(const struct core *core, const char *vm, uint64_t epoch)
{
    const struct record *status = world_find(&core->world, RECORD_VM_STATUS, vm);
    return status && status->status->epoch == epoch && status->status->has_guest_answered &&
           !MUTANT(GUEST_ANSWER_FORGOTTEN);
}

/* Time in which it was not asked does not count, nor time in which no one could say: libvirt may
 * have hung, or the guest may have been paused, or rebooting. */
static void heard(const struct core *core, struct guest *guest, const struct core_event *event)
{
    bool is_gap = core->now_ms - guest->unheard_ms > unheard_max_ms;
    guest->does_answer = event->is_up;
    guest->is_unsure = !event->is_up && !event->is_silent;
    guest->has_answered |= event->is_up || has_told_answer(core, event->name, event->epoch);
    if (!event->is_silent && !(guest->is_unsure && MUTANT(GUEST_UNSURE_IS_SILENT))) {
        guest->silent_ms = 0;
    } else if (guest->has_answered) {
        bool is_first = guest->silent_ms == 0 || (is_gap && !MUTANT(GUEST_GAP_COUNTS));
        guest->silent_ms = is_first ? core->now_ms : guest->silent_ms;
        guest->unheard_ms = core->now_ms;
    }
}

void guest_event(const struct core *core, struct guest *guest, const struct core_event *event)
{
    if (guest->epoch != event->epoch) {
        *guest = (struct guest){.epoch = event->epoch};
    }
    if (event->kind == CORE_VM_EXISTS) {
        guest->is_halted = event->is_halted && event->is_up;
    } else {
        heard(core, guest, event);
    }
}

static bool is_asked(const struct core *core, const char *vm)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    return spec && spec->vm_spec->guest_watch != GUEST_WATCH_OFF;
}

bool guest_has_stopped(const struct core *core, const struct guest *guest, const char *vm,
                       uint64_t epoch, struct cause *ret_why)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    if (guest->epoch != epoch || !spec || MUTANT(GUEST_UNHEEDED)) {
        return false;
    }
    bool is_fresh = core->now_ms - guest->unheard_ms <= unheard_max_ms || MUTANT(GUEST_GAP_COUNTS);
    msec_t silence_ms = guest->silent_ms ? guest->unheard_ms - guest->silent_ms : 0;
    bool is_silent = guest->silent_ms && is_fresh && is_asked(core, vm) &&
                     silence_ms >= spec->vm_spec->guest_silence_ms;
    *ret_why =
        cause_make(guest->is_halted ? CAUSE_GUEST_HALTED : CAUSE_GUEST_SILENT, NULL, NULL, NULL);
    ret_why->facts.ms = guest->is_halted ? 0 : silence_ms;
    return guest->is_halted || is_silent;
}

/* What was told holds until it is known to be over, or no one asks any more: also over a restart of
 * berthd, which has to hear of it again. */
void guest_tell(const struct core *core, const struct guest *guest, const char *vm,
                const struct vm_status *old, struct vm_status *ret)
{
    bool is_known = guest->epoch == ret->epoch, is_same = old && old->epoch == ret->epoch;
    struct cause why;
    ret->has_guest_answered =
        (is_known && guest->has_answered) || (is_same && old->has_guest_answered);
    ret->is_guest_stopped = guest_has_stopped(core, guest, vm, ret->epoch, &why);
    if (!ret->is_guest_stopped && is_same && old->is_guest_stopped && is_known) {
        why = old->cause;
        ret->is_guest_stopped = why.code == CAUSE_GUEST_SILENT && !guest->does_answer &&
                                !guest->is_unsure && is_asked(core, vm);
    }
    if (ret->is_guest_stopped && ret->cause.code == CAUSE_NONE) {
        ret->cause = why;
    }
}

struct cause guest_end_of(const struct guest *guest, uint64_t epoch, struct cause why)
{
    return epoch != 0 && guest->end_epoch == epoch ? guest->why : why;
}
