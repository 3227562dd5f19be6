/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets of fence agents reach berth-api readably, over its socket or HTTPS, and leave it sealed:
 * before a transaction goes to the store, they are put into boxes that only berthd opens. It holds
 * public keys only, so it cannot read any secret that is stored.
 *
 * What is stored readably, from before there was a key, gets a box as soon as all hosts can open
 * it.
 */
#pragma once

#include "model/txn.h"
#include "model/world.h"
#include "run/store.h"

struct api_seal {
    uint64_t looked; /* changes of the world when it was last looked for them */
    bool is_writing;
};

/*
 * Seals what 'txn' would store readably, if every host can open it; else the API has refused what
 * is new of it (api/node_secret.h), and the rest stays as it was. -errno: do not send it. The
 * loop's thread.
 */
int api_seal_txn(const struct world *world, struct txn *txn, struct error *err);

/* Seals those of one node in 'txn'; its name, lent, or NULL: none is readable, or not every host
 * can open a box yet. Pure but for random numbers. */
const char *api_seal_plan(const struct world *world, struct txn *txn);

/* The world is whole: does so, if it has changed. */
void api_seal_look(struct api_seal *seal, const struct world *world, struct store *store);
