/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/policy.h"

#include "base/parse.h"
#include "cli/show.h"

#include <string.h>

static int read_priority(struct cli *cli, json_t *body)
{
    static const struct {
        const char *name;
        json_int_t value;
    } names[] = {{"high", 3000}, {"medium", 2000}, {"low", 1000}, {"none", 0}};
    const char *text = cli_option(cli, "priority");
    uint64_t number;
    if (!text) {
        return EXIT_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i].name, text) == 0) {
            (void)json_object_set_new(body, "priority", json_integer(names[i].value));
            return EXIT_OK;
        }
    }
    if (!parse_u64(text, UINT32_MAX, &number)) {
        return cli_fail(cli, EXIT_USAGE,
                        "--priority takes high, medium, low, none or a number, not \"%s\"", text);
    }
    (void)json_object_set_new(body, "priority", json_integer((json_int_t)number));
    return EXIT_OK;
}

static int read_number(struct cli *cli, json_t *body, const char *option, const char *field,
                       uint64_t factor)
{
    const char *text = cli_option(cli, option);
    uint64_t number;
    if (!text) {
        return EXIT_OK;
    }
    if (!parse_u64(text, 1000000000, &number)) {
        return cli_fail(cli, EXIT_USAGE, "--%s takes a number, not \"%s\"", option, text);
    }
    (void)json_object_set_new(body, field, json_integer((json_int_t)(number * factor)));
    return EXIT_OK;
}

/* What is given of the restart policy; the rest stays. */
static int read_restart(struct cli *cli, json_t *body)
{
    json_t *restart = json_object();
    int r = read_number(cli, restart, "restarts", "restarts_max", 1);
    r = r == EXIT_OK ? read_number(cli, restart, "failovers", "failovers_max", 1) : r;
    r = r == EXIT_OK ? read_number(cli, restart, "host-losses", "host_losses_max", 1) : r;
    r = r == EXIT_OK ? read_number(cli, restart, "forgive-after", "window_ms", 1000) : r;
    if (r != EXIT_OK || json_object_size(restart) == 0) {
        json_decref(restart);
        return r;
    }
    (void)json_object_set_new(body, "restart", restart);
    return EXIT_OK;
}

/* Each time the option was given is an element; an empty value empties the list. */
static void read_list(struct cli *cli, json_t *body, const char *option, const char *field)
{
    json_t *list = NULL;
    VEC_EACH(&cli->given, given) {
        if (strcmp(given->option->name, option) != 0) {
            continue;
        }
        if (!list) {
            list = json_array();
            (void)json_object_set_new(body, field, list);
        }
        if (given->value[0]) {
            (void)json_array_append_new(list, json_string(given->value));
        }
    }
}

/* The same, of KEY=VALUE. */
static int read_labels(struct cli *cli, json_t *body)
{
    json_t *map = NULL;
    VEC_EACH(&cli->given, given) {
        if (strcmp(given->option->name, "label") != 0) {
            continue;
        }
        if (!map) {
            map = json_object();
            (void)json_object_set_new(body, "labels", map);
        }
        if (given->value[0] && !pair_into(map, given->value, false)) {
            return cli_fail(cli, EXIT_USAGE, "\"%s\" is not of the form KEY=VALUE", given->value);
        }
    }
    return EXIT_OK;
}

static int read_unmanaged(struct cli *cli, json_t *body)
{
    const char *text = cli_option(cli, "unmanaged");
    if (text && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
        return cli_fail(cli, EXIT_USAGE, "--unmanaged takes yes or no, not \"%s\"", text);
    }
    if (text) {
        (void)json_object_set_new(body, "unmanaged", json_boolean(strcmp(text, "yes") == 0));
    }
    return EXIT_OK;
}

int policy_read(struct cli *cli, json_t *body)
{
    const char *action = cli_option(cli, "offline-action");
    if (action) {
        (void)json_object_set_new(body, "offline_action", json_string(action));
    }
    const char *migration = cli_option(cli, "migration");
    if (migration) {
        (void)json_object_set_new(body, "migration", json_string(migration));
    }
    const char *topology = cli_option(cli, "topology");
    if (topology) {
        (void)json_object_set_new(body, "topology", json_string(topology));
    }
    const char *watch = cli_option(cli, "guest-watch");
    if (watch) {
        (void)json_object_set_new(body, "guest_watch", json_string(watch));
    }
    const char *title = cli_option(cli, "title");
    if (title) {
        (void)json_object_set_new(body, "title", json_string(title));
    }
    read_list(cli, body, "owner", "possible_owners");
    read_list(cli, body, "preferred", "preferred_owners");
    read_list(cli, body, "together", "together");
    read_list(cli, body, "apart", "apart");
    read_list(cli, body, "start-after", "start_after");
    int r = read_labels(cli, body);
    r = r == EXIT_OK ? read_unmanaged(cli, body) : r;
    r = r == EXIT_OK ? read_priority(cli, body) : r;
    r = r == EXIT_OK ? read_number(cli, body, "offline-timeout", "offline_timeout_ms", 1000) : r;
    r = r == EXIT_OK ? read_number(cli, body, "guest-silence", "guest_silence_ms", 1000) : r;
    r = r == EXIT_OK ? read_restart(cli, body) : r;
    return r == EXIT_OK ? read_number(cli, body, "mmio", "mmio_mib", 1) : r;
}
