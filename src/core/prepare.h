/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must have happened to a VM's devices before it starts: they hold nothing of another VM
 * (clean.h), those that are made for it are made (vgpu.h), and they can talk (fabric.h). */
#pragma once

#include "core/ground.h"

#define PREPARE_LIST(X)                                                                            \
    X(PREPARE_READY, "ready")                                                                      \
    X(PREPARE_NOT_YET, "not-yet")                                                                  \
    X(PREPARE_FAILED, "failed")                                                                    \
    X(PREPARE_REFUSED, "refused") /* it cannot, and none of its devices is to blame */
ENUM_DECLARE(prepare, PREPARE_LIST)

/* Whether 'vm' may be started in 'placement'; begins what is needed for that. Failed: it cannot,
 * for
 * '*ret_why', with the device '*ret_culprit'. */
enum prepare prepare_devices(struct core *core, const char *vm,
                             const struct vm_placement *placement, struct gpu_slot *ret_culprit,
                             struct cause *ret_why);
