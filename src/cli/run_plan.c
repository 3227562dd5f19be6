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
    placements_print(array_at(json, "placements"), &cli->look, "No VM would find a place or move.",
                     cli->out);
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
