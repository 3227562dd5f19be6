/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * To which driver the cards of this node are bound, by level: what the spec lists as dismounted is
 * bound to vfio-pci, whole or in partitions, also after a reboot; what it lists no more is given
 * back. One operation at a time, each decided on what the last one left:
 *
 *     idle -> (dismount, mount or split) busy -> done --(the inventory shows it)--> idle
 *                                          `---> failed, no answer --> idle, tried again later
 *
 * Part of the agent of GPUs (agent_gpu.h), which knows the inventory and drives this. 'found' is
 * what the host last showed of itself, lent; NULL: nothing yet.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool rebind_init(struct core *core);
void rebind_done(struct core *core);

/* Whether an operation on a card is under way. */
bool rebind_is_busy(const struct core *core);
/* How many cards are still to be bound before this node takes VMs: what is due and did not fail
 * when it was tried. */
size_t rebind_unready(const struct core *core, const struct node_inventory *found);

/* The host shows itself again. */
void rebind_found(struct core *core);
/* Whether the inventory is to be written again because of it. */
bool rebind_event(struct core *core, const struct core_event *event,
                  const struct node_inventory *found);
/* Which cards the spec lists now. */
void rebind_learn(struct core *core);
/* Begins the next operation if one is due; 'is_free': nothing else is being done to a card. */
void rebind_step(struct core *core, const struct node_inventory *found, bool is_free);
