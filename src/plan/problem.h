/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A packing problem, cut loose from the model: items (VMs to place) with needs, bins (nodes) with
 * room, who may go where, who must be together or apart. The searches work on it: pack.h asks
 * whether all items fit at once, branch.h which can be left out at the least loss.
 *
 * Items are in the order of placing: a higher class (lower number) first, big before small.
 */
#pragma once

#include "plan/model.h"

/* The dimensions: CPUs, memory by its kinds, and one for each pool that is needed. */
enum { problem_cpus, problem_memory, problem_pools = problem_memory + memory_kinds };

struct tie {
    uint32_t other; /* item */
    enum plan_relation kind;
};

struct problem {
    uint32_t item_len, bin_len, dim_len, class_len;
    uint32_t words;      /* of a row of 'may' */
    int64_t *need;       /* [item * dim_len + dim] */
    int64_t *room;       /* [bin * dim_len + dim]; no more than could ever be used */
    uint64_t *may;       /* [item * words]: bins that take it if nothing else is there */
    uint32_t *class;     /* per item: rank of its priority */
    uint32_t *twin;      /* per item: the first one that is alike in all respects */
    uint32_t *tie_first; /* per item, and one more: into 'ties' */
    struct tie *ties;    /* enforced relations between items */
    uint32_t *kind;      /* per bin: bins of one kind are open to the same items */
    uint32_t *at;        /* per item: its bin; PLAN_NONE: left out. The answer */
    uint32_t *vm;        /* per item, in the model */
    uint32_t *node;      /* per bin, in the model */
};

/* An item's needs, a bin's room. */
static inline const int64_t *item_need(const struct problem *problem, uint32_t item)
{
    return problem->need + (size_t)item * problem->dim_len;
}

static inline bool item_may(const struct problem *problem, uint32_t item, uint32_t bin)
{
    return problem->may[(size_t)item * problem->words + bin / 64] >> (bin % 64) & 1;
}

/* Whether the items that 'item' is tied to, where 'at' has them, let it into 'bin'. */
bool problem_ties_allow(const struct problem *problem, const uint32_t *at, uint32_t item,
                        uint32_t bin);

/* Per class, how many items 'at' leaves out; 'ret' has room for class_len. */
void problem_count_left(const struct problem *problem, const uint32_t *at, uint32_t *ret);

/*
 * The problem of placing 'vms' (in the order of placing; asked for, none of them with a next place)
 * on 'nodes'. False without memory. 'at' is PLAN_NONE for all.
 */
bool problem_init(struct problem *problem, struct plan_model *model,
                  const struct plan_request *request, const uint32_t *vms, uint32_t vm_len,
                  const uint32_t *nodes, uint32_t node_len);
void problem_done(struct problem *problem);

enum search_result {
    SEARCH_NO,      /* proven: there is none (better) */
    SEARCH_YES,     /* found, in problem->at */
    SEARCH_UNKNOWN, /* the steps, or memory, were used up */
};
