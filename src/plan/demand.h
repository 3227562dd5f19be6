/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What VMs demand of their hosts by name (model/bound.h), and whether all hosts have it: mostly, so
 * that this spares a look at each of them. */
#pragma once

#include "plan/picture.h"

/* Notes the networks that each host has that tells its own. False without memory. */
bool demand_find(struct plan_cluster *c);

/* Whether every node has what 'spec' demands. */
bool demand_is_met_everywhere(const struct plan_cluster *c, const struct vm_spec *spec);

/* Whether 'node' has it; else '*ret_why' says what it lacks. */
bool demand_is_met(const struct plan_cluster *c, const struct vm_spec *spec, const char *node,
                   struct cause *ret_why);
