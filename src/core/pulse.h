/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The coordinator's pulse: once a heartbeat it writes that it is there, and which hosts are to
 * watch all heartbeats with it. By the pulse all others hear that the cluster has a coordinator; no
 * proof follows from it. With it goes the summary of what it hears (summary.h).
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool pulse_init(struct core *core);
void pulse_done(struct core *core);
void pulse_event(struct core *core, const struct core_event *event);
/* The coordinator's. */
void pulse_step(struct core *core);

/* Whether 'node' is one of the hosts that it chose. */
bool pulse_names(const struct leader_pulse *pulse, const char *node);

/* Whether host 'a' is to watch before 'b': hosts with a member of the store first, because they are
 * lost together with it, then by name. */
bool pulse_prefers(const struct record *a, const struct record *b);
