/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said of a VM's XML when a person gives it: added with it, or changed to it. */
#pragma once

#include "api/call.h"

/* Whether the domain policy of this host accepts it, or root passes it. False: it is answered. */
bool vm_may_have(struct api_call *call, const char *xml, bool is_privileged);

/* What of VM 'name' stays behind when it starts on another host, and what it shares with another VM
 * and must not: an array for the answer. */
json_t *vm_warnings(const struct world *world, const char *name, const struct vm_spec *spec);
