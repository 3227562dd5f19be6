/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a host becomes part of a cluster, and leaves it: the first one makes the store and the
 * cluster's certificate authority, others join through a host that is in it already.
 *
 *     say.c       progress, and what a host is called
 *     files.c     files and directories below the root, and what a failed attempt leaves behind
 *     command.c   systemctl and other programs
 *     store.c     requests of etcd's administrator, one after the other
 *     member.c    members of the store come and go
 *     secrets.c   certificates and passwords
 *     checks.c    what a host must have
 *     conf.c      berth.conf, the environment of etcd
 *     backup.c    the records of the store as a file
 *     renew.c     certificates whose time is nearly over
 *     moves.c     certificates for libvirt and QEMU, which hand running VMs over
 *     state.c     what this host remembers of its cluster
 *     channel.c   TLS between two hosts that share a secret
 *     host.c      the steps that 'init' and 'join' share
 *     init.c join.c sponsor.c leave.c status.c    one command each
 *
 * Everything blocks; the command line calls it, as root. It never asks a question.
 */
#pragma once

#include "base/error.h"
#include "model/limits.h"

#include <jansson.h>

enum { setup_address_size = 64 };

struct setup {
    const char *root; /* every file is below it; "" on a real host. Elsewhere ROOT/systemctl takes
                         the place of systemctl, for tests */
    char node[name_size];
    char address[setup_address_size]; /* numeric; other hosts reach this one there */
    bool is_witness;                  /* holds the store, runs no VM */
    bool keeps_vms; /* of leaving: VMs go on, so that this host must not join another cluster before
                       it was restarted */
    void (*say)(void *userdata, const char *text); /* one line of progress */
    void *userdata;
};

/* Whether anyone who asks may do any of this: -EPERM. */
int setup_may(const struct setup *setup, struct error *err);

/* For a host that is in no cluster yet. What is not given: the node's name is the host's, the
 * address that of the default route. */
int setup_complete(struct setup *setup, struct error *err);

/* Makes a cluster of one. On failure nothing of it stays, and '*err' says why. -EALREADY: this host
 * is in a cluster. */
int setup_init(struct setup *setup, struct error *err);

/* The same, with the records of a file of setup_backup() in its store, and disarmed. */
int setup_restore(struct setup *setup, const char *path, struct error *err);

/* Writes the records of the store to a file, and how many there are to '*ret_len'. */
int setup_backup(struct setup *setup, const char *path, size_t *ret_len, struct error *err);

/* Joins the cluster whose host gave out 'token'. As setup_init(). */
int setup_join(struct setup *setup, const char *token, struct error *err);

enum { setup_token_size = 160 };

/* Lets one host join: makes a token, hands it to 'tell', and waits until that host is in. -ETIME:
 * 'limit_ms' is over. */
int setup_sponsor(struct setup *setup, msec_t limit_ms,
                  void (*tell)(void *userdata, const char *token), struct error *err);

/* What this host is called in its cluster, and whether it is a witness, into 'setup'. -ENOENT: it
 * is in none. */
int setup_name(struct setup *setup, struct error *err);

/* Removes what is on this host of a cluster whose store is lost. Asks the store nothing. VMs keep
 * running, this host remembers who it is, and the data of its member are kept beside. */
int setup_forget(struct setup *setup, struct error *err);

/* Takes this host out of the cluster: its member of the store, its services, keys and data. A
 * witness has no rights in the store: another host removes its member. */
int setup_leave(struct setup *setup, struct error *err);
/* Removes the member of another host, which is gone for good or leaves, too. */
int setup_remove_member(struct setup *setup, const char *node, struct error *err);

/* What a host of a cluster does now and then: renews certificates, then takes up members of the
 * store that came or went since: berth.conf, and a restart of the daemons if it changed. */
int setup_refresh(struct setup *setup, struct error *err);

/* {"members": [{name, url, is_learner, is_leader, version, size_bytes, latency_ms or error}],
 *  "certificates": [{file, until, days_left, is_valid_now or error}], "node", "address"}; the
 * caller's. If the store does not say its members, "members" is null and "error" says why. */
int setup_status(struct setup *setup, json_t **ret, struct error *err);
