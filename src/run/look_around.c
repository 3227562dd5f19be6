/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/services.h"
#include "run/daemon.h"
#include "run/look_store.h"

#include <string.h>

void daemon_look_around(const struct config *config, FILE *to)
{
    node_checks_t checks = {0};
    const char *fault = config_fault(config);
    if (fault) {
        (void)node_checks_add(&checks, "migration", false, "%s", fault);
    }
    const char *root = strcmp(config->host_root, "/") == 0 ? "" : config->host_root;
    if (!host_services_check(root, &checks)) {
        (void)fprintf(to, "warning: out of memory\n");
    }
    VEC_EACH(&checks, check) {
        if (!check->is_ok) {
            (void)fprintf(to, "%s: %s: %s\n", check->is_advice ? "warning" : "failed", check->name,
                          check->detail);
        }
    }
    VEC_DONE(&checks);
    look_store(config, to);
}
