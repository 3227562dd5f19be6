/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fabric between this node's GPUs (model/fabric.h): which sets are to be active. One that is
 * all of what a placement has here, and in no larger one that is; as long as there are claims for
 * it.
 *
 *     inactive -> (claimed) active -> (unclaimed) inactive
 *
 * Level, not edge: a set that its manager forgot is activated again under its VM; what a berthd
 * before this one left active and no one has is deactivated. Nothing is deactivated of which a VM
 * that may run has a GPU.
 *
 * Part of the agent of GPUs (agent_gpu.h), which drives it.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool fabric_init(struct core *core);
void fabric_done(struct core *core);

#define FABRIC_STATE_LIST(X)                                                                       \
    X(FABRIC_READY, "ready") X(FABRIC_NOT_YET, "not-yet") X(FABRIC_FAILED, "failed")
ENUM_DECLARE(fabric_state, FABRIC_STATE_LIST)

/* Whether 'vm' may be started in 'placement': the sets of its GPUs are active. They will be, if
 * not. Failed: they cannot be, for '*ret_why'. */
enum fabric_state fabric_prepare(struct core *core, const char *vm,
                                 const struct vm_placement *placement, struct cause *ret_why);

void fabric_event(struct core *core, const struct core_event *event);
void fabric_step(struct core *core);
