/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many GPUs of which pools a VM needs. */
#pragma once

#include "api/call.h"

/* Adds to the needs of 'draft' (a VM's spec); the pool must exist, and is written with the change
 * so that it cannot be removed at the same moment. False: it is answered. */
bool vm_need_add(struct api_call *call, struct record *draft, const char *pool, uint32_t count);
