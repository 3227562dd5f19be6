/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who this host is for the rest of this boot: 'run_dir/identity', written when berthd has joined
 * and read by the next berthd. Lines "key = value": boot, node, incarnation, etcd, cluster. A file
 * of another boot says nothing; one of another node is refused, because the VMs that run here, and
 * whatever the others wait for, are the other node's.
 *
 * And what an administrator on this host decides when the store contradicts it: 'run_dir/resolve'
 * holds "adopt" or "clear", is read by a running berthd and removed.
 */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "model/limits.h"

enum { boot_id_size = 40 };

struct identity {
    char boot_id[boot_id_size];
    char node[name_size];
    uint64_t incarnation;          /* in which it was last a member */
    uint64_t etcd;                 /* the id of the etcd cluster that it joined; 0: not known */
    char cluster[cluster_id_size]; /* the id of the cluster that it joined; "": none yet */
};

/* The id of a cluster that was never there before, into 'ret' of cluster_id_size bytes. -errno. */
int identity_make_cluster(char *ret, struct error *err);

/* The kernel's boot id, another one after each boot, into 'ret' of boot_id_size bytes; 'host_root'
 * is where /proc is found. -errno. */
int identity_boot_id(const char *host_root, char *ret, struct error *err);

/* The name that this host joined under in this boot, into 'ret' of name_size bytes. False, and
 * '*ret' as it was: it has not joined yet, or what 'run_dir' holds cannot be read. */
bool identity_name(const char *run_dir, const char *boot_id, char *ret);

/* '*ret' of 'boot_id' and 'node', with what 'run_dir' holds of that. 0, also if there is nothing;
 * -EBUSY: this boot is another node's; -EBADMSG; -errno: it cannot be read. */
int identity_load(const char *run_dir, const char *boot_id, const char *node, struct identity *ret,
                  struct error *err);

/* Replaces the file in one step. It does not block: run_dir is on a file system in memory. */
int identity_keep(const char *run_dir, const struct identity *identity, struct error *err);

/* Leaves the word for the berthd that runs. */
int identity_resolve(const char *run_dir, bool is_adopted, struct error *err);
/* For people and 'berthd --check-config': why the store contradicts this host; NULL: it does not.
 */
void identity_tell(const char *run_dir, const char *why);
/* The same sentence into 'ret'; false: there is none. */
bool identity_told(const char *run_dir, char *ret, size_t size);
/* The same for who asks often, lent until the next call; NULL: there is none. The file waits for a
 * person, so it is read once a second. 'look' is {0} before the first call. */
struct identity_look {
    char why[1024];
    bool is_told;
    msec_t next_ms;
};
const char *identity_look(struct identity_look *look, const char *run_dir, msec_t now_ms);
/* Takes the word, if there is one. */
bool identity_take_resolve(const char *run_dir, bool *ret_is_adopted);
