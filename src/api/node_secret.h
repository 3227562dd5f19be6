/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets of fence agents in the API. Clients give them as they are; before they are stored,
 * run/api_seal.c puts them into a box that only berthd opens. So an agent's secrets come together,
 * and again whenever that changes which the box is for (seal/seal.h).
 */
#pragma once

#include "api/call.h"

/*
 * False, answered, if 'after' has a secret that is new and cannot be sealed, or a box that no host
 * could open. Drops boxes that have become old. 'before': what is stored.
 */
bool secrets_accept(struct api_call *call, const struct node_spec *before, struct node_spec *after);

/* How the secrets of a node's fence agents are stored; of several, the worst. */
enum secrets_state {
    SECRETS_NONE,
    SECRETS_SEALED,
    SECRETS_OLD,      /* to the key before the cluster's: who left with it can open them */
    SECRETS_READABLE, /* not sealed, by an earlier version */
    SECRETS_LOST,     /* no host has the key */
};
/* '*ret_subject', if there are any: the agent, or the parameter that is readable; lent by 'spec'.
 */
enum secrets_state secrets_state(const struct world *world, const struct node_spec *spec,
                                 const char **ret_subject);
