/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs: what there is, and what they are. Orders to them: run_vm_order.c. */
#include "cli/policy.h"
#include "cli/show.h"

#include "api/facts.h"
#include "base/cleanup.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>

enum { xml_size_max = 256 * 1024 };

/* ---- reading ---- */

#define WORD_(id, text) text,
static const char *const vm_states[] = {VM_VIEW_LIST(WORD_)};
#undef WORD_

/* Leaves those that need GPUs of the pool of --pool. */
static int show_only_pool(struct cli *cli, json_t *json)
{
    const char *want = cli_option(cli, "pool");
    json_t *items = json_object_get(json, "items"), *pool, *need;
    int r = want ? client_get(cli, &pool, "/v1/pools/%s", want) : EXIT_OK;
    if (!want || r != EXIT_OK) {
        return r;
    }
    json_decref(pool);
    for (size_t i = json_array_size(items); i-- > 0;) {
        size_t k;
        bool has_need = false;
        json_array_foreach(array_at(json_array_get(items, i), "needs"), k, need) {
            has_need |= strcmp(text_at(need, "pool"), want) == 0;
        }
        if (!has_need) {
            (void)json_array_remove(items, i);
        }
    }
    return EXIT_OK;
}

static int list_vms(struct cli *cli, json_t **ret)
{
    int r = check_state(cli, vm_states, ARRAY_LEN(vm_states));
    if (r != EXIT_OK || (r = client_get(cli, ret, "/v1/vms")) != EXIT_OK) {
        return r;
    }
    r = show_only(cli, *ret, "node", "node");
    r = r == EXIT_OK ? show_only(cli, *ret, "state", "state") : r;
    r = r == EXIT_OK ? show_only_pool(cli, *ret) : r;
    if (r != EXIT_OK) {
        json_decref(*ret);
    }
    return r;
}

int run_vm_ls(struct cli *cli)
{
    static const char *const headings[] = {"VM", "STATE", "NODE", "GPUS", "NEEDS", "PRIORITY", ""};
    bool has_filter =
        cli_option(cli, "node") || cli_option(cli, "state") || cli_option(cli, "pool");
    json_t *json, *vm;
    size_t i;
    int r = list_vms(cli, &json);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    struct table table;
    show_age(cli, json);
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(json_object_get(json, "items"), i, vm) {
        CLEANUP(buf_done) struct buf needs = {0}, gpus = {0};
        const char *at = text_at(vm, "node");
        needs_text(array_at(vm, "needs"), &needs);
        gpus_text(array_at(vm, "gpus"), &gpus);
        table_add(&table, text_at(vm, "name"));
        table_add(&table, text_at(vm, "state"));
        table_add(&table, at[0] ? at : "-");
        table_add(&table, buf_str(&gpus));
        table_add(&table, buf_str(&needs));
        table_printf(&table, "%lld", (long long)number_at(vm, "priority"));
        table_add(&table, text_at(vm, "detail"));
    }
    json_decref(json);
    return show_table(cli, &table,
                      has_filter ? "No VM is like that."
                                 : "No VM yet: \"berth vm add FILE.xml\" adds one.");
}

static void print_names(const struct cli *cli, const char *title, const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name) {
        (void)fprintf(cli->out, "%-16s %s\n", i ? "" : title, json_string_value(name));
    }
}

static void print_labels(const struct cli *cli, json_t *labels)
{
    const char *key, *title = "only on label";
    json_t *value;
    json_object_foreach(labels, key, value) {
        (void)fprintf(cli->out, "%-16s %s=%s\n", title, key, json_string_value(value));
        title = "";
    }
}

static void print_restart(const struct cli *cli, const json_t *restart)
{
    long long losses = (long long)number_at(restart, "host_losses_max");
    (void)fprintf(
        cli->out,
        "if it fails      %lld restarts there, then %lld failovers; forgiven after %lld s\n",
        (long long)number_at(restart, "restarts_max"),
        (long long)number_at(restart, "failovers_max"),
        (long long)number_at(restart, "window_ms") / 1000);
    if (losses > 0) {
        (void)fprintf(cli->out, "                 failed when %lld nodes were lost under it\n",
                      losses);
    }
}

int run_vm_show(struct cli *cli)
{
    json_t *json;
    int r = client_get(cli, &json, "/v1/vms/%s", cli->args.items[0]);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    CLEANUP(buf_done) struct buf needs = {0}, gpus = {0};
    const json_t *spec = json_object_get(json, "spec");
    show_age(cli, json);
    needs_text(array_at(json, "needs"), &needs);
    gpus_text(array_at(json, "gpus"), &gpus);
    if (text_at(json, "title")[0]) {
        (void)fprintf(cli->out, "%s\n", text_at(json, "title"));
    }
    (void)fprintf(cli->out, "%s is %s%s%s%s%s\n", text_at(json, "name"), text_at(json, "state"),
                  text_at(json, "node")[0] ? " on " : "", text_at(json, "node"),
                  text_at(json, "detail")[0] ? ": " : "", text_at(json, "detail"));
    (void)fprintf(cli->out, "needs            %s\nhas              %s\n", buf_str(&needs),
                  buf_str(&gpus));
    char memory[40];
    (void)fprintf(cli->out, "CPUs, memory     %lld, %s\n", (long long)number_at(json, "cpus"),
                  memory_text(number_at(json, "memory_mib"), memory, sizeof(memory)));
    show_use(cli, "use now          ", true, text_at(json, "name"));
    json_int_t pause_ms = number_at(json_object_get(json, "status"), "pause_ms");
    if (pause_ms > 0) {
        char pause[40];
        (void)fprintf(cli->out, "last move        held it up for %s\n",
                      span_text(pause_ms, pause, sizeof(pause)));
    }
    if (json_is_true(json_object_get(json, "pending"))) {
        (void)fprintf(cli->out, "changed          takes effect at its next start\n");
    }
    (void)fprintf(cli->out, "priority         %lld\n", (long long)number_at(json, "priority"));
    (void)fprintf(cli->out, "offline action   %s, %lld s\n", text_at(json, "offline_action"),
                  (long long)number_at(spec, "offline_timeout_ms") / 1000);
    print_restart(cli, json_object_get(spec, "restart"));
    if (strcmp(text_at(spec, "guest_watch"), "restart") == 0) {
        (void)fprintf(cli->out,
                      "guest watch      restart if it stands still, or is silent for %lld s\n",
                      (long long)number_at(spec, "guest_silence_ms") / 1000);
    }
    (void)fprintf(cli->out, "topology         %s\n", text_at(spec, "topology"));
    (void)fprintf(cli->out, "uuid             %s\n", text_at(spec, "uuid"));
    print_names(cli, "only on", array_at(spec, "possible_owners"));
    print_labels(cli, json_object_get(spec, "labels"));
    print_names(cli, "rather on", array_at(spec, "preferred_owners"));
    print_names(cli, "together with", array_at(spec, "together"));
    print_names(cli, "apart from", array_at(spec, "apart"));
    print_names(cli, "starts after", array_at(spec, "start_after"));
    show_reasons(cli->out, array_at(json, "reasons"));
    json_decref(json);
    return r;
}

int run_vm_xml(struct cli *cli)
{
    json_t *json;
    int r = client_get(cli, &json, "/v1/vms/%s", cli->args.items[0]);
    if (r == EXIT_OK) {
        (void)fputs(text_at(json, "xml"), cli->out);
        json_decref(json);
    }
    return r;
}

int run_vm_explain(struct cli *cli)
{
    json_t *json;
    int r = client_get(cli, &json, "/v1/vms/%s/explain", cli->args.items[0]);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    CLEANUP(buf_done) struct buf needs = {0};
    const char *cause = text_at(json, "cause"), *node = text_at(json, "node");
    const char *detail = text_at(json, "detail");
    show_age(cli, json);
    needs_text(array_at(json, "needs"), &needs);
    (void)fprintf(cli->out, "%s is %s%s%s; it needs %s\n", text_at(json, "name"),
                  text_at(json, "state"), node[0] ? " on " : "", node, buf_str(&needs));
    if (cause[0]) {
        (void)fprintf(cli->out, "why: %s\n", cause);
    }
    bool is_cause =
        json_equal(json_object_get(json, "detail_code"), json_object_get(json, "cause_code"));
    if (detail[0] && !is_cause) {
        (void)fprintf(cli->out, "now: %s\n", detail);
    }
    (void)fputs("hosts, as they are now:\n", cli->out);
    show_reasons(cli->out, array_at(json, "hosts"));
    if (json_array_size(array_at(json, "reasons")) > 0) {
        (void)fputs("what the coordinator said when it last looked:\n", cli->out);
        show_reasons(cli->out, array_at(json, "reasons"));
    }
    json_decref(json);
    return EXIT_OK;
}

/* ---- add ---- */

int read_xml(struct cli *cli, const char *path, struct buf *text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    char chunk[8192];
    size_t got;
    if (!file) {
        return cli_fail(cli, EXIT_REFUSED, "%s: %s", path, strerror(errno));
    }
    while (text->size <= xml_size_max && (got = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_add(text, chunk, got);
    }
    bool is_bad = ferror(file) != 0;
    if (!is_stdin) {
        (void)fclose(file);
    }
    if (is_bad) {
        return cli_fail(cli, EXIT_REFUSED, "%s cannot be read", path);
    }
    if (text->size > xml_size_max) {
        return cli_fail(cli, EXIT_REFUSED, "%s has more than %d KiB: no domain XML has", path,
                        xml_size_max / 1024);
    }
    if (strlen(buf_str(text)) != text->size || text->size == 0) {
        return cli_fail(cli, EXIT_REFUSED, "%s is %s", path,
                        text->size ? "no text: it holds a NUL byte" : "empty");
    }
    return EXIT_OK;
}

/* Each --need POOL[=N] into the body. */
static int add_needs(struct cli *cli, json_t *body)
{
    json_t *needs = json_array();
    (void)json_object_set_new(body, "needs", needs);
    VEC_EACH(&cli->given, given) {
        if (strcmp(given->option->name, "need") != 0) {
            continue;
        }
        const char *equals = strchr(given->value, '=');
        uint64_t count = 1;
        CLEANUP(freep)
        char *pool =
            equals ? strndup(given->value, (size_t)(equals - given->value)) : strdup(given->value);
        if (!pool || (equals && !parse_u64(equals + 1, 1000, &count))) {
            return cli_fail(cli, EXIT_USAGE, "\"%s\" is not of the form POOL or POOL=N",
                            given->value);
        }
        (void)json_array_append_new(
            needs, json_pack("{s:s, s:I}", "pool", pool, "count", (json_int_t)count));
    }
    return EXIT_OK;
}

static int start_added(struct cli *cli, const char *name)
{
    cli->args.items[0] = name;
    cli->args.len = 1;
    return run_vm_start(cli);
}

int run_vm_add(struct cli *cli)
{
    CLEANUP(buf_done) struct buf xml = {0};
    const char *name = cli_option(cli, "name");
    int r = read_xml(cli, cli->args.items[0], &xml);
    if (r != EXIT_OK) {
        return r;
    }
    json_t *body = json_pack("{s:s#, s:s*}", "xml", buf_str(&xml), (int)xml.size, "name", name);
    if (!body) {
        return cli_fail(cli, EXIT_REFUSED, "%s is not UTF-8 text", cli->args.items[0]);
    }
    if (cli_option(cli, "privileged")) {
        (void)json_object_set_new(body, "privileged", json_true());
    }
    json_t *reply;
    r = policy_read(cli, body);
    r = r == EXIT_OK ? add_needs(cli, body) : r;
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    r = client_call(cli, "POST", body, &reply, "/v1/vms");
    if (r != EXIT_OK) {
        return r;
    }
    CLEANUP(freep) char *added = strdup(text_at(reply, "name"));
    r = show_change(cli, reply);
    return r == EXIT_OK && added && cli_option(cli, "start") ? start_added(cli, added) : r;
}

int run_vm_set(struct cli *cli)
{
    json_t *body = json_object();
    int r = policy_read(cli, body);
    if (r == EXIT_OK && json_object_size(body) == 0) {
        r = cli_fail(cli, EXIT_USAGE, "nothing to set; see berth vm set --help");
    }
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    return change(cli, "PATCH", body, "/v1/vms/%s", cli->args.items[0]);
}
