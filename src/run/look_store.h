/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What --check-config says of the store that the configuration names: asked once, and read only. */
#pragma once

#include "run/config.h"

#include <stdio.h>

/* A line for each endpoint (which member of which cluster, and etcd's version), and one that says
 * whether a majority answers to this certificate, user and password. Takes some seconds at most.
 * Ignores SIGPIPE from now on. */
void look_store(const struct config *config, FILE *to);
