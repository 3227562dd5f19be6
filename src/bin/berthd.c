/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berthd: one on each host. */
#include "run/daemon.h"
#include "run/program.h"

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "berthd",
        .purpose = "Owns this host's GPUs and VMs, and coordinates the cluster when it is elected.\n",
        .run = daemon_run,
    };
    return program_main(&program, argc, argv);
}
