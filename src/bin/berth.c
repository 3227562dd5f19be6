/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * berth: the command line of the cluster. A question to a state file is answered here, in about a
 * millisecond; for all else this becomes berth-client, whose libraries (libcurl, libvirt, libxml2
 * and what these load) alone take several. That one stands beside this one, or in the libexec
 * directory.
 */
#include "cli/cli.h"
#include "cli/plan_command.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char client[] = "berth-client";

/* The file 'client' in the directory of this program, into 'ret'. */
static bool find_beside(char ret[static PATH_MAX + sizeof(client)])
{
    ssize_t size = readlink("/proc/self/exe", ret, PATH_MAX);
    char *slash = size > 0 ? memrchr(ret, '/', (size_t)size) : NULL;
    if (!slash) {
        return false;
    }
    memcpy(slash + 1, client, sizeof(client));
    return true;
}

int main(int argc, char **argv)
{
    char beside[PATH_MAX + sizeof(client)];
    if (plan_command_is_asked(argc, argv)) {
        int r = plan_command_to(argc - 1, argv + 1, stdout, stderr);
        return fflush(stdout) != 0 && r == EXIT_OK ? EXIT_REFUSED : r;
    }
    if (find_beside(beside)) {
        (void)execv(beside, argv);
    }
    (void)execv(BERTH_LIBEXEC_DIR "/berth-client", argv);
    (void)fprintf(stderr, "berth: cannot start %s/%s: %s; install Berth again\n", BERTH_LIBEXEC_DIR,
                  client, strerror(errno));
    return EXIT_REFUSED;
}
