/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running VMs that would be better off elsewhere: one of their GPUs failed, or an owner that they
 * prefer takes VMs again (failback). */
#pragma once

#include "core/change.h"

/* Whether one of the placement's GPUs failed, and which, into 'ret_why' */
bool better_has_failed_gpu(const struct core *core, const struct vm_placement *placement,
                           struct cause *ret_why);
/* How far down in the list of preferred owners 'node' stands; its length if it is not in it. */
size_t better_rank(const struct vm_spec *spec, const char *node);
/* Whether an administrator moved the VM to 'node'. */
bool better_is_told(const struct vm_spec *spec, const char *node);
/* The owner, preferred to where it is, that takes VMs now; lent; NULL: none, or no failback. */
const char *better_owner(const struct core *core, const struct view *view);
