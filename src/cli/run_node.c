/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/show.h"
#include "cli/wait.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <string.h>

int run_node_ls(struct cli *cli)
{
    static const char *const headings[] = {"NODE",   "STATE", "FENCING", "CPUS",
                                           "MEMORY", "GPUS",  "VMS",     ""};
    json_t *json, *node;
    size_t i;
    int r = client_get(cli, &json, "/v1/nodes");
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    struct table table;
    show_age(cli, json);
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(json_object_get(json, "items"), i, node) {
        const char *detail = text_at(node, "detail");
        bool is_coordinator = truth_at(node, "coordinator");
        table_add(&table, text_at(node, "name"));
        table_add(&table, text_at(node, "state"));
        table_add(&table, text_at(node, "fencing"));
        table_printf(&table, "%lld", (long long)number_at(node, "cpus"));
        table_printf(&table, "%.1f GiB", (double)number_at(node, "memory_mib") / 1024);
        table_printf(&table, "%lld", (long long)number_at(node, "gpu_count"));
        table_printf(&table, "%lld", (long long)number_at(node, "vm_count"));
        table_printf(&table, "%s%s%s", is_coordinator ? "coordinator" : "",
                     is_coordinator && detail[0] ? "; " : "", detail);
    }
    json_decref(json);
    return show_table(cli, &table, "No node has joined yet: start berthd on the hosts.");
}

static void print_checks(const struct cli *cli, const json_t *checks)
{
    size_t i;
    json_t *check;
    json_array_foreach(checks, i, check) {
        (void)fprintf(cli->out, "  %-4s %s%s%s\n",
                      truth_at(check, "ok")       ? "ok"
                      : truth_at(check, "advice") ? "warn"
                                                  : "BAD",
                      text_at(check, "name"), text_at(check, "detail")[0] ? ": " : "",
                      text_at(check, "detail"));
    }
}

static void print_level(const struct cli *cli, const json_t *node, const char *level)
{
    const char *agent = text_at(json_object_get(json_object_get(node, "spec"), level), "agent");
    if (agent[0]) {
        (void)fprintf(cli->out, "             then %s\n", agent);
    }
}

int run_node_show(struct cli *cli)
{
    char memory[40];
    json_t *json, *item;
    size_t i;
    int r = client_get(cli, &json, "/v1/nodes/%s", cli->args.items[0]);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    show_age(cli, json);
    (void)fprintf(cli->out, "%s is %s%s%s%s\n", text_at(json, "name"), text_at(json, "state"),
                  text_at(json, "detail")[0] ? ": " : "", text_at(json, "detail"),
                  truth_at(json, "coordinator") ? " (coordinator)" : "");
    (void)fprintf(cli->out, "fencing      %s%s%s\n", text_at(json, "fencing"),
                  text_at(json, "fence_agent")[0] ? ", " : "", text_at(json, "fence_agent"));
    print_level(cli, json, "fence_level_2");
    print_level(cli, json, "fence_level_3");
    (void)fprintf(cli->out, "watchdog     %s\n",
                  truth_at(json, "watchdog_armed") ? "armed" : "not armed");
    (void)fprintf(cli->out, "CPUs         %lld\nmemory       %s\nkernel       %s\n",
                  (long long)number_at(json, "cpus"),
                  memory_text(number_at(json, "memory_mib"), memory, sizeof(memory)),
                  text_at(json, "kernel"));
    show_use(cli, "use now      ", false, text_at(json, "name"));
    (void)fprintf(cli->out, "incarnation  %lld\nchecks\n",
                  (long long)number_at(json, "incarnation"));
    print_checks(cli, array_at(json, "checks"));
    (void)fputs("GPUs\n", cli->out);
    json_array_foreach(json_object_get(json, "gpus"), i, item) {
        (void)fprintf(cli->out, "  %s %s, %s%s%s\n", text_at(item, "address"),
                      text_at(item, "name"), text_at(item, "state"),
                      text_at(item, "vm")[0] ? " to " : "", text_at(item, "vm"));
    }
    (void)fputs("VMs\n", cli->out);
    json_array_foreach(json_object_get(json, "vms"), i, item) {
        (void)fprintf(cli->out, "  %s\n", json_string_value(item));
    }
    json_decref(json);
    return r;
}

int run_node_pause(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/nodes/%s/pause", cli->args.items[0]);
}

int run_node_resume(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/nodes/%s/resume", cli->args.items[0]);
}

int run_node_rm(struct cli *cli)
{
    return change(cli, "DELETE", NULL, "/v1/nodes/%s", cli->args.items[0]);
}

/* An agent, or a parameter of the one that was named last, into its level of 'body'. '*level' is
 * how many agents were named so far. False: there are too many of them. */
static bool set_fence(json_t *body, const struct given *given, int *level)
{
    static const char *const levels[] = {NULL, NULL, "fence_level_2", "fence_level_3"};
    bool is_agent = strcmp(given->option->name, "agent") == 0;
    *level += is_agent;
    if (*level >= (int)ARRAY_LEN(levels)) {
        return false;
    }
    json_t *place = body;
    if (levels[*level]) {
        place = json_object_get(body, levels[*level]);
        if (!place) {
            place = json_pack("{s:{}}", "parameters");
            (void)json_object_set_new(body, levels[*level], place);
        }
    }
    const char *field = place == body ? "fence_parameters" : "parameters";
    if (is_agent) {
        (void)json_object_set_new(place, place == body ? "fence_agent" : "agent",
                                  json_string(given->value));
        return true;
    }
    if (!json_object_get(place, field)) {
        (void)json_object_set_new(place, field, json_object());
    }
    return !given->value[0] || pair_into(json_object_get(place, field), given->value, false);
}

static bool set_label(json_t *body, const struct given *given)
{
    if (!json_object_get(body, "labels")) {
        (void)json_object_set_new(body, "labels", json_object());
    }
    return !given->value[0] || pair_into(json_object_get(body, "labels"), given->value, false);
}

/* One agent given: the node has no further levels any more. */
static void end_levels(json_t *body, int level)
{
    if (level >= 1 && level < 3) {
        (void)json_object_set_new(body, "fence_level_3",
                                  json_pack("{s:s, s:{}}", "agent", "", "parameters"));
    }
    if (level == 1) {
        (void)json_object_set_new(body, "fence_level_2",
                                  json_pack("{s:s, s:{}}", "agent", "", "parameters"));
    }
}

int run_node_set(struct cli *cli)
{
    json_t *body = json_object();
    const char *fencing = cli_option(cli, "fencing");
    int level = 0;
    if (fencing) {
        (void)json_object_set_new(body, "fencing", json_string(fencing));
    }
    VEC_EACH(&cli->given, given) {
        bool is_label = strcmp(given->option->name, "label") == 0;
        bool is_fence =
            strcmp(given->option->name, "agent") == 0 || strcmp(given->option->name, "param") == 0;
        if (is_label ? !set_label(body, given) : is_fence && !set_fence(body, given, &level)) {
            json_decref(body);
            return level > 3 ? cli_fail(cli, EXIT_USAGE, "a node has three fence agents at most")
                             : cli_fail(cli, EXIT_USAGE, "\"%s\" is not of the form KEY=VALUE",
                                        given->value);
        }
    }
    end_levels(body, level);
    return change(cli, "PATCH", body, "/v1/nodes/%s", cli->args.items[0]);
}

int run_node_confirm_off(struct cli *cli)
{
    const char *name = cli->args.items[0], *given = cli_option(cli, "incarnation");
    uint64_t incarnation = 0;
    json_t *json;
    CLEANUP(buf_done) struct buf question = {0};
    if (given && !parse_u64(given, INT64_MAX, &incarnation)) {
        return cli_fail(cli, EXIT_USAGE, "--incarnation takes a number, not \"%s\"", given);
    }
    int r = client_get(cli, &json, "/v1/nodes/%s", name);
    if (r != EXIT_OK) {
        return r;
    }
    incarnation = given ? incarnation : (uint64_t)number_at(json, "incarnation");
    buf_printf(&question,
               "%s is %s%s%s. Is that host certainly off? If it is not, its VMs run twice and "
               "destroy their disks.",
               name, text_at(json, "state"), text_at(json, "detail")[0] ? ": " : "",
               text_at(json, "detail"));
    json_decref(json);
    if (!cli_confirm(cli, buf_str(&question))) {
        return EXIT_REFUSED;
    }
    json_t *body = incarnation ? json_pack("{s:I}", "incarnation", (json_int_t)incarnation) : NULL;
    return change(cli, "POST", body, "/v1/nodes/%s/confirm-off", name);
}

/* ---- drain ---- */

/* VMs that are there and cannot go: running, with reasons, or unmanaged. */
static size_t count_stuck(const json_t *vms)
{
    size_t i, stuck = 0;
    json_t *vm;
    json_array_foreach(vms, i, vm) {
        stuck += truth_at(vm, "unmanaged") || (strcmp(text_at(vm, "state"), "running") == 0 &&
                                               json_array_size(array_at(vm, "reasons")) > 0);
    }
    return stuck;
}

/* What leaves a host. */
struct drain {
    const char *node;
    json_t *vms; /* that were there, and of which nothing was said yet: name -> epoch */
};

/* As they are before the order, so that what moves afterwards is told from what was there. */
static int drain_begin(struct cli *cli, struct drain *drain)
{
    size_t i;
    json_t *json, *vm;
    int r = client_get(cli, &json, "/v1/vms?node=%s", drain->node);
    if (r != EXIT_OK) {
        return r;
    }
    drain->vms = json_object();
    json_array_foreach(array_at(json, "items"), i, vm) {
        (void)json_object_set_new(drain->vms, text_at(vm, "name"),
                                  json_integer(number_at(vm, "epoch")));
    }
    json_decref(json);
    return EXIT_OK;
}

/* "train1 moved live to node2, with a pause of 240 ms" */
static void print_moved(const struct cli *cli, const json_t *vm)
{
    char pause[40];
    const json_t *placement = json_object_get(vm, "placement");
    json_int_t ms = number_at(json_object_get(vm, "status"), "pause_ms");
    bool is_live = number_at(placement, "epoch_last") == number_at(placement, "epoch");
    (void)span_text(ms, pause, sizeof(pause));
    (void)fprintf(cli->out, "%s %s %s", text_at(vm, "name"),
                  is_live ? "moved live to" : "was restarted on", text_at(vm, "node"));
    if (ms > 0) {
        (void)fprintf(cli->out, is_live ? ", with a pause of %s\n" : ", after it was off for %s\n",
                      pause);
    } else {
        (void)fputs("; how long that took was not measured\n", cli->out);
    }
}

/* What is up elsewhere, or will not be, is said once. Negative: it is on its way; or an exit code.
 * 'vm' is of the list, which has less of it. */
static int say_moved(struct cli *cli, const json_t *vm, json_int_t epoch)
{
    json_t *whole;
    const char *name = text_at(vm, "name"), *state = text_at(vm, "state");
    const char *detail = text_at(vm, "detail");
    if (strcmp(state, "starting") == 0 || strcmp(state, "stopping") == 0) {
        return -1;
    }
    if (strcmp(state, "running") == 0 && number_at(vm, "epoch") > epoch) {
        int r = client_get(cli, &whole, "/v1/vms/%s", name);
        if (r == EXIT_OK) {
            print_moved(cli, whole);
            json_decref(whole);
        }
        return r == EXIT_NOT_FOUND ? EXIT_OK : r;
    }
    (void)fprintf(cli->out, "%s is %s%s%s\n", name, state, detail[0] ? ": " : "", detail);
    return EXIT_OK;
}

/* Until nothing is on its way any more. What is not in the list was removed meanwhile. */
static int look_at_moved(struct cli *cli, void *userdata, char **ret_text)
{
    struct drain *drain = userdata;
    size_t i;
    json_t *list, *vm;
    CLEANUP(buf_done) struct buf text = {0};
    if (json_object_size(drain->vms) == 0) {
        return EXIT_OK;
    }
    int r = client_get(cli, &list, "/v1/vms");
    if (r != EXIT_OK) {
        return r;
    }
    json_t *left = json_object();
    json_array_foreach(array_at(list, "items"), i, vm) {
        json_t *epoch = json_object_get(drain->vms, text_at(vm, "name"));
        int said = epoch && r == EXIT_OK ? say_moved(cli, vm, json_integer_value(epoch)) : EXIT_OK;
        if (said < 0) {
            (void)json_object_set(left, text_at(vm, "name"), epoch);
        }
        r = MAX(r, said);
    }
    json_decref(list);
    json_decref(drain->vms);
    drain->vms = left;
    buf_printf(&text, "%zu VM%s not up again yet", json_object_size(left),
               json_object_size(left) == 1 ? "" : "s");
    *ret_text = buf_take(&text);
    return r == EXIT_OK && json_object_size(left) > 0 ? -1 : r;
}

/* The host is empty: that its VMs take their time elsewhere is no failure to drain it. */
static int tell_moved(struct cli *cli, struct drain *drain)
{
    const char *name;
    json_t *unused;
    int r = wait_briefly(cli, look_at_moved, drain);
    if (r >= 0) {
        return r;
    }
    json_object_foreach(drain->vms, name, unused) {
        (void)fprintf(cli->out, "%s is not up yet; see berth vm show %s\n", name, name);
    }
    return EXIT_OK;
}

static int look_at_drain(struct cli *cli, void *userdata, char **ret_text)
{
    const struct drain *drain = userdata;
    const char *name = drain->node;
    json_t *json, *vm;
    size_t i;
    CLEANUP(buf_done) struct buf text = {0};
    int r = client_get(cli, &json, "/v1/vms?node=%s", name);
    if (r != EXIT_OK) {
        return r;
    }
    const json_t *vms = array_at(json, "items");
    size_t len = json_array_size(vms);
    r = -1;
    if (len == 0) {
        (void)fprintf(cli->out, "%s is drained\n", name);
        json_decref(json);
        return EXIT_OK;
    } else if (!cli_option(cli, "force") && count_stuck(vms) == len) { /* by force they go, too */
        (void)cli_fail(cli, 0, "%s stays in draining: for %zu VM%s there is no place elsewhere",
                       name, len, len == 1 ? "" : "s");
        json_array_foreach(vms, i, vm) {
            (void)fprintf(cli->err, "%s keeps running:\n", text_at(vm, "name"));
            show_reasons(cli->err, array_at(vm, "reasons"));
        }
        (void)fprintf(cli->err, "They move as soon as they can; --force stops them now.\n");
        r = EXIT_REFUSED;
    }
    buf_printf(&text, "%s: %zu VM%s still there", name, len, len == 1 ? "" : "s");
    *ret_text = buf_take(&text);
    json_decref(json);
    return r;
}

int run_node_drain(struct cli *cli)
{
    const char *name = cli->args.items[0];
    bool is_dry_run = cli_option(cli, "dry-run") != NULL;
    if (is_dry_run) {
        return run_plan_drain(cli);
    }
    json_t *body = json_pack("{s:b}", "force", cli_option(cli, "force") != NULL);
    int r = put_migration(cli, body);
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    struct drain drain = {.node = name};
    r = wait_is_wanted(cli) ? drain_begin(cli, &drain) : EXIT_OK;
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    r = change(cli, "POST", body, "/v1/nodes/%s/drain", name);
    if (r == EXIT_OK && wait_is_wanted(cli)) {
        r = wait_until(cli, look_at_drain, &drain);
        r = r == EXIT_OK ? tell_moved(cli, &drain) : r;
    }
    json_decref(drain.vms);
    return r;
}
