/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hosts of the picture and the devices of pools that they have, for the planner's model. */
#pragma once

#include "plan/picture.h"

/* Finds the cards through which a start failed since their node last wrote what it has: their
 * quarantine is on its way, so hosts_add() counts them as quarantined. False without memory. */
bool hosts_find_blamed(struct plan_cluster *cluster);

/* Adds each node that has an inventory, with its devices. The pools must be in the model, and what
 * else holds devices must be known (hosts_find_blamed(), leaving_find()). False without memory. */
bool hosts_add(struct plan_cluster *cluster);
