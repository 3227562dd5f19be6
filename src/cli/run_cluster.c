/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole cluster as a file: out of it, and into one. */
#include "cli/import.h"
#include "cli/show.h"
#include "cli/wait.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- export ---- */

/* Only its owner may read what may hold passwords. */
static int write_file(struct cli *cli, const char *path, const json_t *json)
{
    char question[300];
    (void)snprintf(question, sizeof(question), "%.200s exists. Overwrite it?", path);
    if (access(path, F_OK) == 0 && !cli_confirm(cli, question)) {
        return EXIT_REFUSED;
    }
    (void)unlink(path); /* else an old one would keep its rights */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        return cli_fail(cli, EXIT_REFUSED, "%s: %s", path, strerror(errno));
    }
    int r = json_dumpf(json, file, JSON_INDENT(1));
    (void)fputc('\n', file);
    if (fclose(file) != 0 || r < 0) {
        return cli_fail(cli, EXIT_REFUSED, "%s: %s", path, strerror(errno));
    }
    const json_t *configuration = json_object_get(json, "configuration");
    (void)fprintf(cli->out, "%s: %zu nodes, %zu pools, %zu VMs%s\n", path,
                  json_object_size(json_object_get(configuration, "nodes")),
                  json_object_size(json_object_get(configuration, "pools")),
                  json_object_size(json_object_get(configuration, "vms")),
                  cli_option(cli, "with-secrets") ? ", and secrets: keep it safe" : "");
    return EXIT_OK;
}

int run_cluster_export(struct cli *cli)
{
    const char *path = cli->args.len > 0 ? cli->args.items[0] : "-";
    json_t *json;
    int r = cli_option(cli, "with-secrets") ? client_get(cli, &json, "/v1/cluster/export?secrets=1")
                                            : client_get(cli, &json, "/v1/cluster/export");
    if (r != EXIT_OK) {
        return r;
    }
    show_age(cli, json);
    if (strcmp(path, "-") == 0) {
        return show_json(cli, json);
    }
    r = write_file(cli, path, json);
    json_decref(json);
    return r;
}

/* ---- import ---- */

static int import_order(struct cli *cli, const struct import_step *step)
{
    json_t *reply = NULL, *body = json_incref(step->body);
    int r = EXIT_OK;
    switch (step->kind) {
    case STEP_SETTINGS:
        r = client_call(cli, "PATCH", body, &reply, "/v1/cluster");
        break;
    case STEP_NODE:
        r = client_call(cli, "PATCH", body, &reply, "/v1/nodes/%s", step->name);
        break;
    case STEP_DISMOUNT:
        r = client_call(cli, "POST", body, &reply, "/v1/nodes/%s/gpus/%s/dismount", step->name,
                        step->second);
        break;
    case STEP_PARTITION:
        r = client_call(cli, "POST", body, &reply, "/v1/nodes/%s/gpus/%s/partition", step->name,
                        step->second);
        break;
    case STEP_POOL:
        r = client_call(cli, "POST", body, &reply, "/v1/pools");
        break;
    case STEP_MEMBERS:
        r = client_call(cli, "POST", body, &reply, "/v1/pools/%s/members", step->name);
        break;
    case STEP_VM:
        r = client_call(cli, "POST", body, &reply, "/v1/vms");
        break;
    case STEP_POLICY:
        r = client_call(cli, "PATCH", body, &reply, "/v1/vms/%s", step->name);
        break;
    case STEP_ASSIGN:
        r = client_call(cli, "POST", body, &reply, "/v1/vms/%s/assign", step->name);
        break;
    case STEP_UNASSIGN:
        r = client_call(cli, "POST", body, &reply, "/v1/vms/%s/unassign", step->name);
        break;
    case STEP_START:
        r = client_call(cli, "POST", body, &reply, "/v1/vms/%s/start", step->name);
        break;
    case STEP_NONE:
        json_decref(body);
        break;
    }
    if (reply) {
        (void)fprintf(cli->out, "%s\n", text_at(reply, "message"));
    }
    json_decref(reply);
    return r;
}

/* Until no GPU that was to be dismounted is on its way. */
static int look_at_dismounts(struct cli *cli, void *userdata, char **ret_text)
{
    const struct import *import = userdata;
    VEC_EACH(&import->steps, step) {
        json_t *gpu;
        CLEANUP(buf_done) struct buf text = {0};
        if ((step->kind != STEP_DISMOUNT && step->kind != STEP_PARTITION) ||
            client_get(cli, &gpu, "/v1/nodes/%s/gpus/%s", step->name, step->second) != EXIT_OK) {
            continue;
        }
        const char *state = text_at(gpu, "state");
        bool is_on_way = strcmp(state, "dismounting") == 0 || strcmp(state, "partitioning") == 0;
        json_decref(gpu);
        if (is_on_way) {
            buf_printf(&text, "%s of %s is being taken from its host", step->second, step->name);
            *ret_text = buf_take(&text);
            return -1;
        }
    }
    return EXIT_OK;
}

/* All, whatever becomes of each: what failed is said, and tried again by the next import. */
static int apply(struct cli *cli, struct import *import)
{
    int worst = EXIT_OK;
    size_t failed = 0;
    bool has_waited = false;
    VEC_EACH(&import->steps, step) {
        int r = EXIT_OK;
        if (step->kind == STEP_MEMBERS && !has_waited) {
            r = wait_until(cli, look_at_dismounts, import);
            has_waited = true;
        }
        int ordered = import_order(cli, step);
        r = MAX(r, ordered);
        failed += r != EXIT_OK;
        worst = MAX(worst, r);
        if (r == EXIT_UNREACHABLE) {
            break;
        }
    }
    if (failed > 0) {
        (void)cli_fail(cli, 0, "%zu of %zu steps failed: fix the cause and import again", failed,
                       import->steps.len);
    }
    return worst == EXIT_OK || worst == EXIT_UNREACHABLE ? worst : EXIT_REFUSED;
}

static void print_steps(struct cli *cli, const struct import *import)
{
    static const char *const headings[] = {"STEP", "NAME", "WHAT"};
    struct table table;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    VEC_EACH(&import->steps, step) {
        table_add(&table, step_name(step->kind));
        table_add(&table, step->name[0] ? step->name : "-");
        table_add(&table, step->text);
    }
    table_print(&table, cli->out, "Nothing differs.");
    table_done(&table);
}

static int print_steps_json(struct cli *cli, const struct import *import)
{
    json_t *list = json_array();
    VEC_EACH(&import->steps, step) {
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:s, s:s}", "step", step_name(step->kind),
                                              "name", step->name, "text", step->text));
    }
    return show_json(cli, json_pack("{s:o}", "steps", list));
}

int run_cluster_import(struct cli *cli)
{
    CLEANUP(import_done) struct import import = {0};
    size_t doable = 0;
    char question[100];
    int r = import_read(cli, cli->args.items[0], &import);
    r = r == EXIT_OK ? import_compare(cli, &import) : r;
    if (r != EXIT_OK) {
        return r;
    }
    VEC_EACH(&import.steps, step) {
        doable += step->kind != STEP_NONE;
    }
    if (cli->is_json) {
        (void)print_steps_json(cli, &import);
    } else {
        print_steps(cli, &import);
    }
    if (doable == 0 || cli_option(cli, "dry-run")) {
        return EXIT_OK;
    }
    (void)snprintf(question, sizeof(question), "Do these %zu steps?", doable);
    (void)fflush(cli->out);
    return cli_confirm(cli, question) ? apply(cli, &import) : EXIT_REFUSED;
}
