/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vGPUs of this node's cards that are divided by profile. Each is made for one placement of one
 * VM, after its claim and before its start, and cleared when no claim is left, so that no VM finds
 * what another one left in it.
 *
 *     place -> (claimed, about to start) made -> (unclaimed) place
 *
 * Part of the agent of GPUs (agent_gpu.h), which has the inventory and the quarantines and drives
 * it.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool vgpu_init(struct core *core);
void vgpu_done(struct core *core);

/* Whether an order to the host is under way: one at a time, as with all that is done to cards. */
bool vgpu_is_busy(const struct core *core);

/* Whether the host has shown that the card takes what 'entry' wants of it; a claim says so, too,
 * since there is none on a card that is not divided yet. */
bool vgpu_is_proven(const struct core *core, const struct dismount *entry);
/* It has. */
void vgpu_prove(struct core *core, const struct dismount *entry);

/* Makes of what the host shows what VMs can have. */
void vgpu_apply(struct core *core, struct node_inventory *inventory);

#define VGPU_STATE_LIST(X)                                                                         \
    X(VGPU_READY, "ready") X(VGPU_NOT_YET, "not-yet") X(VGPU_FAILED, "failed")
ENUM_DECLARE(vgpu_state, VGPU_STATE_LIST)

/* Whether 'vm' may be started in 'placement': its vGPUs were made for this placement. They are from
 * now on, if not. Failed: '*ret_culprit' could not be made, '*ret_why' says why. */
enum vgpu_state vgpu_prepare(struct core *core, const char *vm,
                             const struct vm_placement *placement, struct gpu_slot *ret_culprit,
                             struct cause *ret_why);

/* Whether a vGPU that is refused may only have no room: on a card of several sizes the driver chose
 * where the others lie, between which a large one may not fit until some of them end. */
bool vgpu_may_lack_room(const struct core *core, const struct gpu_slot *slot);

/* Whether 'event' tells that a vGPU could not be cleared, and why: VMs must not get it. */
bool vgpu_event(struct core *core, const struct core_event *event, struct gpu_slot *ret_slot,
                struct cause *ret_why);

/* 'found' is what the host shows; NULL: nothing yet. */
void vgpu_step(struct core *core, const struct node_inventory *found);
