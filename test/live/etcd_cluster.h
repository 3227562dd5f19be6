/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real etcd members on loopback, for tests: free ports, data in a directory that is gone at the
 * end, members that die with the test. Everything here blocks, and ends the test if it does not
 * work.
 */
#pragma once

#include "base/types.h"

#include <sys/types.h>

enum { members_max = 3 };

struct etcd_cluster_options {
    size_t member_len;
    /* TLS: certificates made by openssl, which clients must show too. */
    bool has_tls;
};

struct etcd_member {
    pid_t pid; /* 0: not running */
    int client_port, peer_port;
    char url[64];
};

struct etcd_cluster {
    struct etcd_cluster_options options;
    struct etcd_member members[members_max];
    const char *endpoints[members_max]; /* their URLs */
    char dir[256];
    char ca[300], cert[300], key[300]; /* TLS: files */
};

/* Started and healthy. */
void etcd_cluster_start(struct etcd_cluster *cluster, const struct etcd_cluster_options *options);
void etcd_cluster_stop(struct etcd_cluster *cluster);

/* Three members for all tests of a program: starts them when they are needed first, stops them when
 * it exits. Each test heals what it broke. 'cluster' is static, and one a program. */
void etcd_cluster_need(struct etcd_cluster *cluster);

void etcd_member_start(struct etcd_cluster *cluster, size_t index);
void etcd_member_kill(struct etcd_cluster *cluster, size_t index); /* SIGKILL, and gone */
void etcd_member_signal(struct etcd_cluster *cluster, size_t index, int signal);

/* Starts who does not run, and waits until a write through each member works. */
void etcd_cluster_heal(struct etcd_cluster *cluster);

/* Who leads; waits for an election. */
size_t etcd_cluster_leader(struct etcd_cluster *cluster);

/* One request, the raw way; 'ret' of 'size' bytes gets the reply. HTTP's status, 0: no answer. */
long etcd_raw(const struct etcd_cluster *cluster, size_t index, const char *path, const char *json,
              const char *token, char *ret, size_t size);

/* A port of 127.0.0.1 that no one listens on. */
int free_port(void);
