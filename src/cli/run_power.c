/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hosts that are shut down or rebooted. The order is in the store, and the host's own berthd
 * carries it out; what stands here only waits, and with --all gives the next order when the host
 * before is back. An interrupted command leaves nothing half done.
 */
#include "cli/power.h"
#include "cli/show.h"
#include "cli/wait.h"

#include "base/cleanup.h"

#include <string.h>
#include <unistd.h>

struct power {
    const char *node;
    json_int_t incarnation; /* in which it was ordered */
    bool is_reboot;
};

static bool is_any_of(const char *word, const char *const *words, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Until its GPUs are bound and libvirt answers, it takes no VMs. */
static bool is_ready(const json_t *node)
{
    static const char *const needed[] = {"gpus", "hypervisor"};
    size_t i;
    json_t *check;
    json_array_foreach(array_at(node, "checks"), i, check) {
        if (is_any_of(text_at(check, "name"), needed, ARRAY_LEN(needed)) &&
            !truth_at(check, "ok")) {
            return false;
        }
    }
    return true;
}

static bool is_over(const struct power *power, const json_t *node)
{
    static const char *const back[] = {"up", "paused", "quarantined", "draining", "drained"};
    static const char *const off[] = {"shut-down", "fenced"};
    const char *state = text_at(node, "state");
    if (!power->is_reboot) {
        return is_any_of(state, off, ARRAY_LEN(off));
    }
    return number_at(node, "incarnation") > power->incarnation &&
           is_any_of(state, back, ARRAY_LEN(back)) && is_ready(node);
}

static bool is_withdrawn(const struct power *power, const json_t *node)
{
    const json_t *spec = json_object_get(node, "spec");
    return number_at(node, "incarnation") == power->incarnation &&
           strcmp(text_at(spec, "power"), power->is_reboot ? "reboot" : "shutdown") != 0;
}

static int look_at_power(struct cli *cli, void *userdata, char **ret_text)
{
    const struct power *power = userdata;
    CLEANUP(buf_done) struct buf text = {0};
    json_t *node;
    int r = client_get(cli, &node, "/v1/nodes/%s", power->node);
    if (r != EXIT_OK) {
        return r;
    }
    r = -1;
    if (is_over(power, node)) {
        (void)fprintf(cli->out, "%s is %s\n", power->node,
                      power->is_reboot ? "back" : text_at(node, "state"));
        r = EXIT_OK;
    } else if (is_withdrawn(power, node)) {
        r = cli_fail(cli, EXIT_REFUSED, "the request was canceled: %s stays up", power->node);
    }
    buf_printf(&text, "%s is %s%s%s", power->node, text_at(node, "state"),
               text_at(node, "detail")[0] ? ": " : "", text_at(node, "detail"));
    *ret_text = buf_take(&text);
    json_decref(node);
    return r;
}

/* Which incarnation is ordered, then the order. */
static int node_order_power(struct cli *cli, struct power *power)
{
    json_t *node;
    int r = client_get(cli, &node, "/v1/nodes/%s", power->node);
    if (r != EXIT_OK) {
        return r;
    }
    power->incarnation = number_at(node, "incarnation");
    json_decref(node);
    return change(cli, "POST", json_pack("{s:b}", "force", cli_option(cli, "force") != NULL),
                  power->is_reboot ? "/v1/nodes/%s/reboot" : "/v1/nodes/%s/shutdown", power->node);
}

static int order_and_wait(struct cli *cli, const char *node, bool is_reboot)
{
    struct power power = {.node = node, .is_reboot = is_reboot};
    int r = node_order_power(cli, &power);
    return r == EXIT_OK && wait_is_wanted(cli) ? wait_long(cli, look_at_power, &power) : r;
}

int run_node_shutdown(struct cli *cli)
{
    return order_and_wait(cli, cli->args.items[0], false);
}

/* ---- all of them, one by one ---- */

bool node_is_here(const char *node)
{
    char name[256] = "";
    (void)gethostname(name, sizeof(name) - 1);
    name[strcspn(name, ".")] = '\0';
    return strcmp(name, node) == 0;
}

int node_each_in_turn(struct cli *cli, const json_t *nodes, const char *doing,
                      int (*act)(struct cli *cli, const char *node), size_t *ret_done)
{
    size_t i, len = json_array_size(nodes);
    json_t *node;
    int r = EXIT_OK;
    *ret_done = 0;
    for (int turn = 0; turn < 2; turn++) { /* this host comes last */
        json_array_foreach(nodes, i, node) {
            const char *name = text_at(node, "name");
            if (r == EXIT_OK && node_is_here(name) == (turn == 1)) {
                (void)fprintf(cli->out, "%s: %s (%zu of %zu)\n", name, doing, *ret_done + 1, len);
                (void)fflush(cli->out);
                r = act(cli, name);
                *ret_done += r == EXIT_OK;
            }
        }
    }
    return r;
}

int node_reboot(struct cli *cli, const char *node)
{
    return order_and_wait(cli, node, true);
}

static int reboot_all(struct cli *cli, const json_t *nodes)
{
    size_t done;
    int r = node_each_in_turn(cli, nodes, "rebooting", node_reboot, &done);
    if (r != EXIT_OK) {
        (void)cli_fail(cli, 0, "stopped after %zu of %zu nodes; the others were not touched", done,
                       json_array_size(nodes));
    }
    return r;
}

int run_node_reboot(struct cli *cli)
{
    bool is_all = cli_option(cli, "all") != NULL;
    if (is_all == (cli->args.len > 0)) {
        return cli_fail(cli, EXIT_USAGE, "name one node, or use --all");
    }
    if (!is_all) {
        return node_reboot(cli, cli->args.items[0]);
    }
    if (!wait_is_wanted(cli)) {
        return cli_fail(cli, EXIT_USAGE, "--all waits for each node: --no-wait is no help");
    }
    json_t *json;
    int r = client_get(cli, &json, "/v1/nodes");
    if (r == EXIT_OK) {
        r = reboot_all(cli, array_at(json, "items"));
        json_decref(json);
    }
    return r;
}
