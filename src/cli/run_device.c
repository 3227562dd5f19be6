/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that are no GPUs. */
#include "cli/show.h"

int run_device_ls(struct cli *cli)
{
    static const char *const headings[] = {"ADDRESS", "DEVICE", "STATE", ""};
    json_t *json, *device;
    size_t i;
    int r = client_get(cli, &json, "/v1/nodes/%s/devices", cli->args.items[0]);
    if (r != EXIT_OK || cli->is_json) {
        return r == EXIT_OK ? show_json(cli, json) : r;
    }
    struct table table;
    show_age(cli, json);
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(json_object_get(json, "items"), i, device) {
        bool is_shown = truth_at(device, "shown");
        table_add(&table, text_at(device, "address"));
        table_add(&table, text_at(device, "name"));
        table_add(&table, is_shown ? text_at(device, "state") : "missing");
        table_add(&table, is_shown ? text_at(device, "verdict_detail")
                                   : "the host has not shown it yet, or has no such device");
    }
    json_decref(json);
    return show_table(cli, &table, "No device of this node is listed beside its GPUs.");
}

int run_device_watch(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/nodes/%s/devices/%s/watch", cli->args.items[0],
                  cli->args.items[1]);
}

int run_device_unwatch(struct cli *cli)
{
    return change(cli, "POST", NULL, "/v1/nodes/%s/devices/%s/unwatch", cli->args.items[0],
                  cli->args.items[1]);
}
