/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks the fence agents of a node for its status, one level after the other. Never acts. On the
 * loop's thread; agents are processes of their own.
 */
#pragma once

#include "fence/agent.h"
#include "seal/seal.h"

/* What the agent of 'level' of 'node' is to be told, its secrets opened; wiped afterwards. */
typedef int fence_open_fn(void *userdata, const char *node, const struct fence_level *level,
                          fence_parameters_t *ret, struct error *err);

/* Filled by its owner up to the line, and not moved while it is busy. */
struct fence_asking {
    sd_event *event;           /* lent */
    const char *directory;     /* of the agents; NULL: where the system has them */
    fence_open_fn *open_level; /* NULL: they are told just what is stored */
    void *open_userdata;
    /* What each level said, as it says so; then, once, that all have. Either may come before
     * fence_asking_begin() returns. */
    void (*answered)(void *userdata, const struct record *spec, uint32_t level,
                     const struct fence_result *result);
    void (*ended)(void *userdata, const struct record *spec);
    void *userdata;
    /* ---- its own ---- */
    struct record *spec;
    uint32_t level;
    struct fence_run *run;
};

bool fence_asking_is_busy(const struct fence_asking *asking);
/* Asks all levels of 'spec', a node's. It must not be busy. */
void fence_asking_begin(struct fence_asking *asking, struct record *spec);
/* Kills the agent that runs. Accepts one that is all zero. */
void fence_asking_done(struct fence_asking *asking);
