/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store as the configuration file names it: what berthd and berth-api both begin with. */
#pragma once

#include "run/config.h"
#include "run/store.h"

/* store_new() with the endpoints, certificates and password that 'config' names. Errors as there,
 * or that of reading the password file. The observer's 'bad' and 'trouble' are the journal's. */
int open_store(sd_event *event, const struct config *config, const struct store_observer *observer,
               void *userdata, struct store **ret, struct error *err);
