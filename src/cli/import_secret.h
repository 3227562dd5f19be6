/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sealed secrets of fence agents in the file of an export. */
#pragma once

#include "cli/command.h"

#include <jansson.h>

/*
 * Takes the boxes out of 'spec', a node's in a file, that this cluster's hosts cannot open because
 * they are sealed to another key than the one of now, with the secrets in them; unless 'have' has
 * them just so. Whether there were any into '*ret_dropped'. EXIT_OK, or an exit code, said.
 */
int node_secrets_drop_foreign(struct cli *cli, json_t *spec, const json_t *have, bool *ret_dropped);
