/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The planner's answer to each job, as a change of its VM's placement. */
#pragma once

#include "core/job.h"
#include "core/placing.h"

/* What follows from the planner's 'answer' to 'job'; may take its GPUs. */
void answer_apply(struct core *core, const struct job *job, struct placing *answer);
