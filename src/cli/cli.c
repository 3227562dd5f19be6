/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#include "cli/client.h"
#include "cli/plan_command.h"
#include "loop/retry.h"

#include <curl/curl.h>
#include <locale.h>
#include <signal.h>
#include <unistd.h>

enum { watch_ms = 2000 };

/* Once; with --watch until it is interrupted. What fails is told and tried again, because a cluster
 * is watched when something is wrong with it; only a command line that is wrong ends it. */
static int run(struct cli *cli)
{
    bool is_terminal = isatty(fileno(cli->out)) == 1;
    int r;
    do {
        if (is_terminal && cli_option(cli, "watch")) {
            (void)fputs("\033[H\033[2J", cli->out);
        }
        r = cli->command->run(cli);
        if (fflush(cli->out) != 0 || r == EXIT_USAGE || !cli_option(cli, "watch")) {
            return r;
        }
        retry_pause(watch_ms);
    } while (true);
}

int cli_main(int argc, char **argv, FILE *out, FILE *err)
{
    if (plan_command_is_asked(argc, argv)) {
        return plan_command_to(argc - 1, argv + 1, out, err);
    }
    struct cli cli;
    bool is_done;
    (void)setlocale(LC_TIME, "C");
    (void)signal(SIGPIPE, SIG_IGN);
    int r = cli_parse(argc, (const char *const *)argv, out, err, &cli, &is_done);
    if (!is_done) {
        (void)curl_global_init(CURL_GLOBAL_DEFAULT);
        cli.client = client_new(&cli, &r);
        r = cli.client ? run(&cli) : r;
        client_free(cli.client);
        curl_global_cleanup();
    }
    cli_done(&cli);
    /* What could not be written was not done, as far as a script can tell. */
    if (fflush(out) != 0 && r == EXIT_OK) {
        r = EXIT_REFUSED;
    }
    return r;
}
