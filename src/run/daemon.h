/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * berthd: feeds the core with what the store, the hypervisor, the host, the watchdog and the clock
 * say, and performs what it orders. Holds no decision of its own.
 */
#pragma once

#include "run/config.h"

#include <stdio.h>

/* Runs until berthd is told to end (SIGTERM, SIGINT) and has taken its leave. 0, or what kept it
 * from beginning. */
int daemon_run(const struct config *config, struct error *err);

/* Tells what else is set up on this host and gets in the way (host/services.h), a line each. */
void daemon_look_around(const struct config *config, FILE *to);
