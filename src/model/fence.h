/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a node is turned off by power, and its secrets: plain values inside records. */
#pragma once

#include "base/vec.h"
#include "model/limits.h"
#include "model/name.h"

struct fence_parameter {
    char key[name_size];
    char value[256];
};

/* A fence agent and what it is told. */
struct fence_device {
    char agent[name_size]; /* "fence_ipmilan"; "": none */
    VEC(struct fence_parameter) parameters;
    char *box; /* its secrets, sealed (seal/seal.h); NULL or "": it has none */
};

/* Fence agents of a node, tried one after the other: its BMC, then the PDU that feeds it. */
enum { fence_levels_max = 3 };

/* One level of them, lent from a node's spec. */
struct fence_level {
    const char *agent;
    const struct fence_parameter *parameters;
    size_t parameter_len;
    const char *box; /* never NULL */
};

/* An administrator wants to know whether the fence agents of a node work: host 'by' is to ask them
 * for their status. Which order it is, the revision of this record says. */
struct fence_test {
    char by[name_size];
    uint64_t incarnation; /* of the node when it was asked for; 0: none was known */
};

#define FENCE_TEST_LIST(X)                                                                         \
    X(FENCE_TEST_FAILED, "failed") /* it gave no answer */                                         \
    X(FENCE_TEST_ON, "on")         /* it says that the node is on */                               \
    X(FENCE_TEST_OFF, "off")
ENUM_DECLARE(fence_test_state, FENCE_TEST_LIST)

/* What the agent of one level said then. */
struct fence_answer {
    char agent[name_size];
    enum fence_test_state state;
    char text[reason_size]; /* a sentence, without secrets */
};

/* What host 'by' has to say of all levels of 'node', in its inventory. */
struct fence_test_result {
    char node[name_size];
    revision_t asked; /* the order's */
    revision_t spec;  /* of the node's spec, which said what to ask */
    struct fence_answer levels[fence_levels_max];
    uint32_t level_len; /* 0: none is set */
};
typedef VEC(struct fence_test_result) fence_tests_t;

/* Of secrets that are sealed (seal/seal.h), as base64 with its end. */
enum {
    seal_public_size = 45, /* a public key */
    seal_grant_size = 109, /* a private key, sealed to a host */
};

/* The cluster's keys to which fence secrets are sealed, as a host is granted them (run/keyring.h).
 */
struct node_key {
    char host_key[seal_public_size]; /* to which they are sealed: what it told in its inventory */
    uint64_t number;                 /* which of the cluster's keys: grows */
    char public_key[seal_public_size];
    char grant[seal_grant_size];
    char old_public_key[seal_public_size]; /* the one before, while anything is sealed to it */
    char old_grant[seal_grant_size];
};
