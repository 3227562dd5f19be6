/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which running VMs can move without a stop, and where; and how an order to move them is meant. */
#pragma once

#include "model/world.h"

/*
 * Why 'vm' cannot go over from its place to host 'to' while it runs; code NONE: it can. It can if
 * it has no device of its host, it runs as it is defined now, both hosts have said in their present
 * incarnation that they can hand over and take in, and their CPUs are of one model. A host of an
 * older version says nothing of that, and so cannot. 'to' NULL: of no host in particular.
 */
struct cause live_why_not(const struct world *world, const char *vm, const char *to);

bool live_can_move(const struct world *world, const char *vm, const char *to);

/* Whether 'vm', which moves by 'way', is to be kept from hosts to which it would have to stop: it
 * must not, or some host takes it as it runs. Then live_would_stop() says which these are. */
bool live_shuns_stops(const struct world *world, const char *vm, enum migration way);
bool live_would_stop(const struct world *world, const char *vm, const char *to);

/* How 'vm' moves if 'ordered' is how that was ordered; never DEFAULT. */
enum migration live_way(const struct vm_spec *vm, enum migration ordered);

/* What comes of that where 'vm' goes to host 'to': LIVE, or RESTART with the reason. That it is to
 * restart anyhow comes before what is in the way. */
enum migration live_comes_of(const struct world *world, const char *vm, const char *to,
                             enum migration way, struct cause *ret_why);

/* Of the VMs of 'node', whose mode is drain: as ordered, for live_way(). */
enum migration live_drain_order(const struct world *world, const char *node);
