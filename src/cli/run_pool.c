/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/show.h"

#include "base/cleanup.h"

#include <string.h>

int run_pool_ls(struct cli *cli)
{
    static const char *const headings[] = {"GPU POOL", "TYPE", "FREE", "USED", "TOTAL", "GPU"};
    json_t *json, *pool;
    size_t i;
    int r = client_get(cli, &json, "/v1/pools");
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    struct table table;
    show_age(cli, json);
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(json_object_get(json, "items"), i, pool) {
        table_add(&table, text_at(pool, "name"));
        table_add(&table, text_at(pool, "type"));
        table_printf(&table, "%lld", (long long)number_at(pool, "free"));
        table_printf(&table, "%lld", (long long)number_at(pool, "used"));
        table_printf(&table, "%lld", (long long)number_at(pool, "total"));
        table_printf(&table, "%s%s", text_at(pool, "model"),
                     truth_at(pool, "mixed") ? " (mixed)" : "");
    }
    json_decref(json);
    return show_table(cli, &table, "No GPU pool yet: \"berth pool create\" makes one.");
}

static void print_members(const struct cli *cli, const json_t *members)
{
    static const char *const headings[] = {"NODE", "ADDRESS", "STATE", "VM", ""};
    struct table table;
    size_t i;
    json_t *member;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(members, i, member) {
        table_add(&table, text_at(member, "node"));
        table_add(&table, text_at(member, "address"));
        table_add(&table, text_at(member, "state"));
        table_add(&table, text_at(member, "vm")[0] ? text_at(member, "vm") : "-");
        table_add(&table, text_at(member, "detail"));
    }
    table_print(&table, cli->out, "No GPU is in it yet: \"berth pool add\" adds some.");
    table_done(&table);
}

int run_pool_show(struct cli *cli)
{
    json_t *json, *vm;
    size_t i;
    int r = client_get(cli, &json, "/v1/pools/%s", cli->args.items[0]);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    show_age(cli, json);
    (void)fprintf(cli->out, "GPU pool %s (%s%s): %lld free, %lld used, %lld in all\n",
                  text_at(json, "name"), text_at(json, "type"),
                  truth_at(json, "mixed") ? ", mixed" : "", (long long)number_at(json, "free"),
                  (long long)number_at(json, "used"), (long long)number_at(json, "total"));
    (void)fprintf(cli->out, "%s\n\n", text_at(json, "model"));
    print_members(cli, array_at(json, "members"));
    (void)fputs("\nAssigned VMs\n", cli->out);
    json_array_foreach(json_object_get(json, "vms"), i, vm) {
        (void)fprintf(cli->out, "  %s: %lld\n", text_at(vm, "vm"),
                      (long long)number_at(vm, "count"));
    }
    if (i == 0) {
        (void)fputs("  none\n", cli->out);
    }
    json_decref(json);
    return EXIT_OK;
}

/* ---- changes ---- */

/* "NODE/ADDRESS" into its halves; false: it is not one. */
static bool split_member(const char *text, char **ret_node, char **ret_address)
{
    const char *slash = strchr(text, '/');
    if (!slash || slash == text || slash[1] == '\0') {
        return false;
    }
    *ret_node = strndup(text, (size_t)(slash - text));
    *ret_address = strdup(slash + 1);
    return *ret_node && *ret_address;
}

/* The members of args[1...], "all" and "model" into 'body'. */
static int add_members(struct cli *cli, json_t *body)
{
    json_t *list = json_array();
    const char *model = cli_option(cli, "model"), *profile = cli_option(cli, "profile");
    for (size_t i = 1; i < cli->args.len; i++) {
        CLEANUP(freep) char *node = NULL;
        CLEANUP(freep) char *address = NULL;
        if (!split_member(cli->args.items[i], &node, &address)) {
            json_decref(list);
            return cli_fail(cli, EXIT_USAGE,
                            "\"%s\" is not of the form NODE/ADDRESS, such as "
                            "node1/0000:65:00.0",
                            cli->args.items[i]);
        }
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:s}", "node", node, "address", address));
    }
    (void)json_object_set_new(body, "members", list);
    if (cli_option(cli, "all")) {
        (void)json_object_set_new(body, "all", json_true());
    }
    if (model) {
        (void)json_object_set_new(body, "model", json_string(model));
    }
    if (profile) {
        (void)json_object_set_new(body, "profile", json_string(profile));
    }
    return EXIT_OK;
}

int run_pool_create(struct cli *cli)
{
    const char *type = cli_option(cli, "type");
    if (type && strcmp(type, "partition") == 0) {
        type = "GpuPartition";
    }
    json_t *body = json_pack("{s:s, s:b, s:s*}", "name", cli->args.items[0], "mixed",
                             cli_option(cli, "mixed") != NULL, "type", type);
    int r = add_members(cli, body);
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    return change(cli, "POST", body, "/v1/pools");
}

int run_pool_add(struct cli *cli)
{
    json_t *body = json_object();
    int r = add_members(cli, body);
    if (r == EXIT_OK && cli->args.len == 1 && !cli_option(cli, "all")) {
        r = cli_fail(cli, EXIT_USAGE, "say which GPUs: NODE/ADDRESS..., or --all");
    }
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    return change(cli, "POST", body, "/v1/pools/%s/members", cli->args.items[0]);
}

int run_pool_set(struct cli *cli)
{
    const char *what = cli_option(cli, "after-use"), *rom = cli_option(cli, "rom");
    const char *equals = what ? strchr(what, '=') : NULL;
    if (!what && !rom) {
        return cli_fail(cli, EXIT_USAGE,
                        "say --after-use release, hold or erase=COMMAND, or --rom");
    }
    if (rom && strcmp(rom, "on") != 0 && strcmp(rom, "off") != 0) {
        return cli_fail(cli, EXIT_USAGE, "--rom takes on or off, not \"%s\"", rom);
    }
    json_t *body = json_object();
    if (what) {
        size_t len = equals ? (size_t)(equals - what) : strlen(what);
        (void)json_object_set_new(body, "after_use", json_stringn(what, len));
    }
    if (equals) {
        (void)json_object_set_new(body, "erase", json_string(equals + 1));
    }
    if (rom) {
        (void)json_object_set_new(body, "rom_hidden", json_boolean(strcmp(rom, "off") == 0));
    }
    return change(cli, "PATCH", body, "/v1/pools/%s", cli->args.items[0]);
}

int run_pool_remove(struct cli *cli)
{
    int worst = EXIT_OK;
    for (size_t i = 1; i < cli->args.len; i++) {
        CLEANUP(freep) char *node = NULL;
        CLEANUP(freep) char *address = NULL;
        if (!split_member(cli->args.items[i], &node, &address)) {
            return cli_fail(cli, EXIT_USAGE, "\"%s\" is not of the form NODE/ADDRESS",
                            cli->args.items[i]);
        }
        int r = change(cli, "DELETE", NULL, "/v1/pools/%s/members/%s/%s", cli->args.items[0], node,
                       address);
        worst = MAX(worst, r);
    }
    return worst;
}

int run_pool_rm(struct cli *cli)
{
    return change(cli, "DELETE", NULL, "/v1/pools/%s", cli->args.items[0]);
}
