/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answers, in the notation of schema.h. */
#include "api/schema.h"

#include "api/facts.h"
#include "api/operation.h"
#include "api/survival.h"
#include "api/validate.h"
#include "model/trouble.h"

#include <string.h>

const struct schema schemas[] = {
    {"Error", "code:s parameters:{any} message:s reasons:[Reason] hint?:Hint"},
    {"Hint", "action:s subject:[s] options?:{any}"},
    {"Parameters", "%parameters"},
    {"Reason", "subject:s code?:s parameters?:Parameters text:s hint?:Hint"},
    {"HostReason", "&Because subject:s text:s fits:b &Way"},
    {"Way", "migration?:=migration why?:s why_code?:=cause_code why_parameters?:Parameters"},
    {"Because", "code:=cause_code parameters:Parameters"},
    {"Detailed", "detail:s detail_code:=cause_code detail_parameters:Parameters"},
    {"Health", "ok:b store:s stale_since_ms?:i"},
    {"Index", "name:s routes:[Route]"},
    {"Route", "method:s path:s role:s"},

    /* what a change answers */
    {"Change", "message:s subject:s unchanged?:b"},
    {"OrderChange", "&Change operation?:OperationLink warnings?:[Reason]"},
    {"WarnedChange", "&Change warnings?:[Reason]"},
    {"NamedChange", "&Change name?:s"},
    {"VmAdded", "&NamedChange warnings?:[Reason]"},
    {"Imported",
     "name:s title?:s needs:[Need] losses:[Reason] warnings?:[Reason] message?:s subject?:s "
     "can_be_imported:b why?:Reason"},
    {"PoolChange", "&Change added?:i skipped?:[Reason]"},
    {"OperationLink", "id:s href:s"},
    {"Operation", "id:s href:s kind:=operation_kind state:=operation_state subject:s actor:s "
                  "time_ms:i text:s &Detailed reasons:[Reason] stale_since_ms?:i"},

    /* the cluster */
    {"Status",
     "name:s id:s coordinator:s term:i disarmed:b disarm_left_ms:i nodes:[Node] pools:[Pool] vms:VmCounts "
     "problems:[Problem] problem_counts:ProblemCounts "
     "revision:i survival:Survival stale_since_ms?:i"},
    {"VmCounts", "running:i starting:i stopping:i stopped:i waiting:i failed:i away:i unknown:i"},
    {"Problem", "code:=trouble severity:=severity of:=trouble_of subject:s text:s "
                "parameters:Parameters cause:s cause_code:=cause_code cause_parameters:Parameters "
                "advice:s since_ms?:i reasons:[Reason] hint?:Hint"},
    {"ProblemCounts", "error:i warning:i"},
    {"Problems", "items:[Problem] problem_counts:ProblemCounts revision:i stale_since_ms?:i"},
    {"Survival",
     "verdict:=survival_verdict losses:i exact:b left_out:i vm?:s weakest:[s] unproven:[s] wanted:i"},
    {"SurvivalByHost", "&Survival hosts:[HostLoss] stale_since_ms?:i"},
    {"HostLoss", "node:s vms:i left_out_count:i left_out:[LeftOutVm] proven:b"},
    {"LeftOutVm", "vm:s reasons:[HostReason]"},
    {"Validation", "result:=finding cluster:s time_ms:i counts:{i} groups:[FindingGroup] "
                   "revision:i stale_since_ms?:i"},
    {"FindingGroup", "name:s about:s checks:[Finding]"},
    {"Finding", "result:=finding subject:s check:s text:s hint?:Hint"},
    {"Settings", "%cluster"},
    {"FenceKey", "public_key:s number:i revision:i stale_since_ms?:i"},
    {"Export", "schema:i configuration:Configuration state:any"},
    {"Configuration", "cluster:Settings nodes:{NodeSpec} pools:{PoolRecord} vms:{VmSpec}"},

    /* nodes and GPUs */
    {"Node", "name:s state:=node_state &Detailed mode:=node_mode coordinator:b fencing:=fencing "
             "fence_agent:s gpu_count:i vm_count:i cpus:i memory_mib:i incarnation:i "
             "watchdog_armed:b silent_ms:i revision:i"},
    {"NodeWhole", "&Node spec:NodeSpec checks:[Check] gpus:[GpuWhole] vms:[s] kernel:s "
                  "fence_test?:FenceTest stale_since_ms?:i"},
    {"FenceTest", "by:s order:i done:b outdated:b levels:[FenceAnswer]"},
    {"FenceAnswer", "agent:s state:=fence_test works:b text:s"},
    {"NodeSpec", "%node_spec"},
    {"Check", "name:s ok:b advice:b detail:s"},
    {"Gpu",
     "node:s address:s state:=gpu_state model:s name:s no_gpu?:b pool?:s vm?:s driver:s backend:=gpu_backend "
     "verdict:=gpu_verdict verdict_detail:s health:=gpu_health health_reason:s "
     "health_reason_code:=cause_code health_reason_parameters:Parameters "
     "iommu_group:i numa_node:i mmio_size:i memory_mib?:i partitions?:i sriov_total?:i partition_type?:s"},
    {"GpuWhole", "&Gpu serial?:s identity?:s companions?:[s] bar_size?:[i] mdev_types?:[MdevType] "
                 "link_width?:i link_width_max?:i errors_fatal?:i errors_nonfatal?:i "
                 "errors_corrected?:i link_speed_mts?:i boot_display?:b fabric_sets?:[FabricSet] "
                 "stale_since_ms?:i"},
    {"FabricSet", "id:s active:b gpus:[s]"},
    {"Device", "address:s shown:b name?:s state?:=gpu_state verdict_detail?:s"},
    {"MdevType", "id:s name:s available:i"},
    {"VmDefined", "&Change warnings?:[Reason]"},
    {"PartitionChange", "&Change warnings?:[Reason]"},

    /* pools */
    {"Counts", "total:i used:i free:i quarantined:i away:i"},
    {"Pool",
     "name:s type:=pool_type partition_type?:s mixed:b after_use:=after_use erase?:s rom_hidden:b model:s "
     "revision:i &Counts"},
    {"PoolWhole", "&Pool nodes:[NodeCounts] members:[PoolMember] vms:[PoolUser] stale_since_ms?:i"},
    {"NodeCounts", "&Counts node:s"},
    {"PoolMember", "node:s address:s state:=gpu_state name:s vm?:s &Detailed"},
    {"PoolUser", "vm:s count:i"},
    {"PoolRecord", "%pool"},

    /* VMs */
    {"Vm",
     "name:s title?:s state:=vm_view degraded?:b &Detailed desired:=vm_desired node:s gpus:[Hold] needs:[Need] "
     "priority:i unmanaged:b offline_action:=offline_action cpus:i memory_mib:i pending?:b reasons:[Reason] epoch:i "
     "start_order:i seen_start_order:i move_order:i seen_move_order:i revision:i"},
    {"VmWhole", "&Vm xml:s spec:VmSpec placement:~VmPlacement status:~VmStatus stale_since_ms?:i"},
    {"Use", "cpus:i memory_total_mib:i cpu_milli?:i memory_mib?:i samples:[UseSample] "
            "stale_since_ms?:i"},
    {"UseSample", "age_ms:i cpu_milli:i memory_mib:i"},
    {"VmExplained",
     "&Vm cause:s cause_code:=cause_code cause_parameters:Parameters hosts:[HostReason] stale_since_ms?:i"},
    {"VmSpec", "%vm_spec"},
    {"VmPlacement", "%placement"},
    {"VmStatus", "%status"},
    {"Hold", "pool:s address:s"},
    {"Need", "pool:s count:i"},

    /* events, what-if */
    {"Event", "id:s time_ms:i severity:=severity actor:s code:s parameters:Parameters subject:s "
              "text:s cause:s cause_code:=cause_code cause_parameters:Parameters address:s"},

    /* who may come in */
    {"Message", "message:s"},
    {"Session", "actor:s role:=role csrf:s cluster:s version:s totp:b"},
    {"ConsoleSession", "id:s user:s peer:s begun_ms:i used_ms:i"},
    {"Access", "name:s kind:=access_kind role:=role created_ms:i expires_ms?:i "
               "expired:b totp:b by:s note:s"},
    {"AccessAdded", "&Change name:s kind:=access_kind role:=role token?:s"},
    {"Plan", "action:s placements:[PlannedVm] left_out:[LeftOutVm] evicted:[EvictedVm] proven:b "
             "stale_since_ms?:i"},
    {"PlannedVm", "vm:s from:s to:s gpus:[s] &Way"},
    {"EvictedVm", "vm:s node:s for:s"},
};

const size_t schemas_len = ARRAY_LEN(schemas);

#define WORD_(id, text)                       text,
#define TROUBLE_WORD_(id, text, of, severity) text,

json_t *schema_words(const char *list)
{
    static const char *const node_state[] = {NODE_STATE_LIST(WORD_) NULL};
    static const char *const node_mode[] = {NODE_MODE_LIST(WORD_) NULL};
    static const char *const fencing[] = {FENCING_LIST(WORD_) NULL};
    static const char *const gpu_state[] = {GPU_STATE_LIST(WORD_) NULL};
    static const char *const gpu_backend[] = {GPU_BACKEND_LIST(WORD_) NULL};
    static const char *const gpu_verdict[] = {GPU_VERDICT_LIST(WORD_) NULL};
    static const char *const gpu_health[] = {GPU_HEALTH_LIST(WORD_) NULL};
    static const char *const pool_type[] = {POOL_TYPE_LIST(WORD_) NULL};
    static const char *const after_use[] = {AFTER_USE_LIST(WORD_) NULL};
    static const char *const finding[] = {FINDING_LIST(WORD_) NULL};
    static const char *const survival_verdict[] = {SURVIVAL_VERDICT_LIST(WORD_) NULL};
    static const char *const cause_code[] = {CAUSE_LIST(WORD_) NULL};
    static const char *const vm_view[] = {VM_VIEW_LIST(WORD_) NULL};
    static const char *const vm_desired[] = {VM_DESIRED_LIST(WORD_) NULL};
    static const char *const offline_action[] = {OFFLINE_ACTION_LIST(WORD_) NULL};
    static const char *const migration[] = {MIGRATION_LIST(WORD_) NULL};
    static const char *const role[] = {API_ROLE_LIST(WORD_) NULL};
    static const char *const access_kind[] = {ACCESS_KIND_LIST(WORD_) NULL};
    static const char *const severity[] = {SEVERITY_LIST(WORD_) NULL};
    static const char *const operation_kind[] = {OPERATION_KIND_LIST(WORD_) NULL};
    static const char *const operation_state[] = {OPERATION_STATE_LIST(WORD_) NULL};
    static const char *const fence_test[] = {FENCE_TEST_LIST(WORD_) NULL};
    static const char *const trouble[] = {TROUBLE_LIST(TROUBLE_WORD_) NULL};
    static const char *const trouble_of[] = {TROUBLE_OF_LIST(WORD_) NULL};
    static const struct {
        const char *name;
        const char *const *words;
    } lists[] = {
        {"node_state", node_state},
        {"node_mode", node_mode},
        {"fencing", fencing},
        {"gpu_state", gpu_state},
        {"gpu_backend", gpu_backend},
        {"gpu_verdict", gpu_verdict},
        {"gpu_health", gpu_health},
        {"pool_type", pool_type},
        {"after_use", after_use},
        {"cause_code", cause_code},
        {"survival_verdict", survival_verdict},
        {"vm_view", vm_view},
        {"finding", finding},
        {"vm_desired", vm_desired},
        {"offline_action", offline_action},
        {"severity", severity},
        {"operation_kind", operation_kind},
        {"operation_state", operation_state},
        {"role", role},
        {"migration", migration},
        {"fence_test", fence_test},
        {"trouble", trouble},
        {"trouble_of", trouble_of},
        {"access_kind", access_kind},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (strcmp(lists[i].name, list) == 0) {
            json_t *json = json_array();
            for (const char *const *word = lists[i].words; *word; word++) {
                (void)json_array_append_new(json, json_string(*word));
            }
            return json;
        }
    }
    return NULL;
}
