/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The coordinator's part about VMs that are being handed over (handover.h): when the copy takes
 * over, when the hand-over is withdrawn, and how it goes on after that.
 */
#pragma once

#include "core/job.h"

/* How the job's running VM is to go, by what orders it and how it is set; never DEFAULT. */
enum migration handing_way(const struct core *core, const struct job *job);
/* Whether 'vm' can go to 'to' without a stop. */
bool handing_can(const struct core *core, const char *vm, const char *to);
/* Whether as many as may be at a time are being handed over from 'from', or to 'to'. */
bool handing_is_full(const struct core *core, const char *from, const char *to);
/* Of a move that is being ordered by 'way', handing_way(), whose next place is set in 'draft':
 * without a stop. It must be one that can. */
void handing_begin(const struct core *core, const struct job *job, enum migration way,
                   struct record *draft);

/* Whether 'view's VM is being handed over: then handing_decide() decides alone. */
bool handing_is(const struct view *view);
void handing_decide(struct core *core, const struct view *view);
