/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every host updated, one after the other: its VMs leave it, a command runs, it reboots and takes
 * VMs again. The command runs here, as who typed it, and reaches the host by the means of who typed
 * it, such as ssh. Berth carries no command to a host: nothing that comes over the network, from
 * the console or from the store is ever run there.
 */
#include "cli/power.h"
#include "cli/show.h"
#include "cli/wait.h"

#include "base/cleanup.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* 'word' with the node's name for each {}; the caller's. */
static char *with_name(const char *word, const char *node)
{
    struct buf text = {0};
    buf_text(&text, "");
    for (const char *at; (at = strstr(word, "{}")); word = at + 2) {
        buf_add(&text, word, (size_t)(at - word));
        buf_text(&text, node);
    }
    buf_text(&text, word);
    char *whole = buf_take(&text);
    return whole ? whole : strdup("");
}

/* The exit code of COMMAND, or 127 if there is none to run. */
static int run_words(char *const *words)
{
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, words[0], NULL, NULL, words, environ) != 0) {
        return 127;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_command_for(struct cli *cli, const char *node)
{
    CLEANUP(freep) char **words = calloc(cli->args.len + 1, sizeof(*words));
    int code = 127;
    (void)fprintf(cli->out, "%s: running %s\n", node, cli->args.items[0]);
    (void)fflush(cli->out);
    for (size_t i = 0; words && i < cli->args.len; i++) {
        words[i] = with_name(cli->args.items[i], node);
    }
    if (words && setenv("BERTH_NODE", node, 1) == 0) {
        code = run_words(words);
    }
    for (size_t i = 0; words && i < cli->args.len; i++) {
        free(words[i]);
    }
    return code == 0 ? EXIT_OK
                     : cli_fail(cli, EXIT_REFUSED, "%s: %s ended with exit code %d", node,
                                cli->args.items[0], code);
}

/* The commands for one node, as if they had been typed. */
static int for_node(struct cli *cli, const char *node, int run(struct cli *cli))
{
    const char *name = node;
    __typeof__(cli->args) words = cli->args;
    cli->args.items = &name;
    cli->args.len = cli->args.capacity = 1;
    int r = run(cli);
    cli->args = words;
    return r;
}

/* One host less at a time: with another one away, the VMs of this one might find no place, and the
 * loss of one more would be one too many. */
static int check_others(struct cli *cli, const char *node)
{
    json_t *json, *other;
    size_t i;
    int r = client_get(cli, &json, "/v1/nodes");
    json_array_foreach(r == EXIT_OK ? array_at(json, "items") : NULL, i, other) {
        const char *state = text_at(other, "state");
        if (r == EXIT_OK && strcmp(text_at(other, "name"), node) != 0 && strcmp(state, "up") != 0) {
            r = cli_fail(cli, EXIT_REFUSED, "%s is %s: %s is not taken out as well",
                         text_at(other, "name"), state, node);
        }
    }
    json_decref(json);
    return r;
}

static int update_node(struct cli *cli, const char *node)
{
    bool reboots = cli_option(cli, "no-reboot") == NULL, is_here = node_is_here(node);
    int r = check_others(cli, node);
    if (r != EXIT_OK) {
        return r;
    }
    r = for_node(cli, node, run_node_drain);
    r = r == EXIT_OK ? run_command_for(cli, node) : r;
    /* This host's reboot ends us, so it must be let in before. */
    if (r == EXIT_OK && reboots && !is_here) {
        r = node_reboot(cli, node);
    }
    if (r == EXIT_OK) {
        r = for_node(cli, node, run_node_resume);
    } else {
        (void)cli_fail(cli, 0, "%s takes no VMs until \"berth node resume %s\"", node, node);
    }
    return r == EXIT_OK && reboots && is_here ? node_reboot(cli, node) : r;
}

static int update_all(struct cli *cli, const json_t *nodes)
{
    size_t done;
    int r = node_each_in_turn(cli, nodes, "updating", update_node, &done);
    if (r != EXIT_OK) {
        (void)cli_fail(cli, 0, "stopped after %zu of %zu nodes; those after that were not touched",
                       done, json_array_size(nodes));
    }
    return r;
}

int run_update(struct cli *cli)
{
    json_t *json, *node;
    size_t i;
    if (!cli_option(cli, "all")) {
        return cli_fail(cli, EXIT_USAGE, "say --all: all nodes are updated, one by one");
    }
    if (!wait_is_wanted(cli)) {
        return cli_fail(cli, EXIT_USAGE, "--all waits for each node: --no-wait is no help");
    }
    int r = client_get(cli, &json, "/v1/nodes");
    json_array_foreach(r == EXIT_OK ? array_at(json, "items") : NULL, i, node) {
        if (r == EXIT_OK && strcmp(text_at(node, "mode"), "active") != 0) {
            r = cli_fail(cli, EXIT_REFUSED,
                         "%s is not active, and would be afterwards: berth node resume %s, or "
                         "update the nodes one by one",
                         text_at(node, "name"), text_at(node, "name"));
        }
    }
    r = r == EXIT_OK ? update_all(cli, array_at(json, "items")) : r;
    json_decref(json);
    return r;
}
