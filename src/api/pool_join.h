/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which GPUs a request wants in a pool. */
#pragma once

#include "api/pool_judge.h"
#include "api/requests.h"

/* What is asked for: single GPUs, or every one of a model. */
struct pool_join {
    VEC(struct candidate) candidates;
    bool is_all;
    const char *model; /* "10de:20b5" with is_all, or NULL: the pool's, or the first candidate's */
    const char *profile; /* only partitions of this type, by its ID or name; NULL: not named */
    json_t *refused;     /* array: single GPUs that may not join; the request fails */
    json_t *skipped;     /* array: GPUs of 'all' that may not join; the others do */
    size_t joined;       /* GPUs, or partitions */
};

/* What the request, which must stay, asks for. Unknown nodes and GPUs are among 'refused'. False:
 * it is answered. */
bool pool_join_read(struct pool_join *join, struct api_call *call,
                    const struct pool_request *asked);
void pool_join_done(struct pool_join *join);

/* Adds them to 'draft', named 'name'. False: it is answered. */
bool pool_join_apply(struct pool_join *join, struct api_call *call, struct record *draft);
