/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hosts that go down and come back, one after the other. */
#pragma once

#include "cli/command.h"

#include <jansson.h>

/* Orders it and, unless the options say otherwise, waits until it is back. */
int node_reboot(struct cli *cli, const char *node);
/* Whether it is the host on which this runs, by its host name. */
bool node_is_here(const char *node);
/* 'act' for each of 'nodes', said as what one is 'doing' to it; this host last, as the command may
 * end with it. Stops at the first failure, which is the result; how many were done before. */
int node_each_in_turn(struct cli *cli, const json_t *nodes, const char *doing,
                      int (*act)(struct cli *cli, const char *node), size_t *ret_done);
