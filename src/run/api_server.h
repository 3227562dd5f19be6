/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * berth-api: the store's stream, the API room and HTTP on one loop. Holds no decision of its own:
 * src/api answers; this carries out the transactions that come with the answers.
 */
#pragma once

#include "run/config.h"

/* Serves until it is told to end (SIGTERM, SIGINT). 0, or what kept it from beginning. A store that
 * is down is no error: reads say how old they are, changes are refused until it is back. */
int api_server_run(const struct config *config, struct error *err);
