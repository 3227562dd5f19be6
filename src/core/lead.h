/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The term: who coordinates. A leader record names node and incarnation; every write of a
 * coordinator demands that it is still there.
 *
 *     FOLLOWING -- our record is in the store, and we are heard --> LEADING
 *         ^------- it is not any more, or we are not heard ------------'
 *
 * Only a candidate takes it: a node that watches all heartbeats (candidate.h).
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool lead_init(struct core *core);
void lead_event(struct core *core, const struct core_event *event);
/* Takes the term if it is free. */
void lead_step(struct core *core);
/* Whether we coordinate, as far as we know. */
bool lead_is_ours(const struct core *core);
/* Guards that we still lead. */
void lead_guard(const struct core *core, struct txn *txn);
