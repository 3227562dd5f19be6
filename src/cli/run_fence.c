/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether the fence agents of a node work. */
#include "cli/show.h"
#include "cli/wait.h"

#include "base/buf.h"
#include "base/cleanup.h"

struct fence_look {
    const char *node;
    json_t *test; /* once it is done */
};

static int look_at_test(struct cli *cli, void *userdata, char **ret_text)
{
    struct fence_look *look = userdata;
    CLEANUP(buf_done) struct buf text = {0};
    json_t *json;
    int r = client_get(cli, &json, "/v1/nodes/%s", look->node);
    if (r != EXIT_OK) {
        return r;
    }
    json_t *test = json_object_get(json, "fence_test");
    if (truth_at(test, "done")) {
        look->test = json_incref(test);
    }
    buf_printf(&text, "%s has not told yet what the fence agents say", text_at(test, "by"));
    *ret_text = buf_take(&text);
    json_decref(json);
    return look->test ? EXIT_OK : -1;
}

static int print_test(struct cli *cli, json_t *test)
{
    static const char *const headings[] = {"LEVEL", "AGENT", "WORKS", "ANSWER"};
    struct table table;
    char number[24];
    size_t i;
    json_t *level;
    int result = EXIT_OK;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(array_at(test, "levels"), i, level) {
        bool works = truth_at(level, "works");
        (void)snprintf(number, sizeof(number), "%zu", i + 1);
        table_add(&table, number);
        table_add(&table, text_at(level, "agent"));
        table_add(&table, works ? "yes" : "no");
        table_add(&table, text_at(level, "text"));
        result = works ? result : EXIT_REFUSED;
    }
    int r = cli->is_json ? show_json(cli, json_incref(test)) : show_table(cli, &table, "");
    if (cli->is_json) {
        table_done(&table);
    }
    return r == EXIT_OK ? result : r;
}

int run_fence_test(struct cli *cli)
{
    struct fence_look look = {.node = cli->args.items[0]};
    const char *from = cli_option(cli, "from");
    json_t *json, *body = from ? json_pack("{s:s}", "from", from) : NULL;
    if (!wait_is_wanted(cli)) {
        return change(cli, "POST", body, "/v1/nodes/%s/fence-test", look.node);
    }
    int r = client_call(cli, "POST", body, &json, "/v1/nodes/%s/fence-test", look.node);
    if (r != EXIT_OK) {
        return r;
    }
    json_decref(json);
    r = wait_briefly(cli, look_at_test, &look);
    if (r < 0) {
        return cli_fail(cli, EXIT_TIMEOUT,
                        "no answer in time: berth node show %s -o json has it once it comes",
                        look.node);
    }
    r = r == EXIT_OK ? print_test(cli, look.test) : r;
    json_decref(look.test);
    return r;
}
