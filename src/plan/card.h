/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which devices of pools may be handed out. */
#pragma once

#include "plan/picture.h"

/* Why the device of 'member' of 'pool' cannot be handed out, into '*ret_why': it must be of the
 * card that was meant and of the pool's type, healthy, in VFIO's hands, and known to be free.
 * False: as far as its node's inventory says, it can; then '*ret_why' stays. */
bool card_is_refused(const struct plan_cluster *cluster, const struct pool *pool,
                     const struct pool_member *member, struct cause *ret_why);
