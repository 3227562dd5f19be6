/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs that would not stop when they were asked: how long they are left alone. */
#pragma once

#include "core/change.h"

/* How long a guest that would not stop so many times is left alone before it is asked again. */
msec_t refusal_pause(const struct view *view, uint32_t refusals);
/* Whether it is too early to ask the guest, which would not stop, once more; then it is looked at
 * again in time. */
bool refusal_must_leave_alone(struct core *core, const struct view *view);
/* Whether 'view's VM would not make room when it was last asked. Until twice the time after which
 * it may be asked again has passed, that is remembered. */
bool refusal_of_room(struct core *core, const struct view *view);
/* Whether 'vm' would not make room, and is not to be asked again yet. */
bool refusal_forbids_eviction(struct core *core, const char *vm);
