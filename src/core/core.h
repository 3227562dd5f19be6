/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The core: everything that one berthd decides. One door, core_step(): an event goes in, actions
 * and notes come out. No clock, no I/O, no randomness: time is inside the event, and the same
 * events lead to the same actions. berthd (src/run) and the simulator run this same code.
 *
 * Two machines share the door. The *node agent* keeps this node's heartbeat, its watchdog, its GPUs
 * and its VMs; the *coordinator*, active on one node at a time, fences, places and recovers. Both
 * work by level: each step compares what is wanted with what is, and orders the difference; nothing
 * depends on having seen a certain event.
 *
 * If memory runs out the process ends (abort): berthd is restarted, finds its VMs running and goes
 * on, well inside the self-stop time.
 */
#pragma once

#include "core/action.h"
#include "core/event.h"

#include "model/world.h"

struct core;

struct core_update {
    const struct core_action *actions;
    size_t action_len;
    const struct note *notes; /* what happened, for people */
    size_t note_len;
    msec_t wake_ms; /* call again with CORE_TICK then at the latest; MSEC_NEVER */
};

/* NULL without memory. */
struct core *core_new(const struct core_config *config);
struct core *core_free(struct core *core); /* returns NULL */
CLEANUP_POINTER(struct core, core_free)

/* The only door. '*ret' is lent until the next step. */
void core_step(struct core *core, const struct core_event *event, struct core_update *ret);

/* The core's picture of the store, lent until the next step. */
const struct world *core_world(const struct core *core);

/* Whether this node coordinates, as far as it knows. */
bool core_is_coordinator(const struct core *core);
/* Why the store contradicts this host, which therefore touches no VM; CAUSE_NONE: it does not. */
enum cause_code core_contradiction(const struct core *core);
/* Whether the store is that of the cluster which this host joined in this boot, so that events may
 * be written to it even while it contradicts the host. */
bool core_store_is_ours(const struct core *core);
/* How many VMs the shutdown of this host waits for; 0: none, it may go down, or is not going to. */
uint32_t core_shutdown_waits(const struct core *core);
/* The incarnation under which it is a member, 0 if it is not one now. */
uint64_t core_incarnation(const struct core *core);
