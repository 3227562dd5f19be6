/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-api: the cluster's REST API, on any number of hosts. */
#include "run/api_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: berth-api [--config FILE] [--check-config] [--version]\n"
    "\n"
    "Serves the cluster's REST API at a Unix socket, for the command berth.\n"
    "Configuration: /etc/berth/berth.conf, see berth.conf(5).\n";

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool is_check = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            path = argv[++i];
        } else if (strcmp(argv[i], "--check-config") == 0) {
            is_check = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            (void)printf("berth-api %s\n", BERTH_VERSION);
            return EXIT_SUCCESS;
        } else {
            bool is_help = strcmp(argv[i], "--help") == 0;
            (void)fputs(usage, is_help ? stdout : stderr);
            return is_help ? EXIT_SUCCESS : 2;
        }
    }
    struct config config;
    struct error err = {0};
    if (config_load(path, &config, &err) < 0) {
        (void)fprintf(stderr, "berth-api: %s\n", err.text);
        return 2;
    }
    if (is_check) {
        (void)printf("the configuration is right; the socket is %s\n", config.api_socket);
        return EXIT_SUCCESS;
    }
    if (api_server_run(&config, &err) < 0) {
        (void)fprintf(stderr, "berth-api: %s\n", err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
