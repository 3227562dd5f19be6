/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The jobs that need a place: asked of the planner in the right order, and the answers carried out.
 */
#pragma once

#include "core/job.h"

/*
 * Plans the jobs whose VM must run again first, and of those, while room is made for one, that one
 * and what is as important: were the others asked along with it, they would be given what has
 * become free already, and what would still have to go would not be enough. Starts that someone
 * asked for come after; then, one by one, running VMs with a failed GPU: each is planned as if it
 * had left its place, and the others must neither be given what it still has nor be told that it is
 * free.
 */
void planning_do(struct core *core, struct jobs *jobs);
