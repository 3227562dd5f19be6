/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chance for the simulator: splitmix64, so that one number is the whole state and a seed means the
 * same on every machine. Nothing here is for secrets. */
#pragma once

#include "base/types.h"

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A whole number in [0, bound); 0 if 'bound' is 0. */
static inline uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    return bound == 0 ? 0 : rng_next(rng) % bound;
}

/* In [low, high]. */
static inline int64_t rng_between(struct rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(rng, (uint64_t)(high - low + 1));
}

/* True 'part' times in 'whole'. Draws nothing if 'part' is 0. */
static inline bool rng_chance(struct rng *rng, uint64_t part, uint64_t whole)
{
    return part > 0 && rng_below(rng, whole) < part;
}
