/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes that an administrator takes out of the cluster for good. */
#pragma once

#include "core/internal.h"

/* By level: goes on with the removals that are ordered. While this node coordinates. */
void removal_step(struct core *core);
