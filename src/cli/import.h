/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 'berth cluster import': an export's configuration compared with the cluster's, as steps that lead
 * from the one to the other. Nothing is ever removed: what the file does not have stays.
 */
#pragma once

#include "base/vec.h"
#include "cli/client.h"

#define STEP_LIST(X)                                                                               \
    X(STEP_SETTINGS, "settings")                                                                   \
    X(STEP_NODE, "node")                                                                           \
    X(STEP_DISMOUNT, "dismount")                                                                   \
    X(STEP_PARTITION, "partition")                                                                 \
    X(STEP_POOL, "pool")                                                                           \
    X(STEP_MEMBERS, "GPUs")                                                                        \
    X(STEP_VM, "VM")                                                                               \
    X(STEP_POLICY, "set")                                                                          \
    X(STEP_ASSIGN, "assign")                                                                       \
    X(STEP_UNASSIGN, "unassign")                                                                   \
    X(STEP_START, "start")                                                                         \
    X(STEP_NONE, "by hand") /* differs, and cannot be done from here */
ENUM_DECLARE(step, STEP_LIST)

/* In the order in which they are to be done. Names are lent from the file. */
struct import_step {
    enum step kind;
    const char *name;   /* node, pool or VM; "" the cluster */
    const char *second; /* dismount: the address */
    json_t *body;       /* what is sent; owned */
    char *text;         /* for people, owned */
};

struct import {
    json_t *file; /* the whole document */
    const json_t *configuration;
    VEC(struct import_step) steps;
};

/* Reads the file at 'path' ("-": standard input) and every record in it, strictly. An exit code,
 * the place of the fault said. */
int import_read(struct cli *cli, const char *path, struct import *ret);

/* Compares with the cluster: fills the steps. */
int import_compare(struct cli *cli, struct import *import);

void import_done(struct import *import);
