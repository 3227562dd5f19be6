/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the drawing of scenarios from seeds is made of; swarm_draw() is in sim.h. */
#pragma once

#include "test/sim/sim.h"

/* Keeps the steps in the order of their time. */
void swarm_add_step(struct scenario *scenario, const struct scenario_step *step);

/* swarm_apart.c: each draws from a generator of its own, so that the other seeds stay what they
 * were, and changes nothing in most of the seeds. */
void swarm_draw_emptied(uint64_t seed, msec_t length_ms, struct scenario *scenario);
void swarm_draw_crowd(uint64_t seed, msec_t length_ms, struct scenario *scenario);
/* In two thirds of the seeds most moves are withdrawn, mostly while they are under way. */
void swarm_draw_cancels(uint64_t seed, msec_t length_ms, struct scenario *scenario);
/* In a tenth of the seeds nothing happens but that hosts die for good, one after the other, and of
 * some nothing can prove it. */
void swarm_draw_deaths(uint64_t seed, msec_t length_ms, struct scenario *scenario);
/* In a sixth of the seeds the kernel does not come back when cards are bound after a boot. */
void swarm_draw_hangs(uint64_t seed, msec_t length_ms, struct scenario *scenario);
/* In an eighth of the seeds berthds stall for some seconds, until systemd kills them. */
void swarm_draw_stalls(uint64_t seed, msec_t length_ms, struct scenario *scenario);
/* In an eighth of the seeds someone migrates VMs by hand, past the hook, to a host that reaches no
 * store since its boot, while the berthd that they leave cannot tell of it either. */
void swarm_draw_unseen(uint64_t seed, msec_t length_ms, struct scenario *scenario);
/* In half of the seeds few hosts watch all heartbeats, some hosts have a member of the store, and
 * now and then those that come first are lost at once. */
void swarm_draw_candidates(uint64_t seed, msec_t length_ms, struct scenario *scenario);
