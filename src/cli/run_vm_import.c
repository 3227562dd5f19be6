/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs that libvirt on this host has defined, taken over into the cluster. */
#include "cli/libvirt.h"
#include "cli/show.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* As a word of a shell, into 'ret'; returns 'ret'. */
static const char *quoted(const char *text, struct buf *ret)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (text[0] && text[0] != '-' && strspn(text, plain) == strlen(text)) {
        buf_printf(ret, "%s", text);
        return buf_str(ret);
    }
    buf_printf(ret, "'");
    for (const char *at = text; *at; at++) {
        if (*at == '\'') {
            buf_printf(ret, "'\\''");
        } else {
            buf_printf(ret, "%c", *at);
        }
    }
    buf_printf(ret, "'");
    return buf_str(ret);
}

/* What the API says of this domain, or does with it. An exit code, said. */
static int ask_api(struct cli *cli, const char *node, const struct domain *domain, bool is_dry_run,
                   json_t **ret)
{
    const char *name = cli_option(cli, "name");
    json_t *body = json_pack("{s:s, s:b, s:b}", "xml", domain->xml, "active", domain->is_active,
                             "dry_run", is_dry_run);
    if (name) {
        (void)json_object_set_new(body, "name", json_string(name));
    }
    return client_call(cli, "POST", body, ret, "/v1/nodes/%s/import", node);
}

/* Why it cannot be imported, and the command that helps; "" it can. */
static void why_not(const struct domain *domain, const json_t *told, struct buf *ret)
{
    CLEANUP(buf_done) struct buf word = {0};
    const json_t *why = json_object_get(told, "why");
    const char *code = text_at(why, "code");
    buf_printf(ret, "%s", text_at(why, "text"));
    if (strcmp(code, "running") == 0) {
        buf_printf(ret, " (virsh shutdown %s)", quoted(domain->name, &word));
    } else if (strcmp(code, "exists") == 0) {
        buf_printf(ret, ": virsh undefine --keep-nvram %s", quoted(domain->name, &word));
    } else if (strcmp(code, "foreign-device") == 0) {
        buf_printf(ret, " (virsh edit %s)", quoted(domain->name, &word));
    }
}

/* The cluster's name of this host. */
static int find_node(struct cli *cli, char *ret, size_t size)
{
    const char *given = cli_option(cli, "node");
    json_t *node = NULL;
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    host[strcspn(host, ".")] = '\0';
    (void)snprintf(ret, size, "%s", given ? given : host);
    int r = client_get(cli, &node, "/v1/nodes/%s", ret);
    if (r == EXIT_NOT_FOUND && !given) {
        (void)cli_fail(cli, 0, "say by which name the cluster knows this host: --node NODE");
    }
    json_decref(node);
    return r;
}

/* ---- one, all, or the list ---- */

static void show_losses(const struct cli *cli, const json_t *told)
{
    size_t i;
    json_t *loss;
    json_array_foreach(json_object_get(told, "losses"), i, loss) {
        bool is_setting = strcmp(text_at(loss, "code"), "not-taken-over") == 0;
        (void)fprintf(cli->out, is_setting ? "  not taken over with %s: %s\n" : "  %.0s%s\n",
                      text_at(loss, "subject"), text_at(loss, "text"));
    }
}

static int import_one(struct cli *cli, const char *node, const struct domain *domain)
{
    CLEANUP(buf_done) struct buf word = {0}, needs = {0};
    json_t *reply;
    int r = ask_api(cli, node, domain, false, &reply);
    if (r != EXIT_OK) {
        return r;
    }
    if (cli->is_json) {
        return show_json(cli, reply);
    }
    needs_text(json_object_get(reply, "needs"), &needs);
    (void)fprintf(cli->out, "%s\n", text_at(reply, "message"));
    show_losses(cli, reply);
    if (json_array_size(json_object_get(reply, "needs")) > 0) {
        (void)fprintf(cli->out, "  it needs %s\n", buf_str(&needs));
    } else {
        (void)fprintf(cli->out, "  let it need GPUs: berth vm assign %s POOL\n",
                      text_at(reply, "name"));
    }
    show_reasons(cli->out, array_at(reply, "warnings"));
    (void)fprintf(cli->out, "  now take it from libvirt: virsh undefine --keep-nvram %s%s\n",
                  quoted(domain->name, &word),
                  domain->has_autostart ? " (it would start with this host)" : "");
    json_decref(reply);
    return EXIT_OK;
}

static bool is_named(const struct cli *cli, const char *name)
{
    bool is_among = cli_option(cli, "all") != NULL;
    VEC_EACH(&cli->args, arg) {
        is_among |= strcmp(*arg, name) == 0;
    }
    return is_among;
}

static bool has_loss(const json_t *told, const char *code)
{
    size_t i;
    json_t *loss;
    json_array_foreach(json_object_get(told, "losses"), i, loss) {
        if (strcmp(text_at(loss, "code"), code) == 0) {
            return true;
        }
    }
    return false;
}

/* An entry of the list, or of what --dry-run would do. */
static json_t *describe(const struct domain *domain, const json_t *told)
{
    CLEANUP(buf_done) struct buf text = {0};
    const json_t *needs = json_object_get(told, "needs");
    why_not(domain, told, &text);
    bool can_be = text.size == 0;
    if (can_be) {
        buf_printf(&text, "can be imported");
    }
    if (can_be && strcmp(text_at(told, "name"), domain->name) != 0) {
        buf_printf(&text, " as %s", text_at(told, "name"));
    }
    if (can_be && json_array_size(needs) == 0 && !has_loss(told, "no-pool")) {
        buf_printf(&text, "; no GPU in its XML");
    }
    if (can_be && has_loss(told, "no-pool")) {
        buf_printf(&text, "; has GPUs that are in no pool");
    }
    if (can_be && has_loss(told, "not-taken-over")) {
        buf_printf(&text, "; settings of its GPUs are not taken over");
    }
    return json_pack("{s:s, s:s, s:O, s:b, s:s}", "name", domain->name, "state",
                     domain->is_active ? "running" : "stopped", "needs", needs, "can_be_imported",
                     can_be, "text", buf_str(&text));
}

/* It is imported, or with 'list' described there. */
static int one_domain(struct cli *cli, const char *node, const struct domain *domain, json_t *list)
{
    CLEANUP(buf_done) struct buf why = {0};
    json_t *told;
    int r = ask_api(cli, node, domain, true, &told);
    if (r != EXIT_OK) {
        return r;
    }
    why_not(domain, told, &why);
    bool is_there = strcmp(text_at(json_object_get(told, "why"), "code"), "exists") == 0;
    if (list) {
        (void)json_array_append_new(list, describe(domain, told));
    } else if (why.size == 0) {
        r = import_one(cli, node, domain);
    } else if (!is_there || !cli_option(cli, "all")) {
        r = cli_fail(cli, EXIT_REFUSED, "%s is left out: %s", domain->name, buf_str(&why));
    }
    json_decref(told);
    return r;
}

/* Each that is meant. */
static int each_domain(struct cli *cli, const char *node, const domains_t *domains, json_t *list)
{
    int worst = EXIT_OK;
    VEC_EACH(domains, domain) {
        if (is_named(cli, domain->name) || (list && cli->args.len == 0)) {
            int r = one_domain(cli, node, domain, list);
            worst = MAX(worst, r);
        }
    }
    return worst;
}

static int check_names(struct cli *cli, const domains_t *domains)
{
    int r = EXIT_OK;
    VEC_EACH(&cli->args, arg) {
        bool is_there = false;
        VEC_EACH(domains, domain) {
            is_there |= strcmp(domain->name, *arg) == 0;
        }
        if (!is_there) {
            r = cli_fail(cli, EXIT_NOT_FOUND,
                         "libvirt has no VM \"%s\" defined; berth vm import lists those it has",
                         *arg);
        }
    }
    return r;
}

static void print_list(struct cli *cli, const json_t *list)
{
    static const char *const headings[] = {"NAME", "STATE", "NEEDS", ""};
    struct table table;
    size_t i;
    json_t *each;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(list, i, each) {
        CLEANUP(buf_done) struct buf needs = {0};
        needs_text(json_object_get(each, "needs"), &needs);
        table_add(&table, text_at(each, "name"));
        table_add(&table, text_at(each, "state"));
        table_add(&table, buf_str(&needs));
        table_add(&table, text_at(each, "text"));
    }
    table_print(&table, cli->out, "libvirt has no VM defined.");
    table_done(&table);
}

static int import(struct cli *cli, const char *node, const domains_t *domains)
{
    bool is_list = (cli->args.len == 0 && !cli_option(cli, "all")) || cli_option(cli, "dry-run");
    if (!is_list) {
        return each_domain(cli, node, domains, NULL);
    }
    json_t *list = json_array();
    int r = each_domain(cli, node, domains, list);
    if (r == EXIT_OK && cli->is_json) {
        return show_json(cli, json_pack("{s:o}", "items", list));
    }
    if (r == EXIT_OK) {
        print_list(cli, list);
    }
    json_decref(list);
    return r;
}

int run_vm_import(struct cli *cli)
{
    CLEANUP(libvirt_domains_done) domains_t domains = {0};
    char node[256];
    if (cli_option(cli, "name") && cli->args.len != 1) {
        return cli_fail(cli, EXIT_USAGE, "--name is for one VM: berth vm import NAME --name NEW");
    }
    int r = find_node(cli, node, sizeof(node));
    r = r == EXIT_OK ? libvirt_domains(cli, &domains) : r;
    r = r == EXIT_OK ? check_names(cli, &domains) : r;
    return r == EXIT_OK ? import(cli, node, &domains) : r;
}
