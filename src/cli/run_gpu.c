/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/show.h"
#include "cli/wait.h"

#include "api/facts.h"
#include "base/cleanup.h"
#include "base/parse.h"

#include <string.h>

#define WORD_(id, text) text,
static const char *const gpu_states[] = {GPU_STATE_LIST(WORD_)};
#undef WORD_

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

static int list_gpus(struct cli *cli, json_t **ret)
{
    int r = check_state(cli, gpu_states, ARRAY_LEN(gpu_states));
    if (r != EXIT_OK || (r = client_get(cli, ret, "/v1/gpus")) != EXIT_OK) {
        return r;
    }
    r = show_only(cli, *ret, "node", "node");
    r = r == EXIT_OK ? show_only(cli, *ret, "pool", "pool") : r;
    r = r == EXIT_OK ? show_only(cli, *ret, "state", "state") : r;
    if (r != EXIT_OK) {
        json_decref(*ret);
    }
    return r;
}

/* "A40" of "NVIDIA Corporation GA102GL [A40] [10de:2235]", unless there is room for all. */
static void add_model(struct table *table, const char *name)
{
    const char *open = strchr(name, '['), *close = open ? strchr(open, ']') : NULL;
    bool has_both = close && strchr(close, '[') && close > open + 1;
    if (has_both && !table->look->is_wide) {
        table_printf(table, "%.*s", (int)(close - open - 1), open + 1);
    } else {
        table_add(table, name);
    }
}

/* Whether one of them is no GPU. */
static bool has_other(const json_t *gpus)
{
    size_t i;
    json_t *gpu;
    json_array_foreach(gpus, i, gpu) {
        if (truth_at(gpu, "no_gpu")) {
            return true;
        }
    }
    return false;
}

int run_gpu_ls(struct cli *cli)
{
    const char *headings[] = {"NODE", "ADDRESS", "GPU",    "STATE", "POOL",
                              "VM",   "DRIVER",  "SURVEY", ""};
    json_t *json, *gpu;
    size_t i;
    int r = list_gpus(cli, &json);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    struct table table;
    show_age(cli, json);
    headings[2] = has_other(json_object_get(json, "items")) ? "DEVICE" : "GPU";
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    table.name_columns = 2;
    json_array_foreach(json_object_get(json, "items"), i, gpu) {
        const char *pool = text_at(gpu, "pool"), *vm = text_at(gpu, "vm");
        table_add(&table, text_at(gpu, "node"));
        table_add(&table, text_at(gpu, "address"));
        add_model(&table, text_at(gpu, "name"));
        table_add(&table, text_at(gpu, "state"));
        table_add(&table, pool[0] ? pool : "-");
        table_add(&table, vm[0] ? vm : "-");
        table_add(&table, text_at(gpu, "driver")[0] ? text_at(gpu, "driver") : "-");
        table_add(&table, text_at(gpu, "verdict"));
        table_add(&table, remark(gpu));
    }
    json_decref(json);
    return show_table(cli, &table, "No GPU is like that.");
}

static void line(const struct cli *cli, const char *name, const char *text)
{
    if (text[0]) {
        (void)fprintf(cli->out, "%-14s %s\n", name, text);
    }
}

static void print_profiles(const struct cli *cli, const json_t *gpu)
{
    size_t i;
    json_t *type;
    json_array_foreach(json_object_get(gpu, "mdev_types"), i, type) {
        char text[160];
        (void)snprintf(text, sizeof(text), "%s (%s), room for %lld", text_at(type, "id"),
                       text_at(type, "name"), (long long)number_at(type, "available"));
        line(cli, i == 0 ? "profiles" : "", text);
    }
}

/* With which others it can talk on a fabric, and whether it does now. */
static void print_sets(const struct cli *cli, const json_t *gpu)
{
    size_t i, k;
    json_t *set, *each;
    json_array_foreach(json_object_get(gpu, "fabric_sets"), i, set) {
        CLEANUP(buf_done) struct buf text = {0};
        buf_printf(&text, "%s%s:", text_at(set, "id"), truth_at(set, "active") ? " (active)" : "");
        json_array_foreach(json_object_get(set, "gpus"), k, each) {
            buf_printf(&text, " %s", json_string_value(each));
        }
        line(cli, i == 0 ? "fabric sets" : "", buf_str(&text));
    }
}

static void print_gpu(const struct cli *cli, const json_t *gpu)
{
    CLEANUP(buf_done) struct buf companions = {0};
    char memory[40], numa[30] = "";
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(gpu, "companions"), i, each) {
        buf_printf(&companions, "%s%s", i ? " " : "", json_string_value(each));
    }
    if (number_at(gpu, "numa_node") >= 0) {
        (void)snprintf(numa, sizeof(numa), "%lld", (long long)number_at(gpu, "numa_node"));
    }
    (void)fprintf(cli->out, "%s of %s: %s\n", text_at(gpu, "address"), text_at(gpu, "node"),
                  text_at(gpu, "name"));
    line(cli, "kind", truth_at(gpu, "no_gpu") ? "device, no GPU" : "");
    line(cli, "state", text_at(gpu, "state"));
    line(cli, "GPU pool", text_at(gpu, "pool"));
    line(cli, "held by", text_at(gpu, "vm"));
    line(cli, "health", text_at(gpu, "health"));
    line(cli, "", text_at(gpu, "health_reason"));
    line(cli, "survey", text_at(gpu, "verdict"));
    line(cli, "", text_at(gpu, "verdict_detail"));
    line(cli, "driver", text_at(gpu, "driver"));
    line(cli, "backend", text_at(gpu, "backend"));
    line(cli, "serial", text_at(gpu, "serial"));
    (void)fprintf(cli->out, "%-14s %lld\n", "IOMMU group",
                  (long long)number_at(gpu, "iommu_group"));
    line(cli, "goes with it", buf_str(&companions));
    line(cli, "NUMA node", numa);
    if (number_at(gpu, "memory_mib") > 0) {
        line(cli, "memory", memory_text(number_at(gpu, "memory_mib"), memory, sizeof(memory)));
    }
    line(cli, "guest MMIO",
         memory_text((number_at(gpu, "mmio_size") + (1 << 20) - 1) >> 20, memory, sizeof(memory)));
    if (number_at(gpu, "link_width") > 0) {
        char most[24] = "";
        if (number_at(gpu, "link_width_max") > number_at(gpu, "link_width")) {
            (void)snprintf(most, sizeof(most), " of x%lld",
                           (long long)number_at(gpu, "link_width_max"));
        }
        (void)fprintf(cli->out, "%-14s x%lld%s, %.1f GT/s\n", "PCIe link",
                      (long long)number_at(gpu, "link_width"), most,
                      (double)number_at(gpu, "link_speed_mts") / 1000);
    }
    if (number_at(gpu, "errors_fatal") + number_at(gpu, "errors_nonfatal") +
            number_at(gpu, "errors_corrected") >
        0) {
        (void)fprintf(cli->out, "%-14s %lld fatal, %lld uncorrected, about %lld corrected\n",
                      "PCIe errors", (long long)number_at(gpu, "errors_fatal"),
                      (long long)number_at(gpu, "errors_nonfatal"),
                      (long long)number_at(gpu, "errors_corrected"));
    }
    line(cli, "console", truth_at(gpu, "boot_display") ? "the firmware's display" : "");
    line(cli, "profile", text_at(gpu, "partition_type"));
    print_profiles(cli, gpu);
    print_sets(cli, gpu);
}

int run_gpu_show(struct cli *cli)
{
    json_t *json;
    int r = client_get(cli, &json, "/v1/nodes/%s/gpus/%s", cli->args.items[0], cli->args.items[1]);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    show_age(cli, json);
    print_gpu(cli, json);
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
    bool is_done =
        *count == 0 ? number_at(gpu, "partitions") == 0 : strcmp(state, "partitioning") != 0;
    if (is_bad) {
        (void)cli_fail(cli, 0, "%s of %s: %s", address, node, remark(gpu));
    }
    buf_printf(&text, "%s of %s is %s", address, node, state);
    json_decref(gpu);
    *ret_text = buf_take(&text);
    return is_bad ? EXIT_REFUSED : is_done ? EXIT_OK : -1;
}

/* The next word of a list with commas, lent, with its length; false: there is no other. */
static bool next_word(const char **list, const char **ret, size_t *ret_len)
{
    *ret = *list;
    if (!*list) {
        return false;
    }
    *ret_len = strcspn(*ret, ",");
    *list = (*ret)[*ret_len] == ',' ? *ret + *ret_len + 1 : NULL;
    return true;
}

/* "1,4" with the profiles "a,b": {"count": 1, "profile": "a", "more": [{"count": 4, ...}]}. NULL:
 * the lists are not of one length, or hold no numbers. '*ret_count' is the sum. */
static json_t *partition_body(const char *counts, const char *profiles, uint64_t *ret_count)
{
    json_t *parts = json_array();
    const char *word, *profile;
    size_t len, size;
    bool is_ok = true;
    *ret_count = 0;
    while (is_ok && next_word(&counts, &word, &len)) {
        char number[8];
        uint64_t count = 0;
        bool has_profile = next_word(&profiles, &profile, &size);
        bool needs_none = json_array_size(parts) == 0;
        (void)snprintf(number, sizeof(number), "%.*s", (int)MIN(len, sizeof(number)), word);
        is_ok = parse_u64(number, UINT16_MAX, &count) && (needs_none || (has_profile && size > 0));
        json_t *part = json_pack("{s:I}", "count", (json_int_t)count);
        if (has_profile) {
            (void)json_object_set_new(part, "profile", json_stringn(profile, size));
        }
        (void)json_array_append_new(parts, part);
        *ret_count += count;
    }
    json_t *body = json_incref(json_array_get(parts, 0));
    (void)json_array_remove(parts, 0);
    if (json_array_size(parts) > 0) {
        (void)json_object_set(body, "more", parts);
    }
    json_decref(parts);
    if (is_ok && !profiles) { /* no profile without a number */
        return body;
    }
    json_decref(body);
    return NULL;
}

int run_gpu_partition(struct cli *cli)
{
    uint64_t count;
    json_t *body = partition_body(cli->args.items[2], cli_option(cli, "profile"), &count);
    if (!body) {
        return cli_fail(cli, EXIT_USAGE,
                        "\"%s\" is no number of partitions, or not one for each profile",
                        cli->args.items[2]);
    }
    int r = change(cli, "POST", body, "/v1/nodes/%s/gpus/%s/partition", cli->args.items[0],
                   cli->args.items[1]);
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
                         (targets->is_mount && strcmp(text_at(gpu, "backend"), "none") != 0);
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

static int gpu_order(struct cli *cli, bool is_mount)
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
    return gpu_order(cli, false);
}

int run_gpu_mount(struct cli *cli)
{
    return gpu_order(cli, true);
}
