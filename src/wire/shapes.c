/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables: every field of every record. test/unit/wire_record.c checks that none is missing. */
#include "wire/shape.h"

#include <assert.h>

#define OFFSET(member)  (uint32_t) offsetof(OWNER, member)
#define MEMBER(member)  ((OWNER *)0)->member
#define SIZE(member)    (uint32_t)sizeof(MEMBER(member))
#define SIGNED(member)  ((__typeof__(MEMBER(member)))-1 < (__typeof__(MEMBER(member)))1)
#define WORD_(id, text) [id] = (text),

#define TEXT(json, member)                                                                         \
    {                                                                                              \
        .name = json, .type = FIELD_TEXT, .offset = OFFSET(member), .size = SIZE(member)           \
    }
#define HEAP_TEXT(json, member, limit)                                                             \
    {                                                                                              \
        .name = json, .type = FIELD_HEAP_TEXT, .offset = OFFSET(member), .size = SIZE(member),     \
        .max = (limit)                                                                             \
    }
#define BOOL(json, member)                                                                         \
    {                                                                                              \
        .name = json, .type = FIELD_BOOL, .offset = OFFSET(member), .size = SIZE(member)           \
    }
#define INTEGER(json, member, low, high)                                                           \
    {                                                                                              \
        .name = json, .type = FIELD_INTEGER, .offset = OFFSET(member), .size = SIZE(member),       \
        .is_signed = SIGNED(member), .min = (low), .max = (high)                                   \
    }
#define U32(json, member)  INTEGER(json, member, 0, UINT32_MAX)
#define U64(json, member)  INTEGER(json, member, 0, INT64_MAX)
#define SPAN(json, member) INTEGER(json, member, 0, span_max)
#define HEX(json, member, width, high)                                                             \
    {                                                                                              \
        .name = json, .type = FIELD_HEX, .offset = OFFSET(member), .size = SIZE(member),           \
        .digits = (width), .max = (high)                                                           \
    }
#define ENUM(json, member, list)                                                                   \
    {                                                                                              \
        .name = json, .type = FIELD_ENUM, .offset = OFFSET(member), .size = SIZE(member),          \
        .words = list, .word_len = ARRAY_LEN(list)                                                 \
    }
#define FLAGS(json, member, list)                                                                  \
    {                                                                                              \
        .name = json, .type = FIELD_FLAGS, .offset = OFFSET(member), .size = SIZE(member),         \
        .words = list, .word_len = ARRAY_LEN(list)                                                 \
    }
#define ADDRESS(json, member)                                                                      \
    {                                                                                              \
        .name = json, .type = FIELD_ADDRESS, .offset = OFFSET(member), .size = SIZE(member)        \
    }
#define SLOT_MAYBE(json, member, flag)                                                             \
    {                                                                                              \
        .name = json, .type = FIELD_SLOT_MAYBE, .offset = OFFSET(member), .size = SIZE(member),    \
        .len_offset = OFFSET(flag)                                                                 \
    }
#define SLOT(json, member)                                                                         \
    {                                                                                              \
        .name = json, .type = FIELD_SLOT, .offset = OFFSET(member), .size = SIZE(member)           \
    }
#define STRUCT(json, member, its_shape)                                                            \
    {                                                                                              \
        .name = json, .type = FIELD_STRUCT, .offset = OFFSET(member), .size = SIZE(member),        \
        .shape = &(its_shape)                                                                      \
    }
#define LIST(json, member, its_item, limit)                                                        \
    {                                                                                              \
        .name = json, .type = FIELD_VEC, .offset = OFFSET(member), .size = SIZE(member.items[0]),  \
        .item = &(its_item), .max = (limit)                                                        \
    }
#define ARRAY(json, member, len_member, its_item)                                                  \
    {                                                                                              \
        .name = json, .type = FIELD_ARRAY, .offset = OFFSET(member), .size = SIZE(member[0]),      \
        .len_offset = OFFSET(len_member), .item = &(its_item), .max = ARRAY_LEN(MEMBER(member))    \
    }
#define ARRAY_FULL(json, member, its_item)                                                         \
    {                                                                                              \
        .name = json, .type = FIELD_ARRAY_FULL, .offset = OFFSET(member), .size = SIZE(member[0]), \
        .item = &(its_item), .max = ARRAY_LEN(MEMBER(member))                                      \
    }
#define MAP(json, member, pair, limit)                                                             \
    {                                                                                              \
        .name = json, .type = FIELD_MAP, .offset = OFFSET(member), .size = SIZE(member.items[0]),  \
        .shape = &(pair), .max = (limit)                                                           \
    }

#define SHAPE(name, table)                                                                         \
    static const struct shape name = {                                                             \
        .fields = table, .len = ARRAY_LEN(table), .size = sizeof(OWNER)}
#define ITEM(name, its_shape)                                                                      \
    static const struct field name = {                                                             \
        .type = FIELD_STRUCT, .size = sizeof(OWNER), .shape = &(its_shape)}

enum {
    fence_parameters_max = 64,
    gpus_listed_max = gpus_per_node_max,
    members_max = nodes_max * gpus_per_node_max,
};

/* A year: far beyond any span that makes sense, and sums of them do not overflow. */
#define span_max (INT64_C(366) * 24 * 3600 * 1000)

static const char *const failback_words[] = {FAILBACK_LIST(WORD_)};
static const char *const reserve_policy_words[] = {RESERVE_POLICY_LIST(WORD_)};
static const char *const node_mode_words[] = {NODE_MODE_LIST(WORD_)};
static const char *const fencing_words[] = {FENCING_LIST(WORD_)};
static const char *const proof_words[] = {PROOF_LIST(WORD_)};
static const char *const pool_type_words[] = {POOL_TYPE_LIST(WORD_)};
static const char *const vm_desired_words[] = {VM_DESIRED_LIST(WORD_)};
static const char *const offline_action_words[] = {OFFLINE_ACTION_LIST(WORD_)};
static const char *const placement_phase_words[] = {PLACEMENT_PHASE_LIST(WORD_)};
static const char *const vm_state_words[] = {VM_STATE_LIST(WORD_)};
static const char *const severity_words[] = {SEVERITY_LIST(WORD_)};
static const char *const role_words[] = {API_ROLE_LIST(WORD_)};
static const char *const access_kind_words[] = {ACCESS_KIND_LIST(WORD_)};
static const char *const verdict_words[] = {GPU_VERDICT_LIST(WORD_)};
static const char *const health_words[] = {GPU_HEALTH_LIST(WORD_)};
/* By bit, as sysfs 'reset_method' writes them. */
static const char *const reset_words[] = {"flr", "pm", "bus", "device_specific", "af_flr", "acpi"};

/* ---- cluster, leader ---- */

#define OWNER struct cluster_settings
static const struct field cluster_fields[] = {
    TEXT("name", name),
    SPAN("heartbeat_ms", heartbeat_ms),
    SPAN("leader_silence_ms", leader_silence_ms),
    SPAN("power_fence_ms", power_fence_ms),
    SPAN("self_stop_ms", self_stop_ms),
    SPAN("self_stop_span_ms", self_stop_span_ms),
    SPAN("watchdog_ms", watchdog_ms),
    SPAN("takeover_ms", takeover_ms),
    U32("reserve", reserve),
    ENUM("reserve_policy", reserve_policy, reserve_policy_words),
    ENUM("failback", failback, failback_words),
    U32("concurrent_starts", concurrent_starts),
    U32("cpu_percent", cpu_percent),
    BOOL("preemption", preemption),
};
SHAPE(cluster_shape, cluster_fields);
#undef OWNER

#define OWNER struct leader
static const struct field leader_fields[] = {
    TEXT("node", node),
    U64("incarnation", incarnation),
    U64("term", term),
};
SHAPE(leader_shape, leader_fields);
#undef OWNER

/* ---- nodes ---- */

#define OWNER struct fence_parameter
static const struct field fence_parameter_fields[] = {TEXT("key", key), TEXT("value", value)};
SHAPE(fence_parameter_shape, fence_parameter_fields);
#undef OWNER

#define OWNER struct node_label
static const struct field label_fields[] = {TEXT("key", key), TEXT("value", value)};
SHAPE(label_shape, label_fields);
#undef OWNER

#define OWNER struct dismount
static const struct field dismount_fields[] = {
    ADDRESS("address", address),
    TEXT("identity", identity),
    BOOL("forced", is_forced),
    U32("partitions", partitions),
};
SHAPE(dismount_shape, dismount_fields);
ITEM(dismount_item, dismount_shape);
#undef OWNER

#define OWNER struct gpu_release
static const struct field release_fields[] = {SLOT("address", slot)};
SHAPE(release_shape, release_fields);
ITEM(release_item, release_shape);
#undef OWNER

#define OWNER struct node_spec
static const struct field node_spec_fields[] = {
    ENUM("mode", mode, node_mode_words),
    BOOL("force", force),
    ENUM("fencing", fencing, fencing_words),
    TEXT("fence_agent", fence_agent),
    MAP("fence_parameters", fence_parameters, fence_parameter_shape, fence_parameters_max),
    MAP("labels", labels, label_shape, labels_max),
    LIST("dismounted", dismounted, dismount_item, gpus_listed_max),
    LIST("released", released, release_item, gpus_listed_max),
    U64("confirmed_off", confirmed_off),
    U64("confirmed_counter", confirmed_counter),
    U64("removed", removed),
    U64("removed_counter", removed_counter),
};
SHAPE(node_spec_shape, node_spec_fields);
#undef OWNER

#define OWNER struct gpu_mdev_type
static const struct field mdev_type_fields[] = {
    TEXT("id", id),
    TEXT("name", name),
    U32("available", available),
};
SHAPE(mdev_type_shape, mdev_type_fields);
ITEM(mdev_type_item, mdev_type_shape);
#undef OWNER

static const struct field address_item = {.type = FIELD_ADDRESS,
                                          .size = sizeof(struct pci_address)};
static const struct field bar_item = {
    .type = FIELD_INTEGER, .size = sizeof(uint64_t), .max = INT64_MAX};

#define OWNER struct gpu
static const struct field gpu_fields[] = {
    ADDRESS("address", address),
    HEX("vendor", vendor, 4, UINT16_MAX),
    HEX("device", device, 4, UINT16_MAX),
    HEX("subsystem_vendor", subsystem_vendor, 4, UINT16_MAX),
    HEX("subsystem_device", subsystem_device, 4, UINT16_MAX),
    HEX("class", class_code, 6, 0xffffff),
    TEXT("vendor_name", vendor_name),
    TEXT("device_name", device_name),
    TEXT("serial", serial),
    INTEGER("iommu_group", iommu_group, -1, INT32_MAX),
    ARRAY("companions", companions, companion_len, address_item),
    INTEGER("numa_node", numa_node, -1, INT32_MAX),
    TEXT("driver", driver),
    BOOL("overridden", is_overridden),
    ARRAY_FULL("bar_size", bar_size, bar_item),
    FLAGS("reset_methods", reset_methods, reset_words),
    U32("sriov_total", sriov_total),
    U32("sriov_enabled", sriov_enabled),
    ARRAY("mdev_types", mdev_types, mdev_type_len, mdev_type_item),
    BOOL("boot_display", is_boot_display),
    U32("link_speed_mts", link_speed_mts),
    U32("link_width", link_width),
    ENUM("verdict", verdict, verdict_words),
    TEXT("verdict_detail", verdict_detail),
    ENUM("health", health, health_words),
    TEXT("health_reason", health_reason),
};
static const struct gpu gpu_fallback = {.iommu_group = -1, .numa_node = -1};
static const struct shape gpu_shape = {.fields = gpu_fields,
                                       .len = ARRAY_LEN(gpu_fields),
                                       .size = sizeof(struct gpu),
                                       .fallback = &gpu_fallback};
ITEM(gpu_item, gpu_shape);
#undef OWNER

#define OWNER struct gpu_partition
static const struct field partition_fields[] = {
    SLOT("gpu", slot),
    TEXT("type", type),
    TEXT("driver", driver),
    INTEGER("iommu_group", iommu_group, -1, INT32_MAX),
    U64("mmio_size", mmio_size),
    ENUM("verdict", verdict, verdict_words),
    TEXT("verdict_detail", verdict_detail),
    ENUM("health", health, health_words),
    TEXT("health_reason", health_reason),
};
static const struct gpu_partition partition_fallback = {.iommu_group = -1};
static const struct shape partition_shape = {.fields = partition_fields,
                                             .len = ARRAY_LEN(partition_fields),
                                             .size = sizeof(struct gpu_partition),
                                             .fallback = &partition_fallback};
ITEM(partition_item, partition_shape);
#undef OWNER

#define OWNER struct node_check
static const struct field check_fields[] = {
    TEXT("name", name),     BOOL("ok", is_ok),  BOOL("advice", is_advice),
    TEXT("detail", detail), U32("vms", vm_len),
};
SHAPE(check_shape, check_fields);
ITEM(check_item, check_shape);
#undef OWNER

#define OWNER struct node_inventory
static const struct field inventory_fields[] = {
    U64("incarnation", incarnation),
    U32("cpus", cpus),
    U64("memory_mib", memory_mib),
    TEXT("kernel", kernel),
    LIST("gpus", gpus, gpu_item, gpus_listed_max),
    LIST("partitions", partitions, partition_item, gpus_listed_max),
    LIST("checks", checks, check_item, checks_max),
};
SHAPE(inventory_shape, inventory_fields);
#undef OWNER

#define OWNER struct node_alive
static const struct field alive_fields[] = {
    U64("incarnation", incarnation),  TEXT("boot_id", boot_id),
    U64("counter", counter),          BOOL("watchdog_armed", is_watchdog_armed),
    SPAN("watchdog_ms", watchdog_ms), BOOL("left", has_left),
};
SHAPE(alive_shape, alive_fields);
#undef OWNER

#define OWNER struct node_fence
static const struct field fence_fields[] = {
    U64("incarnation", incarnation),
    ENUM("proof", proof, proof_words),
    TEXT("detail", detail),
};
SHAPE(fence_shape, fence_fields);
#undef OWNER

static const struct field span_item = {
    .type = FIELD_INTEGER, .size = sizeof(msec_t), .is_signed = true, .max = span_max};

#define OWNER struct node_standing
static const struct field standing_fields[] = {
    U64("incarnation", incarnation),
    ARRAY("began_ago_ms", began_ago_ms, began_len, span_item),
    SPAN("quarantine_ms", quarantine_ms),
    U64("spec_revision", spec_revision),
    U64("fence_incarnation", fence_incarnation),
    TEXT("fence_error", fence_error),
};
SHAPE(standing_shape, standing_fields);
#undef OWNER

/* ---- pools ---- */

#define OWNER struct pool_member
static const struct field member_fields[] = {
    TEXT("node", node),
    SLOT("gpu", slot),
    TEXT("identity", identity),
};
SHAPE(member_shape, member_fields);
ITEM(member_item, member_shape);
#undef OWNER

#define OWNER struct pool
static const struct field pool_fields[] = {
    ENUM("type", type, pool_type_words),
    BOOL("mixed", is_mixed),
    TEXT("partition_type", partition_type),
    LIST("members", members, member_item, members_max),
};
SHAPE(pool_shape, pool_fields);
#undef OWNER

/* ---- VMs ---- */

#define OWNER struct vm_need
static const struct field need_fields[] = {
    TEXT("pool", pool),
    INTEGER("count", count, 0, gpus_per_vm_max),
};
SHAPE(need_shape, need_fields);
ITEM(need_item, need_shape);
#undef OWNER

#define OWNER struct vm_restart_policy
static const struct field restart_fields[] = {
    U32("restarts_max", restarts_max),
    SPAN("window_ms", window_ms),
    U32("failovers_max", failovers_max),
    U32("host_losses_max", host_losses_max),
};
SHAPE(restart_shape, restart_fields);
#undef OWNER

/* A list of names is one of texts: struct vm_name has nothing else. */
static const struct field name_item = {.type = FIELD_TEXT, .size = sizeof(struct vm_name)};
static_assert(sizeof(struct vm_name) == name_size, "struct vm_name is one text");

#define OWNER struct vm_spec
static const struct field vm_spec_fields[] = {
    HEAP_TEXT("xml", xml, domain_xml_size_max),
    TEXT("uuid", uuid),
    U32("cpus", cpus),
    U64("memory_mib", memory_mib),
    ARRAY("needs", needs, need_len, need_item),
    ENUM("desired", desired, vm_desired_words),
    BOOL("stop_forced", is_stop_forced),
    U64("start_order", start_order),
    TEXT("move_to", move_to),
    U64("move_order", move_order),
    ENUM("offline_action", offline_action, offline_action_words),
    SPAN("offline_timeout_ms", offline_timeout_ms),
    U32("priority", priority),
    LIST("preferred_owners", preferred_owners, name_item, owners_max),
    LIST("possible_owners", possible_owners, name_item, owners_max),
    MAP("labels", labels, label_shape, labels_max),
    LIST("together", together, name_item, affinity_max),
    LIST("apart", apart, name_item, affinity_max),
    BOOL("affinity_enforced", is_affinity_enforced),
    BOOL("apart_enforced", is_apart_enforced),
    STRUCT("restart", restart, restart_shape),
    U64("mmio_mib", mmio_mib),
};
SHAPE(vm_spec_shape, vm_spec_fields);
#undef OWNER

#define OWNER struct gpu_hold
static const struct field hold_fields[] = {TEXT("pool", pool), SLOT("gpu", slot)};
SHAPE(hold_shape, hold_fields);
ITEM(hold_item, hold_shape);
#undef OWNER

#define OWNER struct reason
static const struct field reason_fields[] = {TEXT("node", node), TEXT("text", text)};
SHAPE(reason_shape, reason_fields);
ITEM(reason_item, reason_shape);
#undef OWNER

#define OWNER struct vm_placement
static const struct field placement_fields[] = {
    U64("epoch", epoch),
    ENUM("phase", phase, placement_phase_words),
    TEXT("node", node),
    LIST("gpus", gpus, hold_item, gpus_per_vm_max),
    TEXT("next_node", next_node),
    LIST("next_gpus", next_gpus, hold_item, gpus_per_vm_max),
    BOOL("forced", is_forced),
    BOOL("failed", is_failed),
    U32("restarts", restarts),
    U32("failovers", failovers),
    U32("host_losses", host_losses),
    TEXT("lost_node", lost_node),
    U32("refusals", refusals),
    U32("cpus", cpus),
    U64("memory_mib", memory_mib),
    U64("start_order", start_order),
    U64("move_order", move_order),
    TEXT("cause", cause),
    LIST("reasons", reasons, reason_item, reasons_max + 1),
};
SHAPE(placement_shape, placement_fields);
#undef OWNER

#define OWNER struct vm_status
static const struct field status_fields[] = {
    U64("epoch", epoch),
    U64("incarnation", incarnation),
    TEXT("node", node),
    ENUM("state", state, vm_state_words),
    BOOL("has_started", has_started),
    BOOL("stop_refused", is_stop_refused),
    TEXT("reason", reason),
    SLOT_MAYBE("culprit", culprit, has_culprit),
};
SHAPE(status_shape, status_fields);
#undef OWNER

#define OWNER struct claim
static const struct field claim_fields[] = {TEXT("vm", vm), U64("epoch", epoch)};
SHAPE(claim_shape, claim_fields);
#undef OWNER

#define OWNER struct event_record
static const struct field event_fields[] = {
    ENUM("severity", severity, severity_words),
    TEXT("actor", actor),
    TEXT("code", code),
    TEXT("subject", subject),
    TEXT("text", text),
    TEXT("request_key", request_key),
    U64("request_hash", request_hash),
    U32("answer_status", answer_status),
    HEAP_TEXT("answer", answer, event_answer_max),
    TEXT("address", address),
};
SHAPE(event_shape, event_fields);
#undef OWNER

#define OWNER struct access
static const struct field access_fields[] = {
    ENUM("kind", kind, access_kind_words),
    ENUM("role", role, role_words),
    TEXT("hash", hash),
    U64("created_ms", created_ms),
    U64("expires_ms", expires_ms),
    TEXT("by", by),
    TEXT("note", note),
};
SHAPE(access_shape, access_fields);
#undef OWNER

const struct shape *shape_of(enum record_kind kind)
{
    static const struct shape *const shapes[record_kind_count] = {
        [RECORD_CLUSTER] = &cluster_shape,
        [RECORD_LEADER] = &leader_shape,
        [RECORD_NODE_SPEC] = &node_spec_shape,
        [RECORD_NODE_INVENTORY] = &inventory_shape,
        [RECORD_NODE_ALIVE] = &alive_shape,
        [RECORD_NODE_FENCE] = &fence_shape,
        [RECORD_NODE_STANDING] = &standing_shape,
        [RECORD_POOL] = &pool_shape,
        [RECORD_VM_SPEC] = &vm_spec_shape,
        [RECORD_VM_PLACEMENT] = &placement_shape,
        [RECORD_VM_STATUS] = &status_shape,
        [RECORD_CLAIM] = &claim_shape,
        [RECORD_EVENT] = &event_shape,
        [RECORD_ACCESS] = &access_shape,
    };
    return shapes[kind];
}
