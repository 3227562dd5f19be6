/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Until it has come to pass: looks again and again, shows on terminals how it stands. */
#pragma once

#include "cli/client.h"

/* Looks once. Negative: not yet, '*ret_text' (caller frees) says how it stands; else an exit code,
 * what there is to say said. */
typedef int (*wait_look)(struct cli *cli, void *userdata, char **ret_text);

/* Whether the command line wants waiting. */
bool wait_is_wanted(const struct cli *cli);

/* Until 'look' has an answer, or the time is up: EXIT_TIMEOUT. */
int wait_until(struct cli *cli, wait_look look, void *userdata);
/* The same, for what takes long unless --timeout says otherwise. */
int wait_long(struct cli *cli, wait_look look, void *userdata);
/* The same for a minute, or --timeout if that is shorter. Negative, nothing said: the time is up.
 */
int wait_briefly(struct cli *cli, wait_look look, void *userdata);
