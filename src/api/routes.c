/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/routes.h"

#include "api/handlers.h"

const struct route routes[] = {
    {"GET", "/", ROLE_VIEWER, handle_index},
    {"GET", "/healthz", ROLE_NONE, handle_health},
    {"GET", "/metrics", ROLE_VIEWER, handle_metrics},
    {"GET", "/v1", ROLE_VIEWER, handle_index},
    {"GET", "/v1/status", ROLE_VIEWER, handle_status},
    {"GET", "/v1/survival", ROLE_VIEWER, handle_survival_get},
    {"GET", "/v1/cluster", ROLE_VIEWER, handle_cluster_get},
    {"PATCH", "/v1/cluster", ROLE_ADMINISTRATOR, handle_cluster_patch},
    {"GET", "/v1/cluster/export", ROLE_VIEWER, handle_export},
    {"GET", "/v1/nodes", ROLE_VIEWER, handle_nodes_get},
    {"GET", "/v1/nodes/:node", ROLE_VIEWER, handle_node_get},
    {"PATCH", "/v1/nodes/:node", ROLE_ADMINISTRATOR, handle_node_patch},
    {"POST", "/v1/nodes/:node/pause", ROLE_OPERATOR, handle_node_pause},
    {"POST", "/v1/nodes/:node/drain", ROLE_OPERATOR, handle_node_drain},
    {"POST", "/v1/nodes/:node/resume", ROLE_OPERATOR, handle_node_resume},
    {"POST", "/v1/nodes/:node/confirm-off", ROLE_ADMINISTRATOR, handle_node_confirm_off},
    {"GET", "/v1/gpus", ROLE_VIEWER, handle_gpus_get},
    {"GET", "/v1/nodes/:node/gpus", ROLE_VIEWER, handle_gpus_get},
    {"GET", "/v1/nodes/:node/gpus/:address", ROLE_VIEWER, handle_gpu_get},
    {"POST", "/v1/nodes/:node/gpus/:address/dismount", ROLE_ADMINISTRATOR, handle_gpu_dismount},
    {"POST", "/v1/nodes/:node/gpus/:address/mount", ROLE_ADMINISTRATOR, handle_gpu_mount},
    {"POST", "/v1/nodes/:node/gpus/:address/release", ROLE_ADMINISTRATOR, handle_gpu_release},
    {"GET", "/v1/pools", ROLE_VIEWER, handle_pools_get},
    {"POST", "/v1/pools", ROLE_ADMINISTRATOR, handle_pool_create},
    {"GET", "/v1/pools/:pool", ROLE_VIEWER, handle_pool_get},
    {"DELETE", "/v1/pools/:pool", ROLE_ADMINISTRATOR, handle_pool_delete},
    {"POST", "/v1/pools/:pool/members", ROLE_ADMINISTRATOR, handle_pool_member_add},
    {"DELETE", "/v1/pools/:pool/members/:node/:address", ROLE_ADMINISTRATOR,
     handle_pool_member_remove},
    {"GET", "/v1/vms", ROLE_VIEWER, handle_vms_get},
    {"POST", "/v1/vms", ROLE_ADMINISTRATOR, handle_vm_add},
    {"GET", "/v1/vms/:vm", ROLE_VIEWER, handle_vm_get},
    {"PATCH", "/v1/vms/:vm", ROLE_ADMINISTRATOR, handle_vm_patch},
    {"DELETE", "/v1/vms/:vm", ROLE_ADMINISTRATOR, handle_vm_delete},
    {"GET", "/v1/vms/:vm/explain", ROLE_VIEWER, handle_vm_explain},
    {"POST", "/v1/vms/:vm/assign", ROLE_ADMINISTRATOR, handle_vm_assign},
    {"POST", "/v1/vms/:vm/unassign", ROLE_ADMINISTRATOR, handle_vm_unassign},
    {"POST", "/v1/vms/:vm/start", ROLE_OPERATOR, handle_vm_start},
    {"POST", "/v1/vms/:vm/stop", ROLE_OPERATOR, handle_vm_stop},
    {"POST", "/v1/vms/:vm/move", ROLE_OPERATOR, handle_vm_move},
    {"GET", "/v1/events", ROLE_VIEWER, handle_events_get},
    {"POST", "/v1/plan", ROLE_VIEWER, handle_plan},
};

const size_t routes_len = ARRAY_LEN(routes);

void handle_index(struct api_call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < routes_len; i++) {
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "method", routes[i].method,
                                                    "path", routes[i].pattern, "role",
                                                    api_role_name(routes[i].role)));
    }
    call_send(call, json_pack("{s:s, s:o}", "name", "berth", "routes", list), 0);
}
