/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-api: the cluster's REST API, on any number of hosts. */
#include "run/api_server.h"
#include "run/program.h"

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "berth-api",
        .purpose = "Serves the cluster's REST API at a Unix socket, for the command berth.\n",
        .run = api_server_run,
    };
    return program_main(&program, argc, argv);
}
