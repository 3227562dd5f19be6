/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a card may join a pool: whole, or with all the partitions of one type, or of any, that it
 * is divided into. */
#pragma once

#include "api/facts.h"

#include <jansson.h>

struct candidate {
    const char *node;
    const struct gpu *gpu;
    const char *type; /* only its partitions of this type; NULL: all */
};

/* Whether 'part', of the candidate's host, is one of those that are to join. */
bool candidate_has(const struct candidate *candidate, const struct gpu_partition *part);

/* Why it may not, into 'why'; empty: it may. What to do about it (hint.h); the caller's, NULL:
 * there is nothing to say. */
json_t *pool_judge(const struct api_view *view, const struct pool *pool,
                   const struct candidate *candidate, struct buf *why);

/* The card that the pool's others must resemble: its first that a host shows; NULL: none. */
const struct gpu *pool_reference(const struct world *world, const struct pool *pool);
