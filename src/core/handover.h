/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hand-over of a running VM from the host where it has its place ('node', epoch e) to the one
 * to which it moves ('next_node'), without a stop. That host gets a copy with an epoch of its own,
 * x = 'epoch_last', which does not run: it is let in, filled, and waits. It begins to run by the
 * rule for every epoch: when its place is ordered there, and that is when e is proven gone.
 *
 *                 a live move is chosen            e was handed to x
 *         NONE ----------------------> ORDERED ----------------------> NONE: start x there
 *          ^                              |
 *          |                              | e says that it cannot, or is gone without a word of x;
 *          |                              | x is gone; the other host takes no VMs; stop; limit
 *          | x is proven gone             v
 *          `------------------------- WITHDRAWN
 *            e runs: it stops and starts there; or stays, if it may move live only or the order was
 *            withdrawn
 *            e is gone: it starts as after any other end
 *
 * Who does what (the phase is 'stop' all the time, and both places stay reserved):
 *
 *     ORDERED     next_node: seen/incoming/V says begun; lets x in, says ready; when x has all of
 *                            the guest, says arrived
 *                 node:      once that is ready, migrates; reports e stopped and handed to x, or
 *                            that it could not
 *     WITHDRAWN   next_node: ends x, lets none in, says gone
 *                 node:      keeps e running
 *
 * Ended never follows from silence: x is gone by the word of its host or by a proof against that
 * host (proof_copy_gone()), and so is e (proof_instance_gone()). Only e's own host says that e was
 * handed over: that x has all of a guest does not suffice, as e may have run on after that.
 */
#pragma once

#include "model/world.h"

/*
 * Whether what 'placement' of 'vm' moves for still stands: an administrator may have withdrawn the
 * move, ended the drain or called off the shutdown. Then its host breaks the hand-over off. It is
 * the one to do so, because it knows whether the guest is still there: to end the copy could come
 * too late, and the guest with it.
 */
bool handover_is_wanted(const struct world *world, const char *vm,
                        const struct vm_placement *placement);

/* Whether a newer order to move the VM, one that came meanwhile, is carried out by the hand-over
 * that is ordered: it names no other host, and does not ask for a restart. */
bool handover_meets(const struct vm_placement *placement, const struct vm_spec *spec);

/* Whether a placement may change so; 'old' and 'to' may be NULL. */
bool handover_may_become(const struct vm_placement *old, const struct vm_placement *to);

/* Edits of a draft whose next place is set; 'copy_epoch' is new. */
void handover_order(struct vm_placement *placement, uint64_t copy_epoch, msec_t limit_ms,
                    bool is_live_only);
void handover_take_order(struct vm_placement *placement, uint64_t move_order, bool is_live_only);
void handover_withdraw(struct vm_placement *placement);
/* Nothing of the copy is left: it goes on as an ordinary stop. */
void handover_end(struct vm_placement *placement);
/* The copy has the place, and is to run there. */
void handover_switch(struct vm_placement *placement);
