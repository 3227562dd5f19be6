/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the coordinator remembers of each node, in a record, so that it is not lost with it: how
 * often the node began again lately, whether that is why it gets no VMs, and why it could not be
 * turned off.
 *
 * Hosts that come and go: one that began again three times within an hour gets no VMs for two
 * hours, unless an administrator writes its spec ('berth node resume'): what was before that is
 * forgotten. What it has, it keeps. It is not the host if others were lost at the same time: a
 * store without a quorum makes all of them begin again. And where no one saw that, at most one host
 * in five at a time, so that a trouble of all of them does not stop everything.
 *
 * There is no clock that all share: the record says spans, and everybody counts on from when it saw
 * that record. So they are written again now and then, and one who sees them later counts longer.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"
#include "core/peer.h"

void standing_event(struct core *core, const struct core_event *event);
/* The coordinator's. */
void standing_step(struct core *core);
/* The fence agent could not turn it off; whether that is news. */
bool standing_fence_failed(struct core *core, struct peer *peer, const struct cause *cause);
/* Whether turning it off in its present incarnation has failed before. */
bool standing_has_fence_trouble(const struct core *core, const struct peer *peer);
