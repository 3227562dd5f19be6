/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cluster while an administrator has disarmed it: nothing is fenced, restarted, or ended by
 * Berth itself (world_is_disarmed()). A time limit is a span, and the coordinator writes what is
 * left of it, so that a berthd or coordinator that comes later does not begin to count again.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool disarm_init(struct core *core);
void disarm_event(struct core *core, const struct core_event *event);
/* To be called before anything is decided that depends on it. */
void disarm_step(struct core *core);

/* When we saw that the cluster was armed again; 0: it was so all the time. No silence from before
 * that says anything: the network was being worked on. */
msec_t disarm_ended_ms(const struct core *core);
