/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth, all of it: what src/bin/berth.c becomes where a cluster is asked. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv, stdout, stderr);
}
