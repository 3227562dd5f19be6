/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 'berth plan --state FILE [fail NODE...|drain NODE...|start VM...] [-o table|json]': the planner
 * on a state file, without any cluster. docs/state-file.md describes the file and the answer.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Whether the command line 'berth ...' (argv[0] is the program) is such a question. */
bool plan_command_is_asked(int argc, char **argv);

/* 'argv' begins with "plan"; options may stand anywhere behind it. The exit code: EXIT_OK, all find
 * a place; EXIT_REFUSED, some do not, or the file is refused; EXIT_USAGE; EXIT_NOT_FOUND, it has no
 * such node or VM. Writes to 'out' and 'err'. FILE may be "-": standard input. */
int plan_command_to(int argc, char **argv, FILE *out, FILE *err);
/* The same with the process's own streams. */
int plan_command(int argc, char **argv);
