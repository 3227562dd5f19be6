/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of the whole cluster. */
#include "api/body.h"
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
    static const char *const fields[] = {
        "name",         "heartbeat_ms",      "leader_silence_ms", "power_fence_ms",
        "self_stop_ms", "self_stop_span_ms", "watchdog_ms",       "takeover_ms",
        "reserve",      "reserve_policy",    "failback",          "concurrent_starts",
        "cpu_percent",  "preemption",
    };
    const struct record *stored = world_find(call->world, RECORD_CLUSTER, "");
    CLEANUP(record_unrefp)
    struct record *next = stored ? record_copy(stored) : record_new(RECORD_CLUSTER, NULL, NULL);
    CLEANUP(body_done) struct body body;
    CLEANUP(buf_done) struct buf what = {0};
    struct error err;
    body_init(&body, call);
    if (body.fault.code != 0) {
        (void)body_end(&body, call);
        return;
    }
    if (!next || !call_matches(call, stored) ||
        !patch_apply(call, next, body.root, fields, ARRAY_LEN(fields))) {
        return;
    }
    if (name_check("cluster", next->cluster->name, &err) < 0 ||
        cluster_settings_check(next->cluster, &err) < 0) {
        call_refuse(call, 400, "bad-settings", "%s", err.text);
        return;
    }
    patch_tell(stored, next, body.root, &what);
    call_put(call, TAKE(next));
    call_commit(call, "cluster-set", "cluster", "the cluster's settings were changed: %s",
                what.size ? buf_str(&what) : "nothing");
}
