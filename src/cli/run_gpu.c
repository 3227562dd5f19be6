/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/show.h"
#include "cli/wait.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <string.h>

static bool is_wanted(const struct cli *cli, const json_t *gpu, const char *option,
                      const char *field)
{
    const char *want = cli_option(cli, option);
    return !want || strcmp(text_at(gpu, field), want) == 0;
}

/* Why it is as it is: what a person can do about it. */
static const char *remark(const json_t *gpu)
{
    const char *health = text_at(gpu, "health_reason");
    return health[0] ? health : text_at(gpu, "verdict_detail");
}

int run_gpu_ls(struct cli *cli)
{
    static const char *const headings[] = {"NODE", "ADDRESS", "GPU",    "STATE", "POOL",
                                           "VM",   "DRIVER",  "SURVEY", ""};
    json_t *json, *gpu;
    size_t i;
    int r = client_get(cli, &json, "/v1/gpus");
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    struct table table;
    show_age(cli, json);
    table_init(&table, cli->has_colour, headings, ARRAY_LEN(headings));
    json_array_foreach(json_object_get(json, "items"), i, gpu) {
        const char *pool = text_at(gpu, "pool"), *vm = text_at(gpu, "vm");
        if (!is_wanted(cli, gpu, "node", "node") || !is_wanted(cli, gpu, "pool", "pool") ||
            !is_wanted(cli, gpu, "state", "state")) {
            continue;
        }
        table_add(&table, text_at(gpu, "node"));
        table_add(&table, text_at(gpu, "address"));
        table_add(&table, text_at(gpu, "name"));
        table_add(&table, text_at(gpu, "state"));
        table_add(&table, pool[0] ? pool : "-");
        table_add(&table, vm[0] ? vm : "-");
        table_add(&table, text_at(gpu, "driver")[0] ? text_at(gpu, "driver") : "-");
        table_add(&table, text_at(gpu, "verdict"));
        table_add(&table, remark(gpu));
    }
    table_print(&table, cli->out, "No such GPU.");
    table_done(&table);
    json_decref(json);
    return EXIT_OK;
}

int run_gpu_show(struct cli *cli)
{
    json_t *json, *value;
    const char *key;
    int r = client_get(cli, &json, "/v1/nodes/%s/gpus/%s", cli->args.items[0], cli->args.items[1]);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    show_age(cli, json);
    json_object_foreach(json, key, value) {
        CLEANUP(freep) char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        (void)fprintf(cli->out, "%-16s %s\n", key,
                      json_is_string(value) ? json_string_value(value)
                      : text                ? text
                                            : "");
    }
    json_decref(json);
    return EXIT_OK;
}

int run_gpu_release(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/nodes/%s/gpus/%s/release", cli->args.items[0],
                  cli->args.items[1]);
}

/* ---- partition ---- */

/* Until the host shows it so. */
static int look_at_partitions(struct cli *cli, void *userdata, char **ret_text)
{
    const char *node = cli->args.items[0], *address = cli->args.items[1];
    const uint64_t *count = userdata;
    json_t *gpu;
    CLEANUP(buf_done) struct buf text = {0};
    int r = client_get(cli, &gpu, "/v1/nodes/%s/gpus/%s", node, address);
    if (r != EXIT_OK) {
        return r;
    }
    const char *state = text_at(gpu, "state");
    bool is_bad = strcmp(state, "quarantined") == 0;
    bool is_done = *count == 0 ? number_at(gpu, "partitions") == 0
                               : strcmp(state, "partitioning") != 0;
    if (is_bad) {
        (void)cli_fail(cli, 0, "%s of %s: %s", address, node, remark(gpu));
    }
    buf_printf(&text, "%s of %s is %s", address, node, state);
    json_decref(gpu);
    *ret_text = buf_take(&text);
    return is_bad ? EXIT_REFUSED : is_done ? EXIT_OK : -1;
}

int run_gpu_partition(struct cli *cli)
{
    uint64_t count;
    if (!parse_u64(cli->args.items[2], UINT16_MAX, &count)) {
        return cli_fail(cli, EXIT_USAGE, "\"%s\" is no number of partitions",
                        cli->args.items[2]);
    }
    int r = change(cli, "POST", json_pack("{s:I}", "count", (json_int_t)count),
                   "/v1/nodes/%s/gpus/%s/partition", cli->args.items[0], cli->args.items[1]);
    return r == EXIT_OK && wait_is_wanted(cli) ? wait_until(cli, look_at_partitions, &count) : r;
}

/* ---- dismount, mount ---- */

struct target {
    char *node, *address;
};

struct targets {
    VEC(struct target) list;
    bool is_mount;
};

static void targets_done(struct targets *targets)
{
    VEC_EACH(&targets->list, target) {
        free(target->node);
        free(target->address);
    }
    VEC_DONE(&targets->list);
}

static void add_target(struct targets *targets, const char *node, const char *address)
{
    struct target *place = VEC_ADD(&targets->list);
    if (place) {
        place->node = strdup(node);
        place->address = strdup(address);
    }
}

/* Whether --all means this one. */
static bool is_meant(const struct cli *cli, const struct targets *targets, const json_t *gpu)
{
    const char *state = text_at(gpu, "state"), *verdict = text_at(gpu, "verdict");
    const char *node = cli->args.len > 0 ? cli->args.items[0] : NULL;
    if ((node && strcmp(text_at(gpu, "node"), node) != 0) ||
        !is_wanted(cli, gpu, "model", "model")) {
        return false;
    }
    if (targets->is_mount) {
        return strcmp(state, "dismounted") == 0 && !text_at(gpu, "pool")[0];
    }
    bool can_be = strcmp(verdict, "in-use") != 0 || cli_option(cli, "force");
    return strcmp(state, "host") == 0 && can_be;
}

static int find_all(struct cli *cli, struct targets *targets)
{
    json_t *json, *gpu;
    size_t i;
    if (cli->args.len > 1) {
        return cli_fail(cli, EXIT_USAGE, "give addresses, or --all, not both");
    }
    int r = client_get(cli, &json, "/v1/gpus");
    if (r != EXIT_OK) {
        return r;
    }
    json_array_foreach(json_object_get(json, "items"), i, gpu) {
        if (is_meant(cli, targets, gpu)) {
            add_target(targets, text_at(gpu, "node"), text_at(gpu, "address"));
        }
    }
    json_decref(json);
    if (targets->list.len == 0) {
        (void)fprintf(cli->out, "there is nothing to %s; \"berth gpu ls\" shows why\n",
                      targets->is_mount ? "mount" : "dismount");
    }
    return EXIT_OK;
}

static int find_targets(struct cli *cli, struct targets *targets)
{
    if (cli_option(cli, "all")) {
        return find_all(cli, targets);
    }
    if (cli->args.len < 2 || cli_option(cli, "model")) {
        return cli_fail(cli, EXIT_USAGE, "say which: NODE ADDRESS..., or [NODE] --all [--model M]");
    }
    for (size_t i = 1; i < cli->args.len; i++) {
        add_target(targets, cli->args.items[0], cli->args.items[i]);
    }
    return EXIT_OK;
}

/* Until the host shows each as it should be. */
static int look_at_targets(struct cli *cli, void *userdata, char **ret_text)
{
    struct targets *targets = userdata;
    VEC_EACH(&targets->list, target) {
        json_t *gpu;
        CLEANUP(buf_done) struct buf text = {0};
        int r = client_get(cli, &gpu, "/v1/nodes/%s/gpus/%s", target->node, target->address);
        if (r != EXIT_OK) {
            return r;
        }
        const char *state = text_at(gpu, "state");
        bool is_bad = strcmp(state, "quarantined") == 0;
        bool is_on_way = strcmp(state, "dismounting") == 0 || strcmp(state, "mounting") == 0 ||
                         (targets->is_mount && strcmp(text_at(gpu, "driver"), "vfio-pci") == 0);
        if (is_bad) {
            (void)cli_fail(cli, 0, "%s of %s: %s", target->address, target->node, remark(gpu));
        }
        buf_printf(&text, "%s of %s is %s", target->address, target->node, state);
        json_decref(gpu);
        if (is_bad || is_on_way) {
            *ret_text = buf_take(&text);
            return is_bad ? EXIT_REFUSED : -1;
        }
    }
    return EXIT_OK;
}

static int order(struct cli *cli, bool is_mount)
{
    CLEANUP(targets_done) struct targets targets = {.is_mount = is_mount};
    int worst = find_targets(cli, &targets);
    for (size_t i = 0; i < targets.list.len;) {
        const struct target *target = &targets.list.items[i];
        json_t *body =
            is_mount ? NULL : json_pack("{s:b}", "force", cli_option(cli, "force") != NULL);
        int r = change(cli, "POST", body,
                       is_mount ? "/v1/nodes/%s/gpus/%s/mount" : "/v1/nodes/%s/gpus/%s/dismount",
                       target->node, target->address);
        if (r == EXIT_OK) {
            i++;
            continue;
        }
        worst = MAX(worst, r);
        free(targets.list.items[i].node);
        free(targets.list.items[i].address);
        VEC_REMOVE(&targets.list, i);
    }
    if (targets.list.len > 0 && wait_is_wanted(cli)) {
        int r = wait_until(cli, look_at_targets, &targets);
        worst = MAX(worst, r);
    }
    return worst;
}

int run_gpu_dismount(struct cli *cli)
{
    return order(cli, false);
}

int run_gpu_mount(struct cli *cli)
{
    return order(cli, true);
}
