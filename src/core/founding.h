/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose store it is: the record 'format', with the cluster's id. The first berthd makes it, before
 * it writes anything else; so where hosts, VMs or a coordinator are known there is one.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool founding_init(struct core *core);
void founding_event(struct core *core, const struct core_event *event);

/* The id of the cluster whose store it is, lent until the next change of the world; NULL: it does
 * not say. */
const char *founding_cluster(const struct core *core);

/* Whether this host has been a member, in this boot, of another cluster than the store's. */
bool founding_is_other(const struct core *core);

/* Why no berthd like this one may join that store, whatever an administrator decides; CAUSE_NONE:
 * it may. */
enum cause_code founding_refusal(const struct core *core);

/* Whether the store says whose it is. If not, makes it say so, where that is allowed. */
bool founding_is_done(struct core *core);
