/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which nodes take a VM, and which of them is best. Neighbour: gpus.h picks the cards. */
#pragma once

#include "plan/model.h"

/* What one VM demands of nodes and prefers among them, spread over the model's scratch arrays so
 * that looking at a node is one load. Begin, ask, end; one at a time. */
struct wish {
    struct plan_model *model;
    uint32_t vm;
    const struct plan_request *request; /* may be NULL */
    uint32_t only; /* the one node that enforced partners leave; PLAN_NONE: any */
    bool is_torn;  /* enforced partners are on different nodes: none will do */
    bool has_flags;
    int64_t base_score; /* of a node that nothing is said about */
    int64_t best_score; /* no node has a lower one */
};

enum wish_flag {
    WISH_FORBIDDEN = 1 << 0, /* avoided, or an enforced 'apart' partner is there */
    WISH_POSSIBLE = 1 << 1,  /* a possible owner, if the VM names any */
};

void wish_begin(struct wish *wish, struct plan_model *model, const struct plan_request *request,
                uint32_t vm);
void wish_end(struct wish *wish);

/* Whether the VM may be on 'node', free GPUs, CPUs and memory aside. */
bool wish_allows(const struct wish *wish, uint32_t node);
/* Whether 'node' takes the VM now. Exact but for VMs that need whole cards and partitions at once
 * on a node whose cards can be either; gpus_take() tells then. */
bool wish_fits(const struct wish *wish, uint32_t node);
/* The penalty of 'node' by the VM's preferences; lower is better. */
int64_t wish_score(const struct wish *wish, uint32_t node);
/* The best node that takes the VM; PLAN_NONE if there is none. */
uint32_t wish_best_node(const struct wish *wish);
