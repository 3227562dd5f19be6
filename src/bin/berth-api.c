/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-api: the cluster's REST API, on any number of hosts. */
#include "run/api_server.h"
#include "run/look_store.h"
#include "run/program.h"

int main(int argc, char **argv)
{
    return program_main(&berth_api_program, api_server_run, look_store, argc, argv);
}
