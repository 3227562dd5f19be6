/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store as the configuration file names it: what berthd and berth-api both begin with. */
#pragma once

#include "run/config.h"
#include "run/store.h"

/* How a client of that store begins. */
struct store_login {
    const char *endpoints[config_endpoints_max]; /* lent from the configuration, as all texts */
    char password[config_text_size];             /* wipe it */
    struct etcd_config etcd;                     /* points into this struct: it cannot be copied */
};
/* -ENOENT, -EACCES, -EINVAL: the password file cannot be read, or is empty. */
int store_login_read(const struct config *config, struct store_login *ret, struct error *err);

/* store_new() of the etcd cluster 'cluster' (0: whichever answers first), with the endpoints,
 * certificates and password that 'config' names. Errors as there, or that of reading the password
 * file. The observer's 'bad', 'trouble' and 'foreign' are the journal's. */
int open_store(sd_event *event, const struct config *config, const struct store_observer *observer,
               uint64_t cluster, void *userdata, struct store **ret, struct error *err);
