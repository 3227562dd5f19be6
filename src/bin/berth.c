/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * berth: the command line of the cluster. A question to a state file is answered here, in about a
 * millisecond; for all else this becomes berth-client, whose libraries (libcurl, libvirt, libxml2
 * and what these load) alone take several. That one stands beside this one, or in the libexec
 * directory.
 */
#include "cli/cli.h"
#include "cli/plan_command.h"
#include "loop/sibling.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char client[PATH_MAX];
    if (plan_command_is_asked(argc, argv)) {
        int r = plan_command_to(argc - 1, argv + 1, stdout, stderr);
        return fflush(stdout) != 0 && r == EXIT_OK ? EXIT_REFUSED : r;
    }
    (void)sibling_find("berth-client", client, sizeof(client));
    (void)execv(client, argv);
    (void)fprintf(stderr, "berth: cannot start %s: %s; install Berth again\n", client,
                  strerror(errno));
    return EXIT_REFUSED;
}
