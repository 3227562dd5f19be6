/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/record.h"

#include "base/parse.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

ENUM_DEFINE(record_kind, RECORD_KIND_LIST)
ENUM_DEFINE(failback, FAILBACK_LIST)
ENUM_DEFINE(reserve_policy, RESERVE_POLICY_LIST)
ENUM_DEFINE(on_shutdown, ON_SHUTDOWN_LIST)
ENUM_DEFINE(migration, MIGRATION_LIST)
ENUM_DEFINE(node_power, NODE_POWER_LIST)
ENUM_DEFINE(node_mode, NODE_MODE_LIST)
ENUM_DEFINE(fencing, FENCING_LIST)
ENUM_DEFINE(proof, PROOF_LIST)
ENUM_DEFINE(fence_test_state, FENCE_TEST_LIST)
ENUM_DEFINE(pulse, PULSE_LIST)
ENUM_DEFINE(after_use, AFTER_USE_LIST)
ENUM_DEFINE(pool_type, POOL_TYPE_LIST)
ENUM_DEFINE(vm_desired, VM_DESIRED_LIST)
ENUM_DEFINE(offline_action, OFFLINE_ACTION_LIST)
ENUM_DEFINE(topology, TOPOLOGY_LIST)
ENUM_DEFINE(placement_phase, PLACEMENT_PHASE_LIST)
ENUM_DEFINE(handover, HANDOVER_LIST)
ENUM_DEFINE(vm_state, VM_STATE_LIST)
ENUM_DEFINE(incoming, INCOMING_LIST)
ENUM_DEFINE(guest_watch, GUEST_WATCH_LIST)
ENUM_DEFINE(vm_elsewhere, VM_ELSEWHERE_LIST)
ENUM_DEFINE(api_role, API_ROLE_LIST)
ENUM_DEFINE(access_kind, ACCESS_KIND_LIST)

const struct vm_spec vm_spec_default = {
    .cpus = 1,
    .desired = VM_STOPPED,
    .offline_action = OFFLINE_FORCE_SHUTDOWN,
    .offline_timeout_ms = 180 * 1000,
    .priority = priority_medium,
    .restart = {.restarts_max = 3,
                .window_ms = 15 * 60 * 1000,
                .failovers_max = 3,
                .host_losses_max = 3},
    .guest_silence_ms = 120 * 1000,
};

/* Any VEC() looks like this. */
struct any_vec {
    void *items;
    size_t len;
    size_t capacity;
};

/* The arrays inside each kind's value. */
struct vec_field {
    enum record_kind kind;
    size_t offset;
    size_t item_size;
};

#define VEC_FIELD(kind, type, member)                                                              \
    {                                                                                              \
        kind, offsetof(struct type, member), sizeof(*((struct type *)0)->member.items)             \
    }

static const struct vec_field vec_fields[] = {
    VEC_FIELD(RECORD_NODE_SPEC, node_spec, fence_parameters),
    VEC_FIELD(RECORD_NODE_SPEC, node_spec, fence_more[0].parameters),
    VEC_FIELD(RECORD_NODE_SPEC, node_spec, fence_more[1].parameters),
    VEC_FIELD(RECORD_NODE_SPEC, node_spec, labels),
    VEC_FIELD(RECORD_NODE_SPEC, node_spec, dismounted),
    VEC_FIELD(RECORD_NODE_SPEC, node_spec, released),
    VEC_FIELD(RECORD_NODE_SPEC, node_spec, watched),
    VEC_FIELD(RECORD_NODE_INVENTORY, node_inventory, gpus),
    VEC_FIELD(RECORD_NODE_INVENTORY, node_inventory, partitions),
    VEC_FIELD(RECORD_NODE_INVENTORY, node_inventory, checks),
    VEC_FIELD(RECORD_NODE_INVENTORY, node_inventory, sightings),
    VEC_FIELD(RECORD_NODE_INVENTORY, node_inventory, uses),
    VEC_FIELD(RECORD_NODE_INVENTORY, node_inventory, fabric_sets),
    VEC_FIELD(RECORD_NODE_INVENTORY, node_inventory, networks),
    VEC_FIELD(RECORD_NODE_INVENTORY, node_inventory, fence_tests),
    VEC_FIELD(RECORD_POOL, pool, members),
    VEC_FIELD(RECORD_VM_SPEC, vm_spec, preferred_owners),
    VEC_FIELD(RECORD_VM_SPEC, vm_spec, possible_owners),
    VEC_FIELD(RECORD_VM_SPEC, vm_spec, labels),
    VEC_FIELD(RECORD_VM_SPEC, vm_spec, together),
    VEC_FIELD(RECORD_VM_SPEC, vm_spec, apart),
    VEC_FIELD(RECORD_VM_SPEC, vm_spec, start_after),
    VEC_FIELD(RECORD_VM_PLACEMENT, vm_placement, gpus),
    VEC_FIELD(RECORD_VM_PLACEMENT, vm_placement, next_gpus),
    VEC_FIELD(RECORD_VM_PLACEMENT, vm_placement, reasons),
    VEC_FIELD(RECORD_VM_PLACEMENT, vm_placement, tried),
    VEC_FIELD(RECORD_PULSE, leader_pulse, candidates),
    VEC_FIELD(RECORD_BEAT_SUMMARY, beat_summary, hosts),
    VEC_FIELD(RECORD_NODE_USE, node_use, vms),
};

static const size_t value_size[record_kind_count] = {
    [RECORD_CLUSTER] = sizeof(struct cluster_settings),
    [RECORD_LEADER] = sizeof(struct leader),
    [RECORD_NODE_SPEC] = sizeof(struct node_spec),
    [RECORD_NODE_INVENTORY] = sizeof(struct node_inventory),
    [RECORD_NODE_ALIVE] = sizeof(struct node_alive),
    [RECORD_NODE_FENCE] = sizeof(struct node_fence),
    [RECORD_NODE_STANDING] = sizeof(struct node_standing),
    [RECORD_NODE_KEY] = sizeof(struct node_key),
    [RECORD_DISARM] = sizeof(struct disarm),
    [RECORD_POOL] = sizeof(struct pool),
    [RECORD_VM_SPEC] = sizeof(struct vm_spec),
    [RECORD_VM_PLACEMENT] = sizeof(struct vm_placement),
    [RECORD_VM_STATUS] = sizeof(struct vm_status),
    [RECORD_VM_INCOMING] = sizeof(struct vm_incoming),
    [RECORD_CLAIM] = sizeof(struct claim),
    [RECORD_EVENT] = sizeof(struct event_record),
    [RECORD_ACCESS] = sizeof(struct access),
    [RECORD_FORMAT] = sizeof(struct store_format),
    [RECORD_PULSE] = sizeof(struct leader_pulse),
    [RECORD_BEAT_SUMMARY] = sizeof(struct beat_summary),
    [RECORD_FENCE_TEST] = sizeof(struct fence_test),
    [RECORD_NODE_USE] = sizeof(struct node_use),
};

int record_key_compare(const struct record_key *a, const struct record_key *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    int names = strcmp(a->name, b->name);
    return names != 0 ? names : strcmp(a->second, b->second);
}

uint32_t vm_spec_gpu_count(const struct vm_spec *spec)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < spec->need_len; i++) {
        count += spec->needs[i].count;
    }
    return count;
}

static_assert(fence_levels_max == 3, "each level's parameters are among the vec_fields");

uint32_t node_spec_fence_levels(const struct node_spec *spec)
{
    uint32_t len = spec->fence_agent[0] != '\0';
    while (len > 0 && len < fence_levels_max && spec->fence_more[len - 1].agent[0] != '\0') {
        len++;
    }
    return len;
}

struct fence_level node_spec_fence_level(const struct node_spec *spec, uint32_t level)
{
    assert(level < fence_levels_max);
    if (level == 0) {
        return (struct fence_level){spec->fence_agent, spec->fence_parameters.items,
                                    spec->fence_parameters.len,
                                    spec->fence_box ? spec->fence_box : ""};
    }
    const struct fence_device *more = &spec->fence_more[level - 1];
    return (struct fence_level){more->agent, more->parameters.items, more->parameters.len,
                                more->box ? more->box : ""};
}

char **node_spec_fence_box(struct node_spec *spec, uint32_t level)
{
    assert(level < fence_levels_max);
    return level == 0 ? &spec->fence_box : &spec->fence_more[level - 1].box;
}

bool vm_spec_may_run_on(const struct vm_spec *spec, const char *node)
{
    bool may = spec->possible_owners.len == 0;
    VEC_EACH(&spec->possible_owners, owner) {
        may |= strcmp(owner->name, node) == 0;
    }
    return may;
}

bool access_has_expired(const struct access *access, uint64_t wall_ms)
{
    return access->expires_ms > 0 && access->expires_ms <= wall_ms;
}

/* A block for the head and a zeroed value. */
static struct record *record_alloc(const struct record_key *key)
{
    struct record *record = calloc(1, sizeof(*record) + value_size[key->kind]);
    if (!record) {
        return NULL;
    }
    record->key = *key;
    record->references = 1;
    record->any = record + 1;
    return record;
}

struct record *record_new(enum record_kind kind, const char *name, const char *second)
{
    struct record_key key = {.kind = kind};
    bool fits = copy_text(key.name, sizeof(key.name), name ? name : "") &&
                copy_text(key.second, sizeof(key.second), second ? second : "");
    assert(fits);
    struct record *record = record_alloc(&key);
    if (record && kind == RECORD_CLUSTER) {
        *record->cluster = cluster_settings_default;
    }
    if (record && kind == RECORD_VM_SPEC) {
        *record->vm_spec = vm_spec_default;
    }
    return record;
}

static bool copy_vec(struct any_vec *to, const struct any_vec *from, size_t item_size)
{
    *to = (struct any_vec){0};
    if (from->len == 0) {
        return true;
    }
    to->items = reallocarray(NULL, from->len, item_size);
    if (!to->items) {
        return false;
    }
    memcpy(to->items, from->items, from->len * item_size);
    to->len = to->capacity = from->len;
    return true;
}

/* The texts inside each kind's value that are on the heap; NULL: "". */
static const struct text_field {
    enum record_kind kind;
    size_t offset;
} text_fields[] = {
    {RECORD_VM_SPEC, offsetof(struct vm_spec, xml)},
    {RECORD_EVENT, offsetof(struct event_record, answer)},
    {RECORD_NODE_SPEC, offsetof(struct node_spec, fence_box)},
    {RECORD_NODE_SPEC, offsetof(struct node_spec, fence_more[0].box)},
    {RECORD_NODE_SPEC, offsetof(struct node_spec, fence_more[1].box)},
};

/* The text number 'i' of the table in it; NULL: it has none there. */
static char **heap_text(struct record *record, size_t i)
{
    return record->key.kind == text_fields[i].kind
               ? (void *)((char *)record->any + text_fields[i].offset)
               : NULL;
}

struct record *record_copy(const struct record *record)
{
    struct record *copy = record_alloc(&record->key);
    if (!copy) {
        return NULL;
    }
    enum record_kind kind = record->key.kind;
    bool is_whole = true;
    copy->revision = record->revision;
    copy->unknown = record->unknown ? strdup(record->unknown) : NULL;
    is_whole &= !record->unknown || copy->unknown;
    memcpy(copy->any, record->any, value_size[kind]);
    for (size_t i = 0; i < ARRAY_LEN(vec_fields); i++) {
        const struct vec_field *field = &vec_fields[i];
        if (field->kind == kind) {
            is_whole &= copy_vec((void *)((char *)copy->any + field->offset),
                                 (const void *)((const char *)record->any + field->offset),
                                 field->item_size);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(text_fields); i++) {
        char **text = heap_text(copy, i);
        if (text && *text) {
            *text = strdup(*text);
            is_whole &= *text != NULL;
        }
    }
    if (!is_whole) {
        record_unref(TAKE(copy));
    }
    return copy;
}

struct record *record_ref(struct record *record)
{
    assert(record->references > 0 && record->references < UINT32_MAX);
    record->references++;
    return record;
}

void record_unref(struct record *record)
{
    if (!record) {
        return;
    }
    assert(record->references > 0);
    if (--record->references > 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(vec_fields); i++) {
        if (vec_fields[i].kind == record->key.kind) {
            struct any_vec *vec = (void *)((char *)record->any + vec_fields[i].offset);
            free(vec->items);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(text_fields); i++) {
        char **text = heap_text(record, i);
        if (text) {
            free(*text);
        }
    }
    free(record->unknown);
    free(record);
}
