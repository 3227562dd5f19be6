/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/show.h"

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/plan_show.h"
#include "cli/yaml.h"

#include <stdarg.h>
#include <string.h>

int show_json(struct cli *cli, json_t *json)
{
    bool is_done = true;
    if (cli->is_yaml) {
        is_done = yaml_print(json, cli->out);
    } else {
        (void)json_dumpf(json, cli->out, JSON_INDENT(2));
        (void)fputc('\n', cli->out);
    }
    json_decref(json);
    return is_done ? EXIT_OK : cli_fail(cli, EXIT_REFUSED, "the YAML cannot be written");
}

int show_table(struct cli *cli, struct table *table, const char *empty)
{
    char columns[200];
    int r = EXIT_OK;
    if (table_sort(table) == 0) {
        table_print(table, cli->out, empty);
    } else {
        table_headings(table, columns, sizeof(columns));
        r = cli_fail(cli, EXIT_USAGE, "there is no column \"%s\" to sort by; there are: %s",
                     table->look->sort, columns);
    }
    table_done(table);
    return r;
}

int show_change(struct cli *cli, json_t *json)
{
    if (cli->is_json) {
        return show_json(cli, json);
    }
    (void)fprintf(cli->out, "%s\n", text_at(json, "message"));
    const json_t *skipped = array_at(json, "skipped");
    if (json_array_size(skipped) > 0) {
        (void)fprintf(cli->out, "left out:\n");
        show_reasons(cli->out, skipped);
    }
    show_reasons(cli->out, array_at(json, "warnings"));
    json_decref(json);
    return EXIT_OK;
}

void show_age(const struct cli *cli, const json_t *json)
{
    if (json_object_get(json, "stale_since_ms")) {
        (void)fprintf(cli->err,
                      "berth: the store has not answered for %lld s: what follows may be old\n",
                      (long long)number_at(json, "stale_since_ms") / 1000);
    }
}

void show_reasons(FILE *out, const json_t *reasons)
{
    size_t i;
    json_t *reason;
    json_array_foreach(reasons, i, reason) {
        const char *subject = text_at(reason, "subject");
        CLEANUP(buf_done) struct buf hint = {0}, way = {0};
        way_text(reason, &way);
        (void)fprintf(out, "  %s%s%s%s%s\n", subject, subject[0] ? ": " : "",
                      text_at(reason, "text"), way.size > 0 ? "; moves " : "", buf_str(&way));
        hint_text(json_object_get(reason, "hint"), &hint);
        if (hint.size > 0) {
            (void)fprintf(out, "    Try: %s\n", buf_str(&hint));
        }
    }
}

/* An older berth-api cannot tell: what else is shown is as right, and no error is said. */
void show_use(const struct cli *cli, const char *label, bool is_vm, const char *name)
{
    char used[40], total[40];
    json_t *json;
    struct cli quiet = *cli;
    quiet.err = fopen("/dev/null", "we");
    if (!quiet.err) {
        return;
    }
    int r = is_vm ? client_get(&quiet, &json, "/v1/vms/%s/use", name)
                  : client_get(&quiet, &json, "/v1/nodes/%s/use", name);
    (void)fclose(quiet.err);
    if (r == EXIT_OK && json_object_get(json, "cpu_milli")) {
        (void)fprintf(cli->out, "%s%.1f of %lld CPUs, %s of %s memory\n", label,
                      (double)number_at(json, "cpu_milli") / 1000,
                      (long long)number_at(json, "cpus"),
                      memory_text(number_at(json, "memory_mib"), used, sizeof(used)),
                      memory_text(number_at(json, "memory_total_mib"), total, sizeof(total)));
    }
    json_decref(json);
}

void needs_text(const json_t *needs, struct buf *ret)
{
    size_t i;
    json_t *need;
    json_array_foreach(needs, i, need) {
        buf_printf(ret, "%s%lldx %s", i ? ", " : "", (long long)number_at(need, "count"),
                   text_at(need, "pool"));
    }
    if (ret->size == 0) {
        buf_char(ret, '-');
    }
}

void gpus_text(const json_t *gpus, struct buf *ret)
{
    size_t i;
    json_t *gpu;
    json_array_foreach(gpus, i, gpu) {
        buf_printf(ret, "%s%s", i ? " " : "", text_at(gpu, "address"));
    }
    if (ret->size == 0) {
        buf_char(ret, '-');
    }
}

int change(struct cli *cli, const char *method, json_t *body, const char *format, ...)
{
    json_t *reply;
    va_list args;
    va_start(args, format);
    int r = client_vcall(cli, method, body, &reply, format, args);
    va_end(args);
    return r == EXIT_OK ? show_change(cli, reply) : r;
}

static json_t *typed(const char *text)
{
    int64_t number;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return json_boolean(text[0] == 't');
    }
    if (parse_i64(text, INT64_MIN / 2, INT64_MAX / 2, &number)) {
        return json_integer(number);
    }
    return json_string(text);
}

bool pair_into(json_t *object, const char *pair, bool is_typed)
{
    const char *equals = strchr(pair, '=');
    CLEANUP(freep) char *key = equals ? strndup(pair, (size_t)(equals - pair)) : NULL;
    if (!key || !key[0]) {
        return false;
    }
    json_t *value = is_typed ? typed(equals + 1) : json_string(equals + 1);
    return json_object_set_new(object, key, value) == 0;
}

int show_only(struct cli *cli, json_t *json, const char *option, const char *field)
{
    const char *want = cli_option(cli, option);
    json_t *items = json_object_get(json, "items"), *node;
    if (!want) {
        return EXIT_OK;
    }
    if (strcmp(option, "node") == 0) {
        int r = client_get(cli, &node, "/v1/nodes/%s", want);
        if (r != EXIT_OK) {
            return r;
        }
        json_decref(node);
    }
    for (size_t i = json_array_size(items); i-- > 0;) {
        if (strcmp(text_at(json_array_get(items, i), field), want) != 0) {
            (void)json_array_remove(items, i);
        }
    }
    return EXIT_OK;
}

const char *memory_text(json_int_t mib, char *ret, size_t size)
{
    if (mib < 1024) {
        (void)snprintf(ret, size, "%lld MiB", (long long)mib);
    } else {
        (void)snprintf(ret, size, "%.1f GiB", (double)mib / 1024);
    }
    return ret;
}

const char *span_text(json_int_t ms, char *ret, size_t size)
{
    if (ms < 1000) {
        (void)snprintf(ret, size, "%lld ms", (long long)ms);
    } else {
        (void)snprintf(ret, size, "%.1f s", (double)ms / 1000);
    }
    return ret;
}

int check_state(struct cli *cli, const char *const *states, size_t len)
{
    const char *want = cli_option(cli, "state");
    CLEANUP(buf_done) struct buf words = {0};
    for (size_t i = 0; want && i < len; i++) {
        if (strcmp(states[i], want) == 0) {
            return EXIT_OK;
        }
        buf_printf(&words, "%s%s", i ? ", " : "", states[i]);
    }
    return want ? cli_fail(cli, EXIT_USAGE, "--state takes %s, not \"%s\"", buf_str(&words), want)
                : EXIT_OK;
}
