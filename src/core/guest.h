/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the guest of a VM here lives. Its QEMU runs on above a guest that crashed or hangs, so
 * what its devices show counts: QEMU paused it because of its watchdog device, or its agent, which
 * has answered before, is asked and does not answer. A guest whose agent is not there says nothing:
 * it may be booting. What is done about it: standstill.h.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* As far as is known of 'epoch'. */
struct guest {
    uint64_t epoch;
    bool is_halted;     /* QEMU paused it */
    bool has_answered;  /* its agent, once */
    bool does_answer;   /* when it was last asked ... */
    bool is_unsure;     /* ... or no one could say then */
    msec_t silent_ms;   /* since then it has not answered; 0: it does */
    msec_t unheard_ms;  /* the last time that it was asked and did not */
    uint64_t end_epoch; /* which is turned off, or was, since its guest stood still: ... */
    struct cause why;   /* ... for that */
};

/* CORE_VM_GUEST, and what CORE_VM_EXISTS says of it, of the epoch that exists. */
void guest_event(const struct core *core, struct guest *guest, const struct core_event *event);

/* Whether the guest of 'epoch' of 'vm', which exists here, stands still, and how that is known. */
bool guest_has_stopped(const struct core *core, const struct guest *guest, const char *vm,
                       uint64_t epoch, struct cause *ret_why);
/* Into 'ret', what the status of its epoch, which runs here, says of its guest; 'old' was told
 * before, or is NULL. */
void guest_tell(const struct core *core, const struct guest *guest, const char *vm,
                const struct vm_status *old, struct vm_status *ret);
/* Why 'epoch' of it ended here: 'why', or since its guest stood still. */
struct cause guest_end_of(const struct guest *guest, uint64_t epoch, struct cause why);
