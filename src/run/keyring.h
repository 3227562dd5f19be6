/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who holds the key to which fence secrets are sealed (seal/seal.h). Each host has a pair of its
 * own, in a file of root's, and tells its public half in its inventory. The cluster's pair is made
 * by a coordinator that finds none that a host can open, and granted to each host in
 * 'order/keys/N':
 *
 *     no host can open a grant ---------------------------> a first pair, granted to itself
 *     the setting 'fence_key' is above the number --------> the next pair; the old one is kept
 *     a host has no grant, or one for another key --------> it gets both
 *     nothing is sealed to the old one any more ----------> it is dropped
 *
 * Each write demands that the same host still coordinates. Where the coordinator itself has no
 * grant, because it is new, the first by name of those that have one writes them instead.
 *
 * Decides on a world and on nothing else, but for random numbers. The loop's thread.
 */
#pragma once

#include "model/txn.h"
#include "model/world.h"
#include "seal/seal.h"

enum { keyring_pairs_max = 2 };

/* This host's pair: read from 'path', made there if there is none. -errno, with a sentence. */
int keyring_load(const char *path, struct seal_pair *ret, struct error *err);

struct keyring {
    const struct world *world;
    const char *node;
    const struct seal_pair *host;
};

/* The cluster's pairs that are granted to this host, the current one first; how many. */
size_t keyring_open(const struct keyring *ring, struct seal_pair ret[keyring_pairs_max]);

/* Adds to 'txn' what is to be written now; whether that is anything. */
bool keyring_plan(const struct keyring *ring, struct txn *txn);
