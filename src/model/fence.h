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
