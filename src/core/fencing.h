/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Proof that a silent node is off, by every way that is open: its watchdog's time, its fence agent,
 * an administrator's word. A fence record is written by a transaction that fails if the node's
 * heartbeat is newer than the one that was timed: a coordinator that sees late declares no one off
 * who is alive.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

void fencing_event(struct core *core, const struct core_event *event);
/* The coordinator's. */
void fencing_step(struct core *core);
