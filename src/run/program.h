/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The main() that berthd and berth-api share: arguments, configuration, exit code; and what they
 * say of themselves, to --help and to their manual pages. */
#pragma once

#include "run/config.h"

#include <stdbool.h>
#include <stdio.h>

struct program {
    const char *name;    /* "berthd" */
    const char *summary; /* what it is, a line without a full stop */
    const char *purpose; /* what it does, a sentence or two on lines of their own */
    bool is_for_host;    /* it has a store that may contradict its host */
    const char *more;    /* what only the manual page says: paragraphs, parted by empty lines */
};

extern const struct program berthd_program, berth_api_program;

struct program_option {
    const char *name;  /* "config" */
    const char *value; /* "FILE"; NULL: a switch */
    const char *help;
    bool is_for_host; /* berthd's alone */
};

extern const struct program_option program_options[];
extern const size_t program_option_len;

struct program_exit {
    int code;
    const char *help;
};

extern const struct program_exit program_exits[];
extern const size_t program_exit_len;

/* Exit codes as in 'program_exits'. 'run' is called with a configuration that is right; 'look', if
 * it is not NULL, by --check-config, to tell 'to' what else on this host is not as it should be. */
int program_main(const struct program *program,
                 int (*run)(const struct config *config, struct error *err),
                 void (*look)(const struct config *config, FILE *to), int argc, char **argv);
