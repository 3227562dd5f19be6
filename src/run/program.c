/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { exit_usage = 2 };

struct arguments {
    const char *config_path; /* NULL: the default */
    bool is_check, is_version, is_help, is_wrong;
};

static struct arguments read_arguments(int argc, char **argv)
{
    struct arguments given = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            given.config_path = argv[++i];
        } else if (strcmp(argv[i], "--check-config") == 0) {
            given.is_check = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            given.is_version = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            given.is_help = true;
        } else {
            given.is_wrong = true;
        }
    }
    return given;
}

static void show_usage(const struct program *program, FILE *to)
{
    (void)fprintf(to,
                  "usage: %s [--config FILE] [--check-config] [--version]\n\n%s"
                  "Configuration: %s, see berth.conf(5).\n",
                  program->name, program->purpose, CONFIG_PATH_DEFAULT);
}

int program_main(const struct program *program, int argc, char **argv)
{
    struct arguments given = read_arguments(argc, argv);
    struct config config;
    struct error err = {0};
    if (given.is_wrong || given.is_help) {
        show_usage(program, given.is_wrong ? stderr : stdout);
        return given.is_wrong ? exit_usage : EXIT_SUCCESS;
    }
    if (given.is_version) {
        (void)printf("%s %s\n", program->name, BERTH_VERSION);
        return EXIT_SUCCESS;
    }
    if (config_load(given.config_path, &config, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", program->name, err.text);
        return exit_usage;
    }
    if (given.is_check) {
        (void)printf("the configuration is right; this node is %s, its API listens at %s\n",
                     config.node, config.api_socket);
        return EXIT_SUCCESS;
    }
    if (program->run(&config, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", program->name, err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
