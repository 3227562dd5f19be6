/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is between two VMs that get the same device: nothing, an erasure, or a person, as the pool
 * says (after use). The store knows that a VM may have written into a device before it can, and
 * knows it until the device was erased, over restarts of berthd and of the host.
 *
 *     clean -> (told, then started) used -> (its claim is gone) dirty -> (erased, released) clean
 *
 * Part of the agent of GPUs (agent_gpu.h), which writes the inventory, has the quarantines, and
 * drives it.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool clean_init(struct core *core);
void clean_done(struct core *core);

/* Takes over what the berthd before this one wrote. */
void clean_take_over(struct core *core, const struct node_inventory *stored);
/* Writes it. */
void clean_apply(const struct core *core, struct node_inventory *inventory);

/* Whether a device of the card is being erased: nothing else may be done to the card. */
bool clean_is_busy(const struct core *core, struct pci_address address);

#define CLEAN_STATE_LIST(X)                                                                        \
    X(CLEAN_READY, "ready") X(CLEAN_NOT_YET, "not-yet") X(CLEAN_FAILED, "failed")
ENUM_DECLARE(clean_state, CLEAN_STATE_LIST)

/* What has changed: the inventory is to be written again, or a device is to be kept for a person.
 */
struct clean_step {
    bool is_news;
    bool is_held; /* this one, and why */
    struct gpu_slot slot;
    struct cause why;
};

/* Whether 'vm' may be started in 'placement': none of its devices holds what another VM left, and
 * the store knows that this one uses them. Failed: the device in '*ret' is kept for a person. */
enum clean_state clean_admit(struct core *core, const char *vm,
                             const struct vm_placement *placement, struct clean_step *ret);

/* Someone released the device from quarantine: one on hold is clean, one that could not be erased
 * is erased again. */
void clean_release(struct core *core, const struct gpu_slot *slot);

/* A device that could not be erased is held. */
struct clean_step clean_event(struct core *core, const struct core_event *event);

/* Goes on with all of them, at most up to one that is to be held: call it again then. 'is_free':
 * nothing else is being done to a card. */
struct clean_step clean_step(struct core *core, bool is_free);
