/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After all hosts were down they come back one by one. Whatever was placed by then would be placed
 * on the first ones: the most important VM might find no room when its host is there, and wait for
 * good. So the first coordinator waits for the hosts that the store knows, for a while.
 */
#pragma once

#include "core/ground.h"

/* False without memory. */
bool cold_init(struct core *core);
/* We are about to take the term after 'leader's (NULL: there is none). */
void cold_look(struct core *core, const struct record *leader);
/* We lead. */
void cold_begin(struct core *core);
/* Whether VMs wait until the hosts are back, and until when at most. */
bool cold_must_wait(struct core *core);
msec_t cold_until_ms(const struct core *core);
