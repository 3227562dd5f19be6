/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of the whole cluster. */
#include "api/handlers.h"
#include "api/patch.h"
#include "api/show.h"
#include "model/name.h"
#include "wire/record.h"

void handle_cluster_get(struct api_call *call)
{
    struct error err;
    const struct record *stored = world_find(call->world, RECORD_CLUSTER, "");
    CLEANUP(record_unrefp) struct record *fallback = record_new(RECORD_CLUSTER, NULL, NULL);
    json_t *json = fallback ? wire_record_to_json(stored ? stored : fallback, &err) : NULL;
    if (json) {
        (void)json_object_del(json, "schema");
    }
    call_send_dated(call, json, stored ? stored->revision : 0);
}

void handle_cluster_patch(struct api_call *call)
{
    const struct record *stored = world_find(call->world, RECORD_CLUSTER, "");
    CLEANUP(buf_done) struct buf what = {0};
    struct error err;
    CLEANUP(record_unrefp)
    struct record *next = patch_read(
        call, stored, stored ? record_copy(stored) : record_new(RECORD_CLUSTER, NULL, NULL), &what);
    if (!next) {
        return;
    }
    if (name_check("cluster", next->cluster->name, &err) < 0 ||
        cluster_settings_check(next->cluster, &err) < 0) {
        call_refuse(call, 400, "bad-settings", "%s", err.text);
        return;
    }
    call_put(call, TAKE(next));
    call_commit(call, "cluster-set", "cluster", "the cluster's settings were changed: %s",
                buf_str(&what));
}
