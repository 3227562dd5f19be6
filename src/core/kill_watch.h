/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long a QEMU has survived its SIGKILL. One that hangs in the kernel (a device that does not
 * come out of its reset, storage that is gone) is ended by nothing but the end of its host, so
 * people are told within a minute, and what hangs with it is given to no other VM.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

struct kill_watch {
    msec_t since_ms; /* SIGKILL was sent then at the latest; 0: it was not */
    bool is_in_vain; /* it should long be over, and everybody was told */
};

/* It was killed; again and again counts from the first time. */
void kill_watch_begin(struct core *core, struct kill_watch *watch);

/* Whether the kill failed, of VM 'vm', whose place here is 'placement' (NULL: it has none). Tells
 * it and quarantines its GPUs, once. Wakes when there is something to see. */
void kill_watch_look(struct core *core, struct kill_watch *watch, const char *vm,
                     const struct vm_placement *placement);
