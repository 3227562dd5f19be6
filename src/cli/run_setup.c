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

/* What every one of these commands is given. */
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
    return setup_may(ret, &err) < 0 ? fail(cli, &err) : EXIT_OK;
}

/* For a host that is in no cluster yet: also what the host itself tells. */
static int begin_new(struct cli *cli, struct setup *ret)
{
    struct error err;
    int r = begin(cli, ret);
    return r == EXIT_OK && setup_complete(ret, &err) < 0 ? fail(cli, &err) : r;
}

int run_cluster_init(struct cli *cli)
{
    struct setup setup;
    struct error err;
    int r = begin_new(cli, &setup);
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
    int r = begin_new(cli, &setup);
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

int run_cluster_backup(struct cli *cli)
{
    struct setup setup;
    struct error err;
    size_t len;
    const char *path = cli->args.items[0];
    int r = begin(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    if (setup_backup(&setup, path, &len, &err) < 0) {
        return fail(cli, &err);
    }
    (void)fprintf(cli->out, "%s holds %zu records. It holds passwords: keep it secret.\n", path,
                  len);
    return EXIT_OK;
}

int run_cluster_restore(struct cli *cli)
{
    struct setup setup;
    struct error err;
    int r = begin_new(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    if (!cli_confirm(cli,
                     "Make a cluster from this backup? The store of the old one must be lost.")) {
        return EXIT_REFUSED;
    }
    if (setup_restore(&setup, cli->args.items[0], &err) < 0) {
        return fail(cli, &err);
    }
    (void)fprintf(cli->out,
                  "\nThe cluster is restored with one host, %s, and disarmed. Next:\n"
                  "  berthd --check-config   on each host: whether its VMs contradict the store\n"
                  "  berthd --adopt          there, if they do: keep them; --clear ends them\n"
                  "  berth cluster token     lets the other hosts join again\n"
                  "  berth cluster arm       when all of them are there\n",
                  setup.node);
    return EXIT_OK;
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

static int leave_lost(struct cli *cli, struct setup *setup)
{
    struct error err;
    if (!cli_confirm(cli, "Forget the cluster of this host? Other hosts are not told.")) {
        return EXIT_REFUSED;
    }
    if (setup_forget(setup, &err) < 0) {
        return fail(cli, &err);
    }
    (void)fprintf(cli->out,
                  "%s has forgotten its cluster; VMs keep running. Next: \"berth cluster "
                  "restore FILE\" on one host, \"berth cluster join TOKEN\" on others.\n",
                  setup->node);
    return EXIT_OK;
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
    if (cli_option(cli, "lost")) {
        return leave_lost(cli, &setup);
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

/* All hosts renew theirs by themselves, long before: what is told here is that they did not. */
enum { certificate_soon_days = 60 };

/* What is wrong with a member that answers. */
static void show_state(struct table *table, const json_t *member)
{
    json_t *left = json_object_get(member, "certificate_days_left");
    if (left && json_integer_value(left) < certificate_soon_days) {
        table_printf(table,
                     "its certificate ends in %lld days: run \"berth cluster refresh\" there",
                     (long long)json_integer_value(left));
    } else {
        table_add(table, "ok");
    }
}

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
    if (error[0]) {
        table_add(table, error);
    } else {
        show_state(table, member);
    }
}

static void show_certificate(struct cli *cli, const json_t *certificate)
{
    const char *error = text_at(certificate, "error"), *file = text_at(certificate, "file");
    long long left = number_at(certificate, "days_left");
    if (error[0]) {
        (void)fprintf(cli->out, "%s  cannot be read: %s\n", file, error);
    } else if (!truth_at(certificate, "is_valid_now")) {
        (void)fprintf(cli->out,
                      "%s  NOT VALID: until %s. Check the date of this host, then run \"berth "
                      "cluster refresh\"; VMs keep running meanwhile\n",
                      file, text_at(certificate, "until"));
    } else {
        (void)fprintf(cli->out, "%s  valid until %s (%lld days)%s\n", file,
                      text_at(certificate, "until"), left,
                      left < certificate_soon_days
                          ? ": it should have been renewed; run \"berth cluster refresh\""
                          : "");
    }
}

static void show_members(struct cli *cli, const json_t *members)
{
    static const char *const headings[] = {"MEMBER", "ROLE",    "URL",  "ETCD",
                                           "SIZE",   "LATENCY", "STATE"};
    struct table table;
    size_t i, voters = 0;
    json_t *each;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach((json_t *)(uintptr_t)members, i, each) {
        show_member(&table, each);
        voters += !truth_at(each, "is_learner");
    }
    table_print(&table, cli->out, "The store has no members.");
    table_done(&table);
    if (voters % 2 == 0) {
        (void)fprintf(cli->out,
                      "The store has %zu members, which is no safer than %zu: add a host, or a "
                      "witness, with \"berth cluster token\".\n",
                      voters, voters - 1);
    }
}

int run_cluster_status(struct cli *cli)
{
    struct setup setup;
    struct error err;
    json_t *status, *each;
    size_t i;
    int r = begin(cli, &setup);
    if (r != EXIT_OK) {
        return r;
    }
    if (setup_status(&setup, &status, &err) < 0) {
        return fail(cli, &err);
    }
    const json_t *members = json_object_get(status, "members");
    const char *error = text_at(status, "error");
    if (cli->is_json) {
        r = json_is_array(members) ? EXIT_OK : EXIT_UNREACHABLE;
        return show_json(cli, status) == EXIT_OK ? r : EXIT_REFUSED;
    }
    if (json_is_array(members)) {
        show_members(cli, members);
    }
    json_array_foreach(json_object_get(status, "certificates"), i, each) {
        show_certificate(cli, each);
    }
    if (!json_is_array(members) && !setup.is_witness) {
        r = cli_fail(cli, EXIT_UNREACHABLE, "%s", error);
    } else if (!json_is_array(members)) {
        (void)fprintf(cli->out, "This is a witness: other hosts show the members of the store.\n");
    }
    json_decref(status);
    return r;
}
