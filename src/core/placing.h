/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the coordinator asks of the planner, and its plan as places with device names. The model is
 * plan/cluster.h's; only the coordinator knows who is up and which placements are on their way.
 */
#pragma once

#include "core/ground.h"

struct placing {
    const struct record *spec;
    const struct vm_name *tried; /* not there if it can be helped, and least of all the last */
    size_t tried_len;
    const char *failed_node; /* the same, still less; NULL: none */
    const char *prefer_node; /* there if it can be; NULL: none */
    const char *only_node;   /* nowhere else; NULL: any */
    bool is_moving;          /* it keeps its present place until it has the next */
    enum migration way;      /* moving: only where it goes live, or there if it can be, or any */
    bool wants_hope;
    /* out: */
    bool is_placed;
    char node[name_size]; /* if it is placed; else, if it was wanted, where it would be if some of
                           * what runs there ended, "": nowhere */
    gpu_holds_t gpus;     /* the caller's, as are the reasons */
    VEC(struct reason) reasons;
};
/* A running VM that has to go so that another, of higher priority, has room. */
struct eviction {
    char vm[name_size];
    char node[name_size]; /* where it runs */
    char by[name_size];
};
typedef VEC(struct eviction) evictions_t;

/* Room on 'node' that is not for those who are asked about: 'vm' waits for it. */
struct kept_room {
    const char *vm, *node;
};

/* Plans all of them together; 'may_refuse_for_reserve' for starts that someone asked for; 'kept'
 * NULL: none; 'ret_evictions' NULL: nothing that runs may be stopped. The caller's. */
void placing_plan(struct core *core, struct placing *requests, size_t len,
                  bool may_refuse_for_reserve, const struct kept_room *kept,
                  evictions_t *ret_evictions);
void placing_done(struct placing *request);
