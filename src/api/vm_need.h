/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many GPUs of which pools a VM needs. */
#pragma once

#include "api/body.h"

struct vm_needs {
    struct vm_need items[needs_per_vm_max];
    uint32_t len;
};

/* Reads "needs": [{"pool", "count"}]; a fault is the body's. */
void vm_needs_read(struct vm_needs *needs, struct body *body);

/* Adds to the needs of 'draft' (a VM's spec); the pool must exist, and is written with the change
 * so that it cannot be removed at the same moment. False: it is answered. */
bool vm_need_add(struct api_call *call, struct record *draft, const char *pool, uint32_t count);
