/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berthd: one on each host. */
#include "run/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: berthd [--config FILE] [--check-config] [--version]\n"
                            "\n"
                            "Owns this host's GPUs and VMs, and coordinates the cluster when it is\n"
                            "elected. Configuration: /etc/berth/berth.conf, see berth.conf(5).\n";

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
            (void)printf("berthd %s\n", BERTH_VERSION);
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
        (void)fprintf(stderr, "berthd: %s\n", err.text);
        return 2;
    }
    if (is_check) {
        (void)printf("the configuration is right; this node is %s\n", config.node);
        return EXIT_SUCCESS;
    }
    if (daemon_run(&config, &err) < 0) {
        (void)fprintf(stderr, "berthd: %s\n", err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
