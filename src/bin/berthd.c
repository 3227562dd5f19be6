/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berthd: one on each host. */
#include "host/helper.h"
#include "run/daemon.h"
#include "run/program.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], HOST_HELPER_ARGUMENT) == 0) {
        return host_helper_main((struct host_kernel){0});
    }
    return program_main(&berthd_program, daemon_run, argc, argv);
}
