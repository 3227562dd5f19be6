/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the coordinator leaves undone although records alone would have it done: of a VM that an
 * administrator took out of management, everything; while the cluster is disarmed, what no
 * administrator ordered; of a VM that starts after others, its start until they run.
 */
#pragma once

#include "core/job.h"

/* Whether Berth only watches this VM. What was under way when it became so is finished. */
bool hold_is_unmanaged(const struct view *view);

/* Whether 'job' has to wait for another VM. If so the VM waits for it without a place, which is
 * told once. */
bool hold_for_another(struct core *core, const struct job *job);
