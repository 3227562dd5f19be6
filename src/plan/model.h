/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of the model, for the files of this room only: nodes, GPUs and VMs in arrays, and the
 * index of active nodes by free GPUs, which is what keeps one more VM cheap in a large cluster.
 */
#pragma once

#include "plan/plan.h"

/*
 * For an array as long as the largest host is, of which only the beginning is used, and written
 * before it is read: compilers clear variables (docs/SECURITY.md), and with these that took longer
 * than the choice that they are for.
 */
#if defined(__has_attribute) && __has_attribute(uninitialized)
#define UNCLEARED __attribute__((uninitialized))
#else
#define UNCLEARED
#endif

struct node {
    const char *name;
    enum plan_mode mode;
    uint32_t cpus;
    uint64_t memory_mib[memory_kinds];
    uint64_t labels;
    /* What is free; far above any need where it is not counted. Negative: more runs than fits. */
    int64_t cpus_free, memory_free[memory_kinds];
    /* 2^20 / capacity: turns what would be left into a share without dividing. 0: not counted. */
    uint32_t cpu_share, memory_share[memory_kinds];
    uint32_t gpu_first, gpu_len;
    uint32_t free_total; /* free GPUs over all pools */
    uint32_t vm_first;   /* list through vm.after */
    uint32_t set_first, set_len;
    bool has_fabric;       /* some GPUs talk by a fabric */
    bool has_shared_cards; /* some card is there whole and in partitions */
};

struct gpu_entry {
    uint32_t pool;
    uint32_t card;
    uint32_t position;
    uint32_t holder; /* VM; PLAN_NONE */
    int16_t numa;
    bool is_partition;
    bool is_on_fabric;
    bool is_quarantined;
    bool is_reserved;    /* by plan_vm_hold(): no plan gives it back */
    bool is_shared_card; /* its card is there whole and in partitions */
};

/* GPUs of one node and pool that can talk by a fabric. */
struct gpu_set {
    uint32_t pool;
    uint32_t gpus[gpus_per_vm_max]; /* ascending */
    uint16_t len;
};

struct need {
    uint16_t pool;
    uint16_t count;
};

struct vm {
    const char *name;
    struct need needs[needs_per_vm_max];
    uint32_t need_len;
    uint32_t gpu_count;
    uint32_t cpus;
    uint32_t priority;
    uint64_t memory_mib;
    enum memory_kind memory;
    uint64_t labels;
    uint32_t preferred, preferred_len; /* into model.owners, in the order of preference */
    uint32_t possible, possible_len;   /* into model.owners, ascending */
    uint32_t relation_first;           /* into model.relations; PLAN_NONE */
    uint32_t node;                     /* where it is; PLAN_NONE */
    uint32_t next_node;                /* where the plan being made puts it; PLAN_NONE */
    uint32_t before, after;            /* in the list of its node */
    bool is_asked;                     /* by the request being planned */
    bool is_pinned;                    /* it does not make room */
};

/* Each relation is there twice, once from each side. */
struct relation {
    uint32_t other;
    uint32_t after; /* the same VM's next one; PLAN_NONE */
    enum plan_relation kind;
    bool is_enforced;
};

/* Active nodes by the number of free GPUs: bits[level * words], node n is bit n. */
struct shelf {
    uint32_t levels; /* highest possible number, plus 1 */
    uint32_t *len;   /* nodes per level */
    uint64_t *bits;
};

/* A VM of the request and where it stands in line. */
struct turn {
    uint64_t first, then; /* sort keys: priority and GPUs, CPUs and memory */
    uint32_t vm;
};

/* Memory of a request, kept for the next. */
struct scratch {
    uint8_t *flags; /* per node, enum wish_flag; all 0 between two VMs */
    int64_t *score; /* per node, against the wish's base_score; all 0 between two VMs */
    uint32_t node_capacity;
    struct turn *turns; /* twice 'vm_capacity': the second half is the sort's */
    uint32_t vm_capacity;
};

struct plan_model {
    VEC(const char *) pools;
    VEC(const char *) labels;
    VEC(struct node) nodes;
    VEC(struct gpu_entry) gpus;
    VEC(struct gpu_set) sets; /* by node */
    VEC(struct vm) vms;
    VEC(uint32_t) owners;
    VEC(struct relation) relations;
    bool is_indexed;     /* what follows is there and right; else the next request makes it */
    uint32_t words;      /* of one level's bitmap */
    uint16_t *free;      /* [node * pools.len + pool] */
    struct shelf *shelf; /* per pool; the last one: over all pools, with a level 0 */
    void *shelf_memory;
    size_t shelf_size;
    struct scratch scratch;
};

/* Builds the index if it is not there. False without memory. */
bool model_index(struct plan_model *model);
/* The index is no longer right: nodes, GPUs or pools were added. */
void model_index_drop(struct plan_model *model);
/* Makes room for a request of so many VMs. False without memory. */
bool model_scratch(struct plan_model *model, uint32_t vm_len);

/* Puts an active node on the shelves, or takes it off. */
void node_shelve(struct plan_model *model, uint32_t node, bool is_on);

bool gpu_is_free(const struct plan_model *model, const struct node *node,
                 const struct gpu_entry *gpu);
/* Changes one entry; the counts of all that becomes free by it, or not, follow. */
void gpu_change(struct plan_model *model, uint32_t node, uint32_t gpu, uint32_t holder,
                bool is_quarantined);
void gpu_set_holder(struct plan_model *model, uint32_t node, uint32_t gpu, uint32_t holder);

/* 'vm' takes, or gives back, its CPUs and memory on 'node'. */
void vm_take_room(struct plan_model *model, uint32_t vm, uint32_t node);
void vm_give_room(struct plan_model *model, uint32_t vm, uint32_t node);
/* 'vm' gives back the GPUs that it holds on 'node'. */
void vm_give_gpus(struct plan_model *model, uint32_t vm, uint32_t node);
/* All that 'vm' holds on 'node': GPUs, CPUs, memory. */
void vm_release(struct plan_model *model, uint32_t vm, uint32_t node);
void vm_list_add(struct plan_model *model, uint32_t vm, uint32_t node);
void vm_list_remove(struct plan_model *model, uint32_t vm);
uint32_t vm_gpus_on(const struct plan_model *model, uint32_t vm, uint32_t node,
                    uint32_t ret[gpus_per_vm_max]);

static inline uint32_t free_in_pool(const struct plan_model *model, uint32_t node, uint32_t pool)
{
    return model->free[(size_t)node * model->pools.len + pool];
}

/* Where the plan being made will have 'vm': PLAN_NONE if it does not run, or if that is open. */
static inline uint32_t vm_place(const struct plan_model *model, const struct vm *vm)
{
    if (vm->next_node != PLAN_NONE) {
        return vm->next_node;
    }
    if (vm->is_asked || vm->node == PLAN_NONE || model->nodes.items[vm->node].mode == PLAN_DOWN) {
        return PLAN_NONE;
    }
    return vm->node;
}
