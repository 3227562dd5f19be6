/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Assign, start, stop, move, remove: each ordered at once for all, then waited for one by one. */
#include "cli/show.h"
#include "cli/wait.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <string.h>

/* ---- assign ---- */

static int assign(struct cli *cli, const char *path)
{
    const char *given = cli_option(cli, "count");
    uint64_t count = 0;
    if (given && (!parse_u64(given, 1000, &count) || count == 0)) {
        return cli_fail(cli, EXIT_USAGE, "--count takes a number from 1, not \"%s\"", given);
    }
    json_t *body = json_pack("{s:s}", "pool", cli->args.items[1]);
    if (given) {
        (void)json_object_set_new(body, "count", json_integer((json_int_t)count));
    }
    return strcmp(path, "assign") == 0
               ? change(cli, "POST", body, "/v1/vms/%s/assign", cli->args.items[0])
               : change(cli, "POST", body, "/v1/vms/%s/unassign", cli->args.items[0]);
}

int run_vm_assign(struct cli *cli)
{
    return assign(cli, "assign");
}

int run_vm_unassign(struct cli *cli)
{
    return assign(cli, "unassign");
}

int run_vm_rm(struct cli *cli)
{
    int worst = EXIT_OK;
    VEC_EACH(&cli->args, name) {
        int r = change(cli, "DELETE", NULL, "/v1/vms/%s", *name);
        worst = MAX(worst, r);
    }
    return worst;
}

/* ---- waiting ---- */

static bool is_state(const json_t *vm, const char *state)
{
    return strcmp(text_at(vm, "state"), state) == 0;
}

/* "train1 is waiting: ..." for the progress line. */
static char *standing(const json_t *vm)
{
    struct buf text = {0};
    buf_printf(&text, "%s is %s%s%s", text_at(vm, "name"), text_at(vm, "state"),
               text_at(vm, "detail")[0] ? ": " : "", text_at(vm, "detail"));
    return buf_take(&text);
}

static int say_waiting(struct cli *cli, const json_t *vm)
{
    (void)cli_fail(cli, 0, "%s is waiting: %s", text_at(vm, "name"),
                   text_at(vm, "detail")[0] ? text_at(vm, "detail") : "no host can take it now");
    show_reasons(cli->err, array_at(vm, "reasons"));
    (void)fputs("It starts by itself as soon as it can (--wait-for-gpu waits for that).\n",
                cli->err);
    return EXIT_REFUSED;
}

/* No order reaches it, and what to do was told with the order. */
static int say_away(struct cli *cli, const json_t *vm)
{
    return cli_fail(cli, EXIT_REFUSED, "%s is away: %s", text_at(vm, "name"),
                    text_at(vm, "detail"));
}

static int judge_start(struct cli *cli, const json_t *vm)
{
    bool is_seen = number_at(vm, "seen_start_order") >= number_at(vm, "start_order");
    if (is_state(vm, "running")) {
        (void)fprintf(cli->out, "%s is running on %s\n", text_at(vm, "name"), text_at(vm, "node"));
        return EXIT_OK;
    }
    if (is_state(vm, "failed") && is_seen) {
        return cli_fail(cli, EXIT_REFUSED, "%s has failed: %s", text_at(vm, "name"),
                        text_at(vm, "detail"));
    }
    if (strcmp(text_at(vm, "desired"), "started") != 0) {
        return cli_fail(cli, EXIT_REFUSED, "someone else stopped %s", text_at(vm, "name"));
    }
    if (is_state(vm, "away")) {
        return say_away(cli, vm);
    }
    bool has_reasons = json_array_size(array_at(vm, "reasons")) > 0;
    if (is_state(vm, "waiting") && is_seen && has_reasons && !cli_option(cli, "wait-for-gpu")) {
        return say_waiting(cli, vm);
    }
    return -1;
}

static int look_at_start(struct cli *cli, void *userdata, char **ret_text)
{
    json_t *vm;
    int r = client_get(cli, &vm, "/v1/vms/%s", (const char *)userdata);
    if (r != EXIT_OK) {
        return r;
    }
    r = judge_start(cli, vm);
    *ret_text = standing(vm);
    json_decref(vm);
    return r;
}

static int look_at_stop(struct cli *cli, void *userdata, char **ret_text)
{
    json_t *vm;
    int r = client_get(cli, &vm, "/v1/vms/%s", (const char *)userdata);
    if (r != EXIT_OK) {
        return r;
    }
    r = -1;
    if (is_state(vm, "stopped")) {
        (void)fprintf(cli->out, "%s is stopped\n", text_at(vm, "name"));
        r = EXIT_OK;
    } else if (strcmp(text_at(vm, "desired"), "stopped") != 0) {
        r = cli_fail(cli, EXIT_REFUSED, "someone else started %s again", text_at(vm, "name"));
    } else if (is_state(vm, "away")) {
        r = say_away(cli, vm);
    }
    *ret_text = standing(vm);
    json_decref(vm);
    return r;
}

/* ---- start, stop ---- */

/* Orders each, then waits for those that were taken. */
static int order_each(struct cli *cli, bool is_stop, wait_look look)
{
    int worst = EXIT_OK;
    VEC(const char *) taken = {0};
    VEC_EACH(&cli->args, name) {
        json_t *body =
            is_stop ? json_pack("{s:b}", "force", cli_option(cli, "force") != NULL) : NULL;
        int r = change(cli, "POST", body, is_stop ? "/v1/vms/%s/stop" : "/v1/vms/%s/start", *name);
        const char **place = r == EXIT_OK ? VEC_ADD(&taken) : NULL;
        if (place) {
            *place = *name;
        }
        worst = MAX(worst, r);
    }
    VEC_EACH(&taken, name) {
        int r = wait_is_wanted(cli) ? wait_until(cli, look, (void *)(uintptr_t)*name) : EXIT_OK;
        worst = MAX(worst, r);
    }
    VEC_DONE(&taken);
    return worst;
}

int run_vm_start(struct cli *cli)
{
    return order_each(cli, false, look_at_start);
}

int run_vm_stop(struct cli *cli)
{
    return order_each(cli, true, look_at_stop);
}

/* ---- restart ---- */

/* Nothing in the store says that it is to start again: that is said once it has stopped. */
static int start_again(struct cli *cli, const char *name)
{
    int r = wait_until(cli, look_at_stop, (void *)(uintptr_t)name);
    if (r != EXIT_OK) {
        (void)cli_fail(cli, r, "%s is not started again: \"berth vm start %s\" does that", name,
                       name);
        return r;
    }
    r = change(cli, "POST", NULL, "/v1/vms/%s/start", name);
    return r == EXIT_OK && wait_is_wanted(cli)
               ? wait_until(cli, look_at_start, (void *)(uintptr_t)name)
               : r;
}

static int restart_each(struct cli *cli, bool is_forced)
{
    int worst = EXIT_OK;
    VEC(const char *) taken = {0};
    VEC_EACH(&cli->args, name) {
        int r =
            change(cli, "POST", json_pack("{s:b}", "force", is_forced), "/v1/vms/%s/stop", *name);
        const char **place = r == EXIT_OK ? VEC_ADD(&taken) : NULL;
        if (place) {
            *place = *name;
        }
        worst = MAX(worst, r);
    }
    VEC_EACH(&taken, name) {
        int r = start_again(cli, *name);
        worst = MAX(worst, r);
    }
    VEC_DONE(&taken);
    return worst;
}

int run_vm_restart(struct cli *cli)
{
    return restart_each(cli, false);
}

int run_vm_reset(struct cli *cli)
{
    return restart_each(cli, true);
}

/* ---- move ---- */

struct move {
    const char *vm;
    char from[64];
};

static bool is_withdrawn(const json_t *vm)
{
    const json_t *cause = json_object_get(json_object_get(vm, "placement"), "cause");
    return strcmp(text_at(cause, "code"), "move-withdrawn") == 0;
}

static int judge_move(struct cli *cli, const struct move *move, const json_t *vm)
{
    bool is_seen = number_at(vm, "seen_move_order") >= number_at(vm, "move_order");
    if (is_seen && is_state(vm, "running") && strcmp(text_at(vm, "node"), move->from) != 0) {
        (void)fprintf(cli->out, "%s is running on %s\n", move->vm, text_at(vm, "node"));
        return EXIT_OK;
    }
    if (is_seen && is_state(vm, "running") && is_withdrawn(vm)) {
        return cli_fail(cli, EXIT_REFUSED, "%s stays on %s: someone withdrew the move", move->vm,
                        move->from);
    }
    if (is_state(vm, "failed") || is_state(vm, "stopped")) {
        return cli_fail(cli, EXIT_REFUSED, "%s is %s: %s", move->vm, text_at(vm, "state"),
                        text_at(vm, "detail"));
    }
    if (is_seen && is_state(vm, "running") && json_array_size(array_at(vm, "reasons")) > 0) {
        (void)cli_fail(cli, 0, "%s stays on %s: no other host can take it", move->vm, move->from);
        show_reasons(cli->err, array_at(vm, "reasons"));
        return EXIT_REFUSED;
    }
    return -1;
}

static int look_at_move(struct cli *cli, void *userdata, char **ret_text)
{
    const struct move *move = userdata;
    json_t *vm;
    int r = client_get(cli, &vm, "/v1/vms/%s", move->vm);
    if (r != EXIT_OK) {
        return r;
    }
    r = judge_move(cli, move, vm);
    *ret_text = standing(vm);
    json_decref(vm);
    return r;
}

int run_vm_adopt(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/vms/%s/adopt", cli->args.items[0]);
}

int run_vm_confirm_gone(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/vms/%s/confirm-gone", cli->args.items[0]);
}

static int read_move(struct cli *cli, json_t *body)
{
    const char *limit = cli_option(cli, "time-limit");
    uint64_t seconds;
    if (limit && !parse_u64(limit, 24 * 3600, &seconds)) {
        return cli_fail(cli, EXIT_USAGE, "--time-limit takes a number of seconds, not \"%s\"",
                        limit);
    }
    if (limit) {
        (void)json_object_set_new(body, "limit_ms", json_integer((json_int_t)(seconds * 1000)));
    }
    if (cli->args.len > 1) {
        (void)json_object_set_new(body, "node", json_string(cli->args.items[1]));
    }
    return put_migration(cli, body);
}

int run_vm_move(struct cli *cli)
{
    struct move move = {.vm = cli->args.items[0]};
    json_t *vm;
    if (cli_option(cli, "cancel")) {
        return cli->args.len > 1 ? cli_fail(cli, EXIT_USAGE, "--cancel takes no NODE")
                                 : change(cli, "POST", NULL, "/v1/vms/%s/cancel-move", move.vm);
    }
    CLEANUP(json_decrefp) json_t *body = json_object();
    int r = read_move(cli, body);
    if (r != EXIT_OK) {
        return r;
    }
    r = client_get(cli, &vm, "/v1/vms/%s", move.vm);
    if (r != EXIT_OK) {
        return r;
    }
    (void)copy_text(move.from, sizeof(move.from), text_at(vm, "node"));
    json_decref(vm);
    r = change(cli, "POST", TAKE(body), "/v1/vms/%s/move", move.vm);
    return r == EXIT_OK && wait_is_wanted(cli) ? wait_until(cli, look_at_move, &move) : r;
}
