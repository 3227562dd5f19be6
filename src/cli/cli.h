/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line 'berth': one table of commands, from which parsing and help come. */
#pragma once

#include "cli/exit_code.h"

#include <stdio.h>

/* The whole program; the exit code. Writes to 'out' and 'err'. */
int cli_main(int argc, char **argv, FILE *out, FILE *err);
