/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berthd: one on each host. */
#include "run/daemon.h"
#include "run/program.h"

int main(int argc, char **argv)
{
    return program_main(&berthd_program, daemon_run, daemon_look_around, argc, argv);
}
