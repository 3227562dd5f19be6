/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cluster's state as one JSON document: what 'berth plan --state' reads and an export writes.
 * docs/state-file.md describes the format. Numbers and names only; who refers to whom is checked,
 * and resolved into indices.
 */
#pragma once

#include "base/error.h"
#include "base/vec.h"
#include "model/limits.h"
#include "model/record.h"

enum {
    state_schema = 1,
    /* Planning is of use beyond what one cluster may have: so many of each, for comparisons. */
    state_nodes_max = 65536,
    state_vms_max = 1048576,
};

typedef VEC(uint32_t) state_indices_t;
typedef VEC(struct node_label) state_labels_t;

struct state_gpu {
    char id[name_size]; /* "" where the file only counts GPUs */
    uint32_t pool;
    uint32_t card;
    int32_t numa; /* -1: unknown */
    bool is_partition;
    bool is_quarantined;
};

#define STATE_MODE_LIST(X)                                                                         \
    X(STATE_ACTIVE, "active")                                                                      \
    X(STATE_PAUSED, "paused")                                                                      \
    X(STATE_DRAIN, "drain")                                                                        \
    X(STATE_DOWN, "down")
ENUM_DECLARE(state_mode, STATE_MODE_LIST)

struct state_node {
    char name[name_size];
    enum state_mode mode;
    uint32_t cpus;       /* 0: not counted */
    uint64_t memory_mib; /* 0: not counted */
    state_labels_t labels;
    VEC(struct state_gpu) gpus; /* by card */
};

struct state_need {
    uint32_t pool;
    uint32_t count;
};

struct state_vm {
    char name[name_size];
    VEC(struct state_need) needs;
    uint32_t cpus;
    uint64_t memory_mib;
    uint32_t priority;
    bool is_desired;      /* should run */
    uint32_t node;        /* UINT32_MAX: does not run */
    state_indices_t gpus; /* of that node's; empty: any */
    state_labels_t labels;
    state_indices_t owners;    /* possible ones; empty: all nodes */
    state_indices_t preferred; /* in order */
    state_indices_t together, apart;
    bool is_together_enforced, is_apart_enforced;
};

struct state {
    VEC(struct vm_name) pools;    /* in the order in which the file names them */
    VEC(struct state_node) nodes; /* by name */
    VEC(struct state_vm) vms;     /* by name */
    uint32_t reserve;
    enum reserve_policy reserve_policy;
    bool preemption;
};

/* Reads a document. 0, '*ret' is the caller's (state_done()); -EBADMSG with the line, or the path
 * ("vms[3].needs.P: ..."), of the first fault; -ENOMEM. On an error '*ret' is {0}. */
int state_read(const char *text, size_t size, struct state *ret, struct error *err);
void state_done(struct state *state);

/* The index of the one called 'name'; UINT32_MAX: there is none. */
uint32_t state_find_node(const struct state *state, const char *name);
uint32_t state_find_vm(const struct state *state, const char *name);
