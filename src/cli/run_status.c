/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cluster at one look; its settings; events. */
#include "cli/show.h"

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/facts.h"

#include <string.h>
#include <time.h>

/* ---- status ---- */

static void coloured(const struct cli *cli, const char *state)
{
    const char *colour = cli->look.has_colour ? state_colour(state) : "";
    (void)fprintf(cli->out, "%s%s%s", colour, state, colour[0] ? COLOUR_END : "");
}

static void print_nodes(const struct cli *cli, const json_t *nodes)
{
    static const char *const headings[] = {"NODE", "STATE", "GPUS", "VMS", ""};
    struct table table;
    size_t i;
    json_t *node;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(nodes, i, node) {
        table_add(&table, text_at(node, "name"));
        table_add(&table, text_at(node, "state"));
        table_printf(&table, "%lld", (long long)number_at(node, "gpu_count"));
        table_printf(&table, "%lld", (long long)number_at(node, "vm_count"));
        table_printf(&table, "%s%s%s", truth_at(node, "coordinator") ? "coordinator" : "",
                     truth_at(node, "coordinator") && text_at(node, "detail")[0] ? "; " : "",
                     text_at(node, "detail"));
    }
    table_print(&table, cli->out, "No node has joined yet: start berthd on the hosts.");
    table_done(&table);
}

static void print_pools(const struct cli *cli, const json_t *pools)
{
    static const char *const headings[] = {"GPU POOL", "FREE", "USED", "TOTAL", ""};
    struct table table;
    size_t i;
    json_t *pool;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(pools, i, pool) {
        long long away = (long long)number_at(pool, "away");
        long long bad = (long long)number_at(pool, "quarantined");
        table_add(&table, text_at(pool, "name"));
        table_printf(&table, "%lld", (long long)number_at(pool, "free"));
        table_printf(&table, "%lld", (long long)number_at(pool, "used"));
        table_printf(&table, "%lld", (long long)number_at(pool, "total"));
        CLEANUP(buf_done) struct buf notes = {0};
        if (away > 0) {
            buf_printf(&notes, "%lld on nodes that take no VMs", away);
        }
        if (bad > 0) {
            buf_printf(&notes, "%s%lld out of order", notes.size ? ", " : "", bad);
        }
        table_add(&table, buf_str(&notes));
    }
    table_print(&table, cli->out, "No GPU pool yet: \"berth pool create\" makes one.");
    table_done(&table);
}

/* "a, b and c" out of a list of names. */
static void print_list(struct buf *ret, const json_t *names)
{
    size_t i, len = json_array_size(names);
    json_t *name;
    json_array_foreach((json_t *)(uintptr_t)names, i, name) {
        buf_printf(ret, "%s%s",
                   i == 0        ? ""
                   : i + 1 < len ? ", "
                                 : " and ",
                   json_string_value(name));
    }
}

static void print_survival(const struct cli *cli, const json_t *survival, bool has_nodes)
{
    CLEANUP(buf_done) struct buf hosts = {0};
    if (!json_is_object(survival) || !has_nodes) {
        return;
    }
    const char *verdict = text_at(survival, "verdict");
    long long losses = (long long)number_at(survival, "losses");
    long long left_out = (long long)number_at(survival, "left_out");
    (void)fputs("Can a host be lost? ", cli->out);
    if (strcmp(verdict, "no-vms") == 0) {
        (void)fputs("Yes: no VM is to run.\n", cli->out);
    } else if (strcmp(verdict, "disarmed") == 0) {
        (void)fputs("No: the cluster is disarmed.\n", cli->out);
    } else if (strcmp(verdict, "one-host") == 0) {
        (void)fputs("No: there is only one.\n", cli->out);
    } else if (strcmp(verdict, "no-proof") == 0) {
        print_list(&hosts, array_at(survival, "unproven"));
        (void)fprintf(cli->out,
                      "No: nothing can prove that %s is off (no watchdog armed, no power "
                      "fencing), so its VMs would not restart by themselves.\n",
                      buf_str(&hosts));
    } else if (strcmp(verdict, "no-room") == 0) {
        print_list(&hosts, array_at(survival, "weakest"));
        (void)fprintf(cli->out, "No: without %s, %lld VM%s would wait for a place, %s first.\n",
                      buf_str(&hosts), left_out, left_out == 1 ? "" : "s", text_at(survival, "vm"));
    } else if (losses > 1) {
        (void)fprintf(cli->out, "Yes, any %lld of them: every VM would run again.\n", losses);
    } else {
        (void)fputs("Yes, any one: every VM would run again.\n", cli->out);
    }
}

/* "3 running, 1 waiting" */
static void print_vms(const struct cli *cli, const json_t *vms)
{
    const char *state;
    json_t *count;
    bool is_first = true;
    (void)fputs("VMs: ", cli->out);
    json_object_foreach((json_t *)(uintptr_t)vms, state, count) {
        if (json_integer_value(count) > 0) {
            (void)fprintf(cli->out, "%s%lld ", is_first ? "" : ", ",
                          (long long)json_integer_value(count));
            coloured(cli, state);
            is_first = false;
        }
    }
    (void)fputs(is_first ? "none\n" : "\n", cli->out);
}

static void print_disarmed(const struct cli *cli, const json_t *status)
{
    long long left_s = (long long)number_at(status, "disarm_left_ms") / 1000;
    if (!truth_at(status, "disarmed")) {
        return;
    }
    (void)fputs("THE CLUSTER IS DISARMED", cli->out);
    if (left_s > 0) {
        (void)fprintf(cli->out, " for about %lld min", (left_s + 59) / 60);
    }
    (void)fputs(": no host is fenced, and no VM restarts by itself. \"berth cluster arm\" ends "
                "this.\n\n",
                cli->out);
}

int run_status(struct cli *cli)
{
    json_t *json;
    int r = client_get(cli, &json, "/v1/status");
    if (r != EXIT_OK) {
        return r;
    }
    if (cli->is_json) {
        return show_json(cli, json);
    }
    const char *coordinator = text_at(json, "coordinator");
    show_age(cli, json);
    (void)fprintf(cli->out, "Cluster %s, coordinator %s (term %lld)\n", text_at(json, "name"),
                  coordinator[0] ? coordinator : "none", (long long)number_at(json, "term"));
    if (text_at(json, "id")[0]) {
        (void)fprintf(cli->out, "ID %s\n", text_at(json, "id"));
    }
    (void)fputc('\n', cli->out);
    print_disarmed(cli, json);
    print_nodes(cli, array_at(json, "nodes"));
    (void)fputc('\n', cli->out);
    print_pools(cli, array_at(json, "pools"));
    (void)fputc('\n', cli->out);
    print_vms(cli, json_object_get(json, "vms"));
    print_survival(cli, json_object_get(json, "survival"),
                   json_array_size(array_at(json, "nodes")) > 0);
    if (json_array_size(array_at(json, "problems")) > 0) {
        (void)fputc('\n', cli->out);
    }
    show_problems(cli, array_at(json, "problems"), json_object_get(json, "problem_counts"));
    json_decref(json);
    return EXIT_OK;
}

/* ---- settings ---- */

int run_cluster_show(struct cli *cli)
{
    json_t *json, *value;
    const char *key;
    int r = client_get(cli, &json, "/v1/cluster");
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    show_age(cli, json);
    json_object_foreach(json, key, value) {
        CLEANUP(freep) char *text = json_dumps(value, JSON_ENCODE_ANY);
        const char *plain = json_is_string(value) ? json_string_value(value) : text;
        (void)fprintf(cli->out, "%-20s %s\n", key, plain ? plain : "");
    }
    json_decref(json);
    return EXIT_OK;
}

/* "90s", "30m", "2h", "7d" in milliseconds; false: it is none of them. */
bool parse_duration(const char *text, json_int_t *ret)
{
    static const struct {
        char unit;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 3600 * 1000}, {'d', 24 * 3600 * 1000}};
    char number[16];
    uint64_t value;
    size_t len = strlen(text);
    if (len < 2 || len > sizeof(number)) {
        return false;
    }
    (void)snprintf(number, sizeof(number), "%.*s", (int)len - 1, text);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (text[len - 1] == units[i].unit && parse_u64(number, 1000000, &value)) {
            *ret = (json_int_t)(value * units[i].ms);
            return true;
        }
    }
    return false;
}

int run_cluster_disarm(struct cli *cli)
{
    const char *text = cli_option(cli, "for");
    json_int_t for_ms = 0;
    if (text && !parse_duration(text, &for_ms)) {
        return cli_fail(cli, EXIT_USAGE, "--for takes a time such as 90s, 30m or 2h, not \"%s\"",
                        text);
    }
    return change(cli, "POST", text ? json_pack("{s:I}", "for_ms", for_ms) : NULL,
                  "/v1/cluster/disarm");
}

int run_cluster_arm(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/cluster/arm");
}

int run_cluster_set(struct cli *cli)
{
    json_t *body = json_object();
    VEC_EACH(&cli->args, pair) {
        if (!pair_into(body, *pair, true)) {
            json_decref(body);
            return cli_fail(cli, EXIT_USAGE,
                            "\"%s\" is not of the form KEY=VALUE; berth cluster "
                            "show lists the keys",
                            *pair);
        }
    }
    return change(cli, "PATCH", body, "/v1/cluster");
}

/* ---- events ---- */

static bool is_about(const struct cli *cli, const json_t *event)
{
    const char *subject = cli_option(cli, "subject"), *severity = cli_option(cli, "severity");
    return (!subject || strcmp(text_at(event, "subject"), subject) == 0) &&
           (!severity || strcmp(text_at(event, "severity"), severity) == 0);
}

static void print_event(struct cli *cli, const json_t *event)
{
    if (!is_about(cli, event)) {
        return;
    }
    if (cli->is_json) {
        (void)json_dumpf(event, cli->out, JSON_COMPACT);
        (void)fputc('\n', cli->out);
        (void)fflush(cli->out);
        return;
    }
    char when[40] = "";
    time_t seconds = (time_t)(number_at(event, "time_ms") / 1000);
    struct tm parts;
    if (localtime_r(&seconds, &parts)) {
        (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &parts);
    }
    const char *severity = text_at(event, "severity");
    (void)fprintf(cli->out, "%s  %-12s %s%s%s\n", when, text_at(event, "actor"),
                  strcmp(severity, "info") == 0 ? "" : severity,
                  strcmp(severity, "info") == 0 ? "" : ": ", text_at(event, "text"));
    (void)fflush(cli->out);
}

/* The events that the options want. */
static int get_events(struct cli *cli, json_t **ret, const char *limit, const char *after)
{
    const char *subject = cli_option(cli, "subject"), *severity = cli_option(cli, "severity");
    if (subject && severity) {
        return client_get(cli, ret, "/v1/events?limit=%s&after=%s&subject=%s&severity=%s", limit,
                          after, subject, severity);
    }
    if (subject) {
        return client_get(cli, ret, "/v1/events?limit=%s&after=%s&subject=%s", limit, after,
                          subject);
    }
    return severity ? client_get(cli, ret, "/v1/events?limit=%s&after=%s&severity=%s", limit, after,
                                 severity)
                    : client_get(cli, ret, "/v1/events?limit=%s&after=%s", limit, after);
}

int run_events(struct cli *cli)
{
    const char *limit = cli_option(cli, "limit"), *since = cli_option(cli, "since");
    const char *severity = cli_option(cli, "severity");
    char after[24] = "0";
    enum severity known;
    json_int_t ago_ms;
    json_t *json, *event;
    size_t i;
    if (severity && !severity_parse(severity, &known)) {
        return cli_fail(cli, EXIT_USAGE, "--severity takes info, warning or error, not \"%s\"",
                        severity);
    }
    if (since) {
        if (!parse_duration(since, &ago_ms)) {
            return cli_fail(cli, EXIT_USAGE,
                            "--since takes a time such as 90s, 30m, 2h or 7d, not \"%s\"", since);
        }
        /* An event's id begins with the time at which it was told. */
        json_int_t now_ms = (json_int_t)time(NULL) * 1000;
        (void)snprintf(after, sizeof(after), "%014lld", (long long)MAX(now_ms - ago_ms, 0));
    }
    int r = get_events(cli, &json, limit ? limit : since ? "1000" : "30", after);
    if (r != EXIT_OK) {
        return r;
    }
    if (cli->is_json && !cli_option(cli, "follow")) {
        return show_json(cli, json);
    }
    show_age(cli, json);
    json_array_foreach(json_object_get(json, "items"), i, event) {
        print_event(cli, event);
    }
    json_decref(json);
    return cli_option(cli, "follow") ? client_follow(cli, print_event) : EXIT_OK;
}
