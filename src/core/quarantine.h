/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The devices of this node that no VM gets until an administrator releases them: those that made a
 * VM fail, that are not what they must be, or that a person is to look at. The store's inventory
 * shows them, so a berthd that starts takes over what the one before it had quarantined.
 *
 * Part of the agent of GPUs (agent_gpu.h), which writes the inventory.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool quarantine_init(struct core *core);
void quarantine_done(struct core *core);

/* False: it is in quarantine already, and that was told. */
bool quarantine_add(struct core *core, const struct gpu_slot *slot, const struct cause *why);
/* Takes over what the berthd before this one wrote; NULL: it wrote nothing. Once. */
void quarantine_take_over(struct core *core, const struct node_inventory *stored);
/* Ends those that were released; whether there were any. */
bool quarantine_lift(struct core *core);

/* Whether just that device, a card or a partition, is. */
bool quarantine_has(const struct core *core, const struct gpu_slot *slot);
/* The health of a device that its host shows, and why it is no better. */
void quarantine_judge(const struct core *core, const struct gpu_slot *slot, enum gpu_health *ret,
                      struct cause *ret_why);
