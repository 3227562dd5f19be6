/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where should these VMs run? A model of the cluster in indices and counts, a request, and a plan,
 * or the reason of every node why not. What-if questions are the same code on the same model,
 * edited and put back.
 *
 * Pure: no clock, no I/O, no randomness; the same calls give the same plan on every machine. It
 * never learns of records, transactions or time: src/core turns the store into a model, and a plan
 * into writes.
 *
 * The objective. Per priority, the highest first: as few VMs left out as possible; a lower priority
 * never costs a higher one anything. A big VM counts as much as a small one; big ones are placed
 * first, so that of two that exclude each other the big one wins. No VM that is not asked about is
 * stopped or moved, unless the request allows it. Among plans that are equal in that, as the greedy
 * pass has it: VMs where they are wanted (see 'Preferences'), then best fit (big holes stay for big
 * VMs), then node order. The pass is enough nearly always; if it leaves a VM out that had a place
 * by itself, a search within 'steps_max' follows, which looks at who fits, not at preferences. The
 * plan 'is_proven' if none leaves out fewer. Proven or not, when it is done no waiting VM fits
 * anywhere as it stands.
 *
 * Preferences, the most important first: not a node to avoid; fewest soft 'apart' partners; most
 * soft 'together' partners; earliest preferred owner.
 *
 * One thread a model. Memory is taken while a model is built and grows with it; a request takes
 * some at its beginning, the search its own, and a placed VM takes none.
 */
#pragma once

#include "base/types.h"
#include "base/vec.h"
#include "model/facts.h"
#include "model/memory.h"

/* No such node, VM, GPU, pool: every index is uint32_t. */
#define PLAN_NONE UINT32_MAX

enum {
    /* Labels that VMs may require, in one model: one bit each. */
    plan_labels_max = 64,
    /* Pools that one model can hold. */
    plan_pools_max = 4096,
};

/* ---- the model ---- */

struct plan_model;

/* How much will be added; only a hint that saves growing. */
struct plan_size {
    uint32_t pools, nodes, gpus, vms;
};

/* An empty model, or NULL without memory. */
struct plan_model *plan_model_new(const struct plan_size *hint);
/* NULL is accepted; returns NULL. */
struct plan_model *plan_model_free(struct plan_model *model);

/* Only an active node takes VMs. What a node that is down held does not run any more. */
#define PLAN_MODE_LIST(X)                                                                          \
    X(PLAN_ACTIVE, "active")                                                                       \
    X(PLAN_PAUSED, "paused")                                                                       \
    X(PLAN_DRAIN, "drain")                                                                         \
    X(PLAN_DOWN, "down")
ENUM_DECLARE(plan_mode, PLAN_MODE_LIST)

struct plan_node {
    const char *name; /* lent for the life of the model; in ascending order (strcmp), as added */
    enum plan_mode mode;
    uint32_t cpus;       /* what VMs may use in all (over-commit included); 0: not counted */
    uint64_t memory_mib; /* 0: not counted */
    uint64_t huge_mib[memory_kinds]; /* huge pages, by kind; always counted. [0] is not used */
    uint64_t labels;                 /* bits by plan_label_add() */
};

/*
 * A GPU of a node, or a partition of one. A card is given away whole or in partitions, never both:
 * entries of one node with the same 'card' exclude each other in that way. All partitions of a card
 * that are in one pool are slots of it.
 */
struct plan_gpu {
    uint32_t pool;
    uint32_t card;     /* number of the physical card on its node; ascending, as added */
    uint32_t position; /* where on PCIe: the nearer the numbers, the nearer the cards; ascending */
    int32_t numa;      /* -1: unknown */
    bool is_partition;
    bool is_on_fabric;   /* a VM has others of the pool with it only in a set, see plan_set_add() */
    bool is_quarantined; /* not handed out; who holds it keeps it */
};

struct plan_need {
    uint32_t pool;
    uint32_t count;
};

struct plan_vm {
    const char *name;                         /* lent for the life of the model */
    struct plan_need needs[needs_per_vm_max]; /* each pool once, each count at least 1 */
    uint32_t need_len;
    uint32_t cpus;
    uint64_t memory_mib;
    enum memory_kind memory;   /* of which kind that is */
    uint32_t priority;         /* higher first */
    bool is_pinned;            /* where it runs it stays: it does not make room for others */
    uint64_t labels;           /* the node must have all of them */
    const uint32_t *preferred; /* owners: nodes, in order; copied */
    uint32_t preferred_len;
    const uint32_t *possible; /* owners: nodes; none: every node; copied */
    uint32_t possible_len;
};

/* Each returns the new index, counted from 0, or PLAN_NONE without memory (or above the limit, for
 * pools and labels). Pool and label names are lent for the life of the model. The GPUs of a node
 * are added before the next node is. */
uint32_t plan_pool_add(struct plan_model *model, const char *name);
uint32_t plan_label_add(struct plan_model *model, const char *name);
uint32_t plan_node_add(struct plan_model *model, const struct plan_node *node);
uint32_t plan_gpu_add(struct plan_model *model, const struct plan_gpu *gpu); /* of the last node */
/* GPUs on a fabric that can talk: two or more of one pool of the last node, ascending. The sets are
 * as model/fabric.h has them; else plans stay sound, but are not the best. */
uint32_t plan_set_add(struct plan_model *model, const uint32_t *gpus, uint32_t len);
uint32_t plan_vm_add(struct plan_model *model, const struct plan_vm *vm);

/* 'vm' wants to be on one node with 'other' (together), or not (apart). Holds for both of them,
 * whichever is placed later. Enforced: never otherwise. False without memory. */
#define PLAN_RELATION_LIST(X) X(PLAN_TOGETHER, "together") X(PLAN_APART, "apart")
ENUM_DECLARE(plan_relation, PLAN_RELATION_LIST)
bool plan_vm_relate(struct plan_model *model, uint32_t vm, uint32_t other,
                    enum plan_relation relation, bool is_enforced);

/* ---- what runs where ---- */

/* 'vm' runs on 'node' with 'gpus' (GPUs of that node that no VM holds). Nothing is checked against
 * needs or room: this is what is, not what should be. It had no place before. */
void plan_vm_put(struct plan_model *model, uint32_t vm, uint32_t node, const uint32_t *gpus,
                 uint32_t gpu_len);
/* The free GPUs of 'node' that 'vm' would get there, ascending, into 'ret'; how many, or PLAN_NONE
 * if they are not there. Room and rules are not looked at. */
uint32_t plan_choose_gpus(struct plan_model *model, uint32_t vm, uint32_t node,
                          uint32_t ret[gpus_per_vm_max]);
/* 'vm' has no place (any more). */
void plan_vm_clear(struct plan_model *model, uint32_t vm);
/* 'vm' also holds these on 'node', a second one, and so much of its CPUs and memory: it is on the
 * way there or from there. Lasts as long as the model. */
void plan_vm_hold(struct plan_model *model, uint32_t vm, uint32_t node, const uint32_t *gpus,
                  uint32_t gpu_len);
/* 'vm', which has no place, keeps what it could use of 'node', as far as that is free: its GPUs,
 * and all of its CPUs and memory. Until plan_vm_unkeep(). */
void plan_vm_keep(struct plan_model *model, uint32_t vm, uint32_t node);
void plan_vm_unkeep(struct plan_model *model, uint32_t vm, uint32_t node);
void plan_node_set_mode(struct plan_model *model, uint32_t node, enum plan_mode mode);
void plan_gpu_set_quarantined(struct plan_model *model, uint32_t gpu, bool is_quarantined);

uint32_t plan_node_count(const struct plan_model *model);
uint32_t plan_vm_count(const struct plan_model *model);
const char *plan_node_name(const struct plan_model *model, uint32_t node);
const char *plan_vm_name(const struct plan_model *model, uint32_t vm);
const char *plan_pool_name(const struct plan_model *model, uint32_t pool);
enum plan_mode plan_node_mode(const struct plan_model *model, uint32_t node);
/* The node of 'vm'; PLAN_NONE without a place. */
uint32_t plan_vm_node(const struct plan_model *model, uint32_t vm);
/* The GPUs that 'vm' holds on its node, ascending, into 'ret'; how many. */
uint32_t plan_vm_gpus(const struct plan_model *model, uint32_t vm, uint32_t ret[gpus_per_vm_max]);
/* The first VM of 'node' and the one after 'vm' there, in no order that means anything. */
uint32_t plan_node_first_vm(const struct plan_model *model, uint32_t node);
uint32_t plan_node_next_vm(const struct plan_model *model, uint32_t vm);
/* GPUs of 'pool' on 'node' (PLAN_NONE: on all active nodes) that a VM could get now. */
uint32_t plan_free_gpus(const struct plan_model *model, uint32_t node, uint32_t pool);
/* Bytes of memory that the model takes. */
size_t plan_model_size(const struct plan_model *model);

/* ---- a plan ---- */

/* A node that one VM of the request must not get. */
struct plan_avoid {
    uint32_t vm;
    uint32_t node;
    bool is_hard;    /* never; else only if nothing else is free */
    bool would_stop; /* because it could not go there as it runs */
    uint32_t weight; /* of several that are avoided, that of the least weight is taken first */
};

struct plan_request {
    /* To be placed, each once. One that has a place is moved: it keeps its place until it has the
     * new one, and for good if there is none; the node where it is is no choice. */
    const uint32_t *vms;
    uint32_t vm_len;
    const struct plan_avoid *avoid;
    uint32_t avoid_len;
    /* May running VMs of lower priority be stopped for those that find no place? (They are placed
     * elsewhere where they fit.) */
    bool may_preempt;
    /* May running VMs of any priority be moved, if each of them finds another place? */
    bool may_move;
    /* Refuse a VM if with it fewer than so many host losses could be survived. 0: no. Set it
     * for starts that someone asked for, not for recovery. */
    uint32_t reserve;
    /* Bound of the search, 0: plan_steps_default (about 0.1 s). */
    uint64_t steps_max;
};

enum { plan_steps_default = 12000000 };

struct plan_placement {
    uint32_t vm;
    uint32_t node;
    uint32_t from;      /* the node it was on; PLAN_NONE: it had no place */
    uint32_t gpu_first; /* into plan.gpus */
    uint32_t gpu_len;
};

#define PLAN_WAIT_LIST(X)                                                                          \
    X(PLAN_WAIT_ROOM, "room")       /* no node takes it: plan_explain() says why */                \
    X(PLAN_WAIT_RESERVE, "reserve") /* there is room, but it would break the reserve */
ENUM_DECLARE(plan_wait, PLAN_WAIT_LIST)

struct plan_waiting {
    uint32_t vm;
    enum plan_wait why;
};

/* A running VM that is not in the request and must leave 'node' so that 'by' can have its place. If
 * it has a new place, that is among the placements; else it is among the waiting. */
struct plan_eviction {
    uint32_t vm;
    uint32_t node;
    uint32_t by;
};

/* A place that a VM gave up; for plan_undo(). */
struct plan_left {
    uint32_t vm;
    uint32_t node;
    uint32_t gpu_first; /* into plan.gpus */
    uint32_t gpu_len;
};

struct plan {
    VEC(struct plan_placement) placements; /* by priority, then size, then name */
    VEC(struct plan_waiting) waiting;      /* in the same order */
    VEC(struct plan_eviction) evictions;   /* in the order in which they were chosen */
    VEC(struct plan_left) left;
    VEC(uint32_t) gpus;
    /* No plan is better by the objective. Looks neither at what 'may_preempt' and 'may_move' could
     * do nor at the reserve. */
    bool is_proven;
    uint64_t steps; /* of the search; 0: greedy was enough */
};

void plan_done(struct plan *plan);

/*
 * Places the VMs of 'request'. What it finds is in the model when it returns: placed VMs hold their
 * new GPUs, moved and evicted ones no longer their old ones. 'plan' is {0} or from an earlier call,
 * whose content is dropped. 0; or -ENOMEM, the model as before.
 */
int plan_place(struct plan_model *model, const struct plan_request *request, struct plan *plan);

/* After plan_place(): where 'vm' of 'request', which found no place, would have one if some of what
 * runs there ended; of several, where the least important and the fewest would have to. PLAN_NONE:
 * nowhere. */
uint32_t plan_hope(struct plan_model *model, const struct plan_request *request, uint32_t vm);

/* Puts the model back as it was before the plan_place() that made 'plan', which must be the last
 * change of the model. 'plan' keeps its content. */
void plan_undo(struct plan_model *model, const struct plan *plan);

/* ---- why not ---- */

/* In the order in which they are looked for: a node gives its first. */
#define PLAN_REFUSAL_LIST(X)                                                                       \
    X(PLAN_FITS, "fits")                                                                           \
    X(PLAN_IS_HERE, "is-here") /* it runs here and is to go elsewhere */                           \
    X(PLAN_NODE_DOWN, "down")                                                                      \
    X(PLAN_NODE_DRAIN, "drain")                                                                    \
    X(PLAN_NODE_PAUSED, "paused")                                                                  \
    X(PLAN_AVOIDED, "avoided") /* by the request, hard */                                          \
    X(PLAN_NOT_OWNER, "not-owner")                                                                 \
    X(PLAN_NO_LABEL, "no-label")            /* other: the label */                                 \
    X(PLAN_NO_GPU, "no-gpu")                /* pool; no member there */                            \
    X(PLAN_TOO_FEW_GPUS, "few-gpus")        /* pool, need, total: fewer even if none were held */  \
    X(PLAN_GPUS_QUARANTINED, "quarantined") /* pool, need, total, have healthy ones */             \
    X(PLAN_GPUS_TAKEN, "gpus-taken")        /* pool, need, have free of total; other: a holder */  \
    X(PLAN_GPUS_SPLIT, "gpus-split")        /* pool; cards free, but in partitions (or whole) */   \
    X(PLAN_NO_SET, "no-set")                /* pool, need: no so many can talk there */            \
    X(PLAN_SETS_TAKEN, "sets-taken")    /* pool, need, have free, total sets; other: a holder */   \
    X(PLAN_NO_CPUS, "cpus")             /* need, have, total */                                    \
    X(PLAN_NO_MEMORY, "memory")         /* need, have, total (MiB) */                              \
    X(PLAN_NO_HUGE_PAGES, "huge-pages") /* the same, of 'memory' */                                \
    X(PLAN_APART_FROM, "apart")         /* other: a VM there */                                    \
    X(PLAN_TOGETHER_WITH, "together")   /* other: a VM that is elsewhere, at 'where' */            \
    X(PLAN_BREAKS_RESERVE, "reserve")   /* need: the reserve */
ENUM_DECLARE(plan_refusal, PLAN_REFUSAL_LIST)

struct plan_reason {
    uint32_t node;
    enum plan_refusal code;
    uint32_t pool;
    uint64_t need, have, total;
    enum memory_kind memory;
    uint32_t other; /* a VM, or a label; PLAN_NONE */
    uint32_t where; /* a node; PLAN_NONE */
    uint32_t more;  /* so many VMs like 'other' besides it */
};

/* Why 'node' does not take 'vm', as the model stands, under 'request' (may be NULL: nothing is
 * avoided). code is PLAN_FITS if it would. For a VM that waits with PLAN_WAIT_RESERVE the nodes
 * that have room say PLAN_FITS: show PLAN_BREAKS_RESERVE instead. */
struct plan_reason plan_explain(const struct plan_model *model, const struct plan_request *request,
                                uint32_t vm, uint32_t node);

/* The same by names, for those who do not know the model's indices. The node is not in it. */
struct cause plan_reason_cause(const struct plan_model *model, const struct plan_reason *reason);

/* ---- what if ---- */

/*
 * Edits 'model' so that 'nodes' (each once) are in 'mode' (down: they failed), places all their VMs
 * elsewhere, fills 'plan', and puts the model back. What waits in the plan has no place: with down
 * it does not run, with drain it stays. 'options' gives everything but the VMs (may be NULL); no
 * reserve is kept. 0 or -ENOMEM.
 */
int plan_what_if(struct plan_model *model, const uint32_t *nodes, uint32_t node_len,
                 enum plan_mode mode, const struct plan_request *options, struct plan *plan);

struct plan_survival {
    uint32_t losses;     /* so many active hosts can be lost at once, and all VMs run again */
    bool is_exact;       /* false: more than one loss, and not every set of hosts was tried */
    uint32_t weakest[8]; /* losses + 1 hosts (at most 8) whose loss is too much; ascending */
    uint32_t weakest_len;
    uint32_t vm;       /* a VM that would find no place then; PLAN_NONE: 'losses_max' was reached */
    uint32_t left_out; /* how many */
};

/*
 * How many host losses the cluster survives, up to 'losses_max'. One loss is tried with each host:
 * exact wherever the plans are proven. For more, every set of hosts while those are few; else
 * the sets that hurt most are tried: hosts by what each pool would lose with them (GPUs free, plus
 * GPUs to be found again), which is exact where the hosts of a pool are alike. 0 or -ENOMEM.
 */
int plan_survivable_losses(struct plan_model *model, uint32_t losses_max,
                           struct plan_survival *ret);
