/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When the store cannot be the one that this host is a member of: it does not know this host's
 * heartbeat, or knows only an old one. That is a contradiction, not an order. The host ends no VM
 * and starts none until an administrator says which of the two is right.
 *
 *     CONTRADICTED --adopt: the store orders just what runs here--> MEMBER, nothing is touched
 *                  --clear, or no VM exists here------------------> CLEARING
 *                  --all that exists here was migrated here-------> BEGINNING, nothing is touched
 *                  --the store says that we were fenced-----------> CLEARING
 *                  (none of these while the format of the store is not for this berthd)
 *                  --self-stop time, with a watchdog--------------> CLEARING
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool contradiction_init(struct core *core);
void contradiction_event(struct core *core, const struct core_event *event);

/* Whether the store contradicts what this host knows: while it joins, and as a member. */
bool contradiction_is_there(struct core *core);
/* Why; CAUSE_NONE: it never did. */
enum cause_code contradiction_why(const struct core *core);

enum contradiction_end {
    CONTRADICTION_STAYS,
    CONTRADICTION_CLEAR, /* what exists here is to be ended */
    CONTRADICTION_ADOPT, /* it is a member of this store, with all that exists here */
    CONTRADICTION_VISIT, /* it may join: what exists here came from members of this store */
};
/* In that state: tells it, keeps the watchdog where that is safe, and says how it ended. */
enum contradiction_end contradiction_step(struct core *core);
