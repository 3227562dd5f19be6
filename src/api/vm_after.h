/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which VMs must run before another starts; vm_change.c's. */
#pragma once

#include "api/call.h"

/* Whether the VMs that 'vm' starts after do not, by what they start after themselves, wait for it.
 * Guards all of those, so that two changes at once cannot make a circle. False: it is answered. */
bool is_start_order_sound(struct api_call *call, const char *vm, const struct vm_spec *spec);
