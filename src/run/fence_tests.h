/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tests of fence agents that an administrator wants from this host (RECORD_FENCE_TEST): one
 * node after the other. What came of the newest fence_tests_max, one of each node, goes into the
 * inventory. Those that were ordered before berthd began are over: who wanted them has the answer,
 * or orders again.
 */
#pragma once

#include "model/world.h"
#include "run/fence_asking.h"

/* Start with the asking's own part (fence_asking.h); fence_tests_init() does the rest. Not moved.
 */
struct fence_tests {
    struct fence_asking asking;
    struct fence_test_result now; /* while the asking is busy */
    fence_tests_t results;
    revision_t begun; /* of the world that was there first; 0: none yet */
    bool has_news;
};

void fence_tests_init(struct fence_tests *tests);
void fence_tests_done(struct fence_tests *tests);

/* Begins what 'world' has for the host 'self', and forgets what was withdrawn. Whether there is
 * anything new in 'results' since the last call. */
bool fence_tests_look(struct fence_tests *tests, const struct world *world, const char *self);
