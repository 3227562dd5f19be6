/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From nothing to a cluster: the commands that work on this host, as root, without berth-api. */
#include "cli/show.h"

#include "base/cleanup.h"
#include "base/parse.h"
#include "setup/setup.h"

#include <errno.h>

enum { token_limit_ms = 60 * 60 * 1000 };

static void say(void *userdata, const char *text)
{
    struct cli *cli = userdata;
    /* With -o json only the result is on standard output. */
    (void)fprintf(cli->is_json ? cli->err : cli->out, "%s\n", text);
    (void)fflush(cli->out);
}

static int fail(struct cli *cli, const struct error *err)
{
    return cli_fail(cli, err->code == -EAGAIN ? EXIT_UNREACHABLE : EXIT_REFUSED, "%s", err->text);
}

/* What every one of these commands is given. 'is_complete': also what the host tells. */
static int begin(struct cli *cli, struct setup *ret)
{
    const char *root = cli_option(cli, "root"), *address = cli_option(cli, "address");
    const char *node = cli_option(cli, "node");
    struct error err;
    *ret = (struct setup){.root = root ? root : "",
                          .is_witness = cli_option(cli, "witness") != NULL,
                          .say = say,
                          .userdata = cli};
    if ((address && !copy_text(ret->address, sizeof(ret->address), address)) ||
        (node && !copy_text(ret->node, sizeof(ret->node), node))) {
        return cli_fail(cli, EXIT_USAGE, "--address or --node is too long");
    }
    return setup_complete(ret, &err) < 0 ? fail(cli, &err) : EXIT_OK;
}

int run_cluster_init(struct cli *cli)
{
    struct setup setup;
    struct error err;
    int r = begin(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    if (setup_init(&setup, &err) < 0) {
        return fail(cli, &err);
    }
    (void)fprintf(cli->out,
                  "\nThe cluster has one host, %s. Next:\n"
                  "  berth cluster token     lets another host join; with three, one can fail\n"
                  "  berth validate          says what this host still needs\n",
                  setup.node);
    return EXIT_OK;
}

int run_cluster_join(struct cli *cli)
{
    struct setup setup;
    struct error err;
    int r = begin(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    if (setup_join(&setup, cli->args.items[0], &err) < 0) {
        return fail(cli, &err);
    }
    (void)fprintf(cli->out, "\n%s is in the cluster%s.\n", setup.node,
                  setup.is_witness ? " as a witness" : "");
    return EXIT_OK;
}

static void tell_token(void *userdata, const char *token)
{
    struct cli *cli = userdata;
    (void)fprintf(cli->out,
                  "On the host that is to join, run:\n\n  berth cluster join %s\n\n"
                  "For a witness, add --witness. Waiting for that host; Ctrl-C makes the token "
                  "worthless.\n",
                  token);
    (void)fflush(cli->out);
}

int run_cluster_token(struct cli *cli)
{
    struct setup setup;
    struct error err;
    const char *text = cli_option(cli, "for");
    json_int_t limit_ms = token_limit_ms;
    if (text && !parse_duration(text, &limit_ms)) {
        return cli_fail(cli, EXIT_USAGE, "--for takes a time such as 90s, 30m or 2h, not \"%s\"",
                        text);
    }
    int r = begin(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    return setup_sponsor(&setup, limit_ms, tell_token, &err) < 0 ? fail(cli, &err) : EXIT_OK;
}

int run_cluster_refresh(struct cli *cli)
{
    struct setup setup;
    struct error err;
    int r = begin(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    return setup_refresh(&setup, &err) < 0 ? fail(cli, &err) : EXIT_OK;
}

/* VMs would go on without anyone who watches them. */
static int refuse_with_vms(struct cli *cli, const char *node)
{
    json_t *list;
    size_t i, vms = 0;
    json_t *vm;
    int r = client_get(cli, &list, "/v1/vms");
    if (r != EXIT_OK) {
        return r;
    }
    json_array_foreach(json_object_get(list, "items"), i, vm) {
        vms += strcmp(text_at(vm, "node"), node) == 0;
    }
    json_decref(list);
    return vms == 0
               ? EXIT_OK
               : cli_fail(
                     cli, EXIT_REFUSED,
                     "this host runs %zu VM%s: move what runs with \"berth node drain %s\", or "
                     "add --force; then it keeps running, and nothing watches it",
                     vms, vms == 1 ? "" : "s", node);
}

int run_cluster_leave(struct cli *cli)
{
    struct setup setup;
    struct error err;
    char question[200];
    int r = begin(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    const char *member = cli_option(cli, "member");
    if (member) {
        (void)snprintf(question, sizeof(question),
                       "Remove %.63s from the store? Its host must be off or leave, too.", member);
        return !cli_confirm(cli, question)                     ? EXIT_REFUSED
               : setup_remove_member(&setup, member, &err) < 0 ? fail(cli, &err)
                                                               : EXIT_OK;
    }
    if (setup_name(&setup, &err) < 0) {
        return fail(cli, &err);
    }
    setup.keeps_vms = cli_option(cli, "force") != NULL;
    if (!setup.is_witness && !setup.keeps_vms) {
        r = refuse_with_vms(cli, setup.node);
    }
    (void)snprintf(question, sizeof(question),
                   "Take %s out of the cluster? This removes its keys and its copy of the store.",
                   setup.node);
    if (r != EXIT_OK || !cli_confirm(cli, question)) {
        return r != EXIT_OK ? r : EXIT_REFUSED;
    }
    if (setup_leave(&setup, &err) < 0) {
        return fail(cli, &err);
    }
    (void)fprintf(cli->out, "%s has left. On another host, run:\n  berth %s %s\n", setup.node,
                  setup.is_witness ? "cluster leave --member" : "node rm", setup.node);
    return EXIT_OK;
}

/* ---- status ---- */

static void show_member(struct table *table, const json_t *member)
{
    const char *error = text_at(member, "error");
    table_add(table, text_at(member, "name"));
    table_add(table, truth_at(member, "is_learner")  ? "learner"
                     : truth_at(member, "is_leader") ? "leader"
                                                     : "member");
    table_add(table, text_at(member, "url"));
    if (error[0]) {
        table_add(table, "-");
        table_add(table, "-");
        table_add(table, "-");
    } else {
        table_add(table, text_at(member, "version"));
        table_printf(table, "%.1f MiB", (double)number_at(member, "size_bytes") / 1024 / 1024);
        table_printf(table, "%.1f ms", json_real_value(json_object_get(member, "latency_ms")));
    }
    table_add(table, error[0] ? error : "ok");
}

int run_cluster_status(struct cli *cli)
{
    static const char *const headings[] = {"MEMBER", "ROLE",    "URL",  "ETCD",
                                           "SIZE",   "LATENCY", "STATE"};
    struct setup setup;
    struct error err;
    json_t *status, *each;
    size_t i, voters = 0;
    struct table table;
    int r = begin(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    if (setup_status(&setup, &status, &err) < 0) {
        return fail(cli, &err);
    }
    if (cli->is_json) {
        return show_json(cli, status);
    }
    table_init(&table, cli->has_colour, headings, ARRAY_LEN(headings));
    json_array_foreach(json_object_get(status, "members"), i, each) {
        show_member(&table, each);
        voters += !truth_at(each, "is_learner");
    }
    table_print(&table, cli->out, "The store has no members.");
    table_done(&table);
    json_array_foreach(json_object_get(status, "certificates"), i, each) {
        const char *error = text_at(each, "error");
        (void)fprintf(cli->out, "%s  %s%s\n", text_at(each, "file"),
                      error[0]                         ? "cannot be read: "
                      : truth_at(each, "is_valid_now") ? "valid until "
                                                       : "NOT VALID: until ",
                      error[0] ? error : text_at(each, "until"));
    }
    if (voters % 2 == 0) {
        (void)fprintf(cli->out,
                      "The store has %zu members, which is no safer than %zu: add a host, or a "
                      "witness, with \"berth cluster token\".\n",
                      voters, voters - 1);
    }
    json_decref(status);
    return EXIT_OK;
}
