/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What if: the planner's answer, nothing is changed. */
#include "cli/show.h"

#include "base/cleanup.h"
#include "cli/plan_show.h"

#include <string.h>

int put_migration(struct cli *cli, json_t *body)
{
    static const char *const ways[] = {"live", "restart", "live-or-restart"};
    const char *way = NULL;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (cli_option(cli, ways[i]) && way) {
            return cli_fail(cli, EXIT_USAGE, "--%s and --%s exclude each other", way, ways[i]);
        }
        way = cli_option(cli, ways[i]) ? ways[i] : way;
    }
    if (way) {
        (void)json_object_set_new(body, "migration", json_string(way));
    }
    return EXIT_OK;
}

static void print_placements(const struct cli *cli, const json_t *placements)
{
    static const char *const headings[] = {"VM", "FROM", "TO", "GPUS", "HOW"};
    struct table table;
    size_t i, k;
    json_t *placement, *gpu;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(placements, i, placement) {
        CLEANUP(buf_done) struct buf gpus = {0}, way = {0};
        const char *from = text_at(placement, "from");
        json_array_foreach(json_object_get(placement, "gpus"), k, gpu) {
            buf_printf(&gpus, "%s%s", k ? " " : "", json_string_value(gpu));
        }
        table_add(&table, text_at(placement, "vm"));
        table_add(&table, from[0] ? from : "-");
        table_add(&table, text_at(placement, "to"));
        table_add(&table, buf_str(&gpus));
        way_text(placement, &way);
        table_add(&table, way.size > 0 ? buf_str(&way) : "-");
    }
    table_print(&table, cli->out, "No VM would find a place or move.");
    table_done(&table);
}

/* EXIT_OK if all find a place, so that scripts can ask. */
static int print_plan(struct cli *cli, json_t *json)
{
    size_t i;
    json_t *vm;
    const json_t *left_out = array_at(json, "left_out");
    bool is_drain = strcmp(text_at(json, "action"), "drain") == 0;
    int r = json_array_size(left_out) > 0 ? EXIT_REFUSED : EXIT_OK;
    if (cli->is_json) {
        (void)show_json(cli, json);
        return r;
    }
    show_age(cli, json);
    print_placements(cli, array_at(json, "placements"));
    json_array_foreach(left_out, i, vm) {
        (void)fprintf(cli->out, "\n%s would %s:\n", text_at(vm, "vm"),
                      is_drain ? "stay where it is" : "wait");
        show_reasons(cli->out, array_at(vm, "reasons"));
    }
    if (r == EXIT_OK) {
        (void)fputs("\nEvery VM has a place.\n", cli->out);
    } else if (!truth_at(json, "proven")) {
        (void)fputs("\nPerhaps there is a better plan: the search was cut short.\n", cli->out);
    }
    json_decref(json);
    return r;
}

static int ask(struct cli *cli, const char *field)
{
    json_t *names = json_array(), *json;
    VEC_EACH(&cli->args, name) {
        (void)json_array_append_new(names, json_string(*name));
    }
    json_t *body = json_pack("{s:o}", field, names);
    int r = put_migration(cli, body);
    if (r != EXIT_OK) {
        json_decref(body);
        return r;
    }
    r = client_call(cli, "POST", body, &json, "/v1/plan");
    return r == EXIT_OK ? print_plan(cli, json) : r;
}

int run_plan_fail(struct cli *cli)
{
    return ask(cli, "fail");
}

int run_plan_drain(struct cli *cli)
{
    return ask(cli, "drain");
}

int run_plan_start(struct cli *cli)
{
    return ask(cli, "start");
}
