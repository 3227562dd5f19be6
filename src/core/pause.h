/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long a guest stands still for its move, or is off, as its new host measures it: from the word
 * of the host that it left (which adds how long it had stood still by then), to the moment at which
 * it runs here. The hosts share no clock, so what passed between is a span in the status; what the
 * store takes for that word is missing, a few milliseconds. It decides nothing.
 */
#pragma once

#include "core/local_vm.h"

/* Looks at what the store says of 'vm'; both may be NULL. */
void pause_watch(struct core *core, struct local_vm *vm, const struct record *placement,
                 const struct record *status);

/* 'vm' left this host as 'epoch', after its guest had stood still for 'span_ms'. */
void pause_left(const struct core *core, struct local_vm *vm, uint64_t epoch, msec_t span_ms);

/* What a status of 'epoch' says of it, which follows 'old' (NULL: none). */
msec_t pause_to_tell(const struct core *core, struct local_vm *vm, uint64_t epoch,
                     enum vm_state state, const struct vm_status *old);
