/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The main() that berthd and berth-api share: arguments, configuration, exit code. */
#pragma once

#include "run/config.h"

struct program {
    const char *name;    /* "berthd" */
    const char *purpose; /* what it does, lines that end with a newline */
    int (*run)(const struct config *config, struct error *err);
};

/* Exit codes: 0; 1 it could not begin or failed; 2 usage or configuration. */
int program_main(const struct program *program, int argc, char **argv);
