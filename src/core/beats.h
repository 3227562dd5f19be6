/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this node watches of the heartbeats. All of them: then it can time every host, coordinate,
 * and prove a host off. Or its own only, as most hosts of a big cluster do; then the coordinator's
 * pulse, which is no heartbeat, tells that there is one. Who watches what is decided in
 * candidate.c.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool beats_init(struct core *core);
void beats_event(struct core *core, const struct core_event *event);

/* Whether our picture has the heartbeats of all hosts, and follows them. */
bool beats_are_watched(const struct core *core);
/* Asks for all of them, or for our own only, unless that was asked for last. The answer is a new
 * picture of the store. */
void beats_ask(struct core *core, bool all);
/* What was asked for last. */
bool beats_are_asked(const struct core *core);
/* Our picture has all that happened to our own heartbeat's key up to there. */
revision_t beats_told_revision(const struct core *core);

/* When the coordinator's pulse last moved, by our clock; before it has moved: when our first
 * picture of the store was whole. */
msec_t beats_pulse_ms(const struct core *core);
/* Whether this process saw a pulse of that term move. */
bool beats_heard_term(const struct core *core, uint64_t term);
