/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options that say how a VM is to be treated, as fields of its JSON. */
#pragma once

#include "cli/client.h"

/* The text of a domain XML in the file at 'path' ("-": standard input). An exit code, said. */
int read_xml(struct cli *cli, const char *path, struct buf *text);

/* Adds what was given to 'body'. EXIT_OK, or EXIT_USAGE and said. */
int policy_read(struct cli *cli, json_t *body);
