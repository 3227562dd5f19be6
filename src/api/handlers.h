/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each route does; the table is in api.c. args[] are the route's ':' parts, checked. */
#pragma once

#include "api/call.h"

/* overview.c */
void handle_index(struct api_call *call);
void handle_health(struct api_call *call);
void handle_status(struct api_call *call);
void handle_metrics(struct api_call *call);

/* openapi.c, operation.c */
void handle_openapi(struct api_call *call);
void handle_operations_get(struct api_call *call);
void handle_operation_get(struct api_call *call);

/* use.c */
void handle_node_use(struct api_call *call);
void handle_vm_use(struct api_call *call);

/* survival.c */
void handle_survival_get(struct api_call *call);

/* export.c */
void handle_export(struct api_call *call);

/* validate.c */
void handle_validate(struct api_call *call);

/* cluster.c */
void handle_cluster_get(struct api_call *call);
void handle_cluster_patch(struct api_call *call);
void handle_fence_key(struct api_call *call);
void handle_cluster_disarm(struct api_call *call);
void handle_cluster_arm(struct api_call *call);

/* node_show.c, node_change.c */
void handle_nodes_get(struct api_call *call);
void handle_node_get(struct api_call *call);
void handle_node_patch(struct api_call *call);
void handle_node_pause(struct api_call *call);
void handle_node_drain(struct api_call *call);
void handle_node_shutdown(struct api_call *call);
void handle_node_reboot(struct api_call *call);
void handle_node_resume(struct api_call *call);
void handle_node_confirm_off(struct api_call *call);
void handle_notify_test(struct api_call *call); /* notify_test.c */
void handle_node_delete(struct api_call *call); /* node_remove.c */
void handle_fence_test(struct api_call *call);  /* node_fence.c */

/* gpu_show.c, gpu_change.c, gpu_split.c */
void handle_gpus_get(struct api_call *call);
void handle_gpu_get(struct api_call *call);
void handle_gpu_dismount(struct api_call *call);
void handle_gpu_mount(struct api_call *call);
void handle_gpu_partition(struct api_call *call);
void handle_gpu_release(struct api_call *call);
void handle_devices_get(struct api_call *call);
void handle_device_watch(struct api_call *call);
void handle_device_unwatch(struct api_call *call);

/* pool_show.c, pool_change.c */
void handle_pools_get(struct api_call *call);
void handle_pool_get(struct api_call *call);
void handle_pool_create(struct api_call *call);
void handle_pool_patch(struct api_call *call);
void handle_pool_delete(struct api_call *call);
void handle_pool_member_add(struct api_call *call);
void handle_pool_member_remove(struct api_call *call);

/* vm_show.c, vm_change.c, vm_order.c */
void handle_vms_get(struct api_call *call);
void handle_vm_get(struct api_call *call);
void handle_vm_explain(struct api_call *call);
void handle_vm_add(struct api_call *call);
void handle_vm_patch(struct api_call *call);
void handle_vm_define(struct api_call *call);
void handle_vm_delete(struct api_call *call);
void handle_vm_assign(struct api_call *call);
void handle_vm_unassign(struct api_call *call);
void handle_vm_start(struct api_call *call);
void handle_vm_stop(struct api_call *call);
void handle_vm_move(struct api_call *call);
void handle_vm_cancel_move(struct api_call *call);
void handle_vm_screen(struct api_call *call);
void handle_vm_console(struct api_call *call);
void handle_node_domains(struct api_call *call); /* vm_screen.c */
void handle_node_import(struct api_call *call);  /* vm_import.c */
void handle_vm_adopt(struct api_call *call);
void handle_vm_confirm_gone(struct api_call *call);

/* session.c */
void handle_session_get(struct api_call *call);
void handle_session_post(struct api_call *call);
void handle_session_delete(struct api_call *call);
void handle_session_password(struct api_call *call);
void handle_session_totp(struct api_call *call);
void handle_sessions_get(struct api_call *call);
void handle_session_end(struct api_call *call);

/* access.c */
void handle_access_get(struct api_call *call);
void handle_access_add(struct api_call *call);
void handle_access_patch(struct api_call *call);
void handle_access_delete(struct api_call *call);
void handle_access_totp(struct api_call *call);
void handle_access_totp_delete(struct api_call *call);

/* problem_show.c */
void handle_problems_get(struct api_call *call);

/* event.c */
void handle_events_get(struct api_call *call);

/* whatif.c */
void handle_plan(struct api_call *call);
