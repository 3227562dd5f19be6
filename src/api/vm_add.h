/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VM comes into the cluster: as it was asked for, or out of libvirt. */
#pragma once

#include "api/requests.h"

/* Ends the request: adds the VM, if it may be, with 'extra' (taken over, may be NULL) in the
 * answer. */
void vm_add(struct api_call *call, const struct vm_add_request *asked, json_t *extra);
