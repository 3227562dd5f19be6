/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cluster made by hand, and requests to it: 'ask()' handles one, 'commit()' does what the store
 * would do with its transaction.
 */
#pragma once

#include "test/test.h"
#include "test/told.h"

#include "api/api.h"

#include <stdio.h>
#include <stdlib.h>

static struct world world;
static struct liveness liveness;
/* What the coordinator has heard, and whether there is one. */
static struct {
    char node[name_size];
    msec_t first_ms, advanced_ms;
} heard_nodes[16];
static size_t heard_len;
static bool is_leaderless;
static uint64_t pulses;
static struct api_answer answer;
static struct api_view view;
static const char *if_match, *if_none_match, *idempotency_key;
static enum api_role role = ROLE_ADMINISTRATOR;
static bool is_root;
static uint64_t number;

static inline void fixture_done(void)
{
    api_answer_done(&answer);
    answer = (struct api_answer){0};
    world_done(&world);
    liveness_done(&liveness);
    liveness = liveness_none;
    heard_len = pulses = 0;
    is_leaderless = false;
    if_match = if_none_match = idempotency_key = NULL;
    role = ROLE_ADMINISTRATOR;
}

/* Takes over 'record' at the next revision. */
static inline struct record *store(struct record *record)
{
    record->revision = ++world.revision;
    CHECK(world_put(&world, record));
    record_unref(record);
    return world_find_key(&world, &record->key);
}

/* The coordinator hears a heartbeat of 'node' at 'now_ms'. */
static inline void hear(const char *node, msec_t now_ms)
{
    for (size_t i = 0; i < heard_len; i++) {
        if (strcmp(heard_nodes[i].node, node) == 0) {
            heard_nodes[i].advanced_ms = now_ms;
            return;
        }
    }
    REQUIRE(heard_len < ARRAY_LEN(heard_nodes));
    heard_nodes[heard_len].first_ms = now_ms;
    heard_nodes[heard_len].advanced_ms = MSEC_NEVER;
    (void)snprintf(heard_nodes[heard_len++].node, name_size, "%s", node);
}

/* When it last heard 'node'. */
static inline msec_t heard_ms(const char *node, bool *ret_is_beating)
{
    for (size_t i = 0; i < heard_len; i++) {
        if (strcmp(heard_nodes[i].node, node) == 0) {
            *ret_is_beating = heard_nodes[i].advanced_ms != MSEC_NEVER;
            return *ret_is_beating ? heard_nodes[i].advanced_ms : heard_nodes[i].first_ms;
        }
    }
    *ret_is_beating = false;
    return view.now_ms;
}

static inline enum pulse pulse_now(const char *node, msec_t *ret_silent_ms)
{
    bool is_beating;
    *ret_silent_ms = view.now_ms - heard_ms(node, &is_beating);
    return *ret_silent_ms >= world_settings(&world)->leader_silence_ms ? PULSE_SILENT
           : is_beating                                                ? PULSE_ALIVE
                                                                       : PULSE_UNKNOWN;
}

/* What it writes at view.now_ms. */
static inline void coordinate(void)
{
    tell_heartbeats(&liveness, &world, ++pulses, view.now_ms, pulse_now);
}

/* A heartbeat of 'node' at 'now_ms'. */
static inline void beat(const char *node, uint64_t incarnation, uint64_t counter, msec_t now_ms)
{
    struct record *alive = record_new(RECORD_NODE_ALIVE, node, NULL);
    alive->alive->incarnation = incarnation;
    alive->alive->counter = counter;
    alive->alive->is_watchdog_armed = true;
    (void)store(alive);
    hear(node, now_ms);
}

/* Three of them: "10de:20b5" at 0000:01:00.0 and 02:00.0, another model at 03:00.0, shared group at
 * 04:00.0. Alive at view.now_ms. */
static inline void add_node(const char *name, bool is_dismounted)
{
    struct record *inventory = record_new(RECORD_NODE_INVENTORY, name, NULL);
    struct record *spec = record_new(RECORD_NODE_SPEC, name, NULL);
    struct node_check *check = VEC_ADD(&inventory->inventory->checks);
    *check = (struct node_check){.name = CHECK_HYPERVISOR, .is_ok = true};
    inventory->inventory->incarnation = 1;
    inventory->inventory->cpus = 16;
    inventory->inventory->memory_mib = 65536;
    for (uint8_t i = 1; i <= 4; i++) {
        struct gpu *gpu = VEC_ADD(&inventory->inventory->gpus);
        *gpu = (struct gpu){
            .address = {0, i, 0, 0},
            .vendor = 0x10de,
            .device = i == 3 ? 0x1db4 : 0x20b5,
            .device_name = "GA100",
            .iommu_group = i,
            .numa_node = -1,
            .bar_size = {UINT64_C(1) << 34},
            .verdict = is_dismounted ? GPU_ASSIGNABLE : GPU_HOST_DRIVER,
        };
        if (i == 3) {
            strcpy(gpu->device_name, "GV100");
        }
        if (i == 4) {
            gpu->verdict = GPU_SHARED_GROUP;
            strcpy(gpu->verdict_detail, "its group 4 holds the disk controller 0000:04:00.1 too");
        }
        strcpy(gpu->driver, is_dismounted && i < 4 ? "vfio-pci" : "nvidia");
        if (is_dismounted && i < 4) {
            struct dismount *dismount = VEC_ADD(&spec->node_spec->dismounted);
            dismount->address = gpu->address;
            (void)gpu_identity(gpu, dismount->identity);
        }
    }
    (void)store(inventory);
    (void)store(spec);
    beat(name, 1, 1, view.now_ms - 1000);
    beat(name, 1, 2, view.now_ms);
}

/* The cluster's key as it is granted to 'node': number 1, 2, ... */
#define FENCE_KEY(digit) "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" #digit "="

static inline void grant_key(const char *node, uint64_t ring, const char *public_key,
                             const char *old_public_key)
{
    struct record *inventory = record_copy(world_find(&world, RECORD_NODE_INVENTORY, node));
    struct record *key = record_new(RECORD_NODE_KEY, node, NULL);
    strcpy(inventory->inventory->seal_key, "its own");
    strcpy(key->node_key->host_key, "its own");
    strcpy(key->node_key->public_key, public_key);
    strcpy(key->node_key->old_public_key, old_public_key);
    key->node_key->number = ring;
    (void)store(inventory);
    (void)store(key);
}

/* A fence agent of 'node' as it was stored before secrets were sealed. */
static inline void store_readable_secret(const char *node, const char *key, const char *value)
{
    struct record *spec = record_copy(world_find(&world, RECORD_NODE_SPEC, node));
    struct fence_parameter *place;
    strcpy(spec->node_spec->fence_agent, "fence_ipmilan");
    place = VEC_ADD(&spec->node_spec->fence_parameters);
    strcpy(place->key, key);
    strcpy(place->value, value);
    (void)store(spec);
}

static inline void begin(void)
{
    fixture_done();
    view = (struct api_view){
        .world = &world,
        .liveness = &liveness,
        .now_ms = 100000,
        .stale_since_ms = MSEC_NEVER,
        .wall_ms = 1760000000000,
        .writer = "api-test",
    };
    world.is_complete = true;
    world.revision = 10;
    liveness = liveness_none;
    liveness_synced(&liveness, view.now_ms);
    coordinate(); /* of before our time: the first one says nothing */
    struct record *format = record_new(RECORD_FORMAT, NULL, NULL);
    (void)snprintf(format->format->cluster, cluster_id_size, "%s",
                   "9f0c2a52-6f0e-4b3e-9d53-0f2f7f0a1f11");
    format->format->number = format_number;
    format->format->oldest = format_oldest;
    format->revision = 1;
    CHECK(world_put(&world, format));
    record_unref(format);
}

/* Three nodes, all dismounted. */
static inline void begin_cluster(void)
{
    begin();
    add_node("node1", true);
    add_node("node2", true);
    add_node("node3", true);
}

/* The HTTP status. */
static inline unsigned ask(const char *method, const char *target, const char *body)
{
    struct api_request request = {
        .method = method,
        .target = target,
        .if_match = if_match,
        .if_none_match = if_none_match,
        .idempotency_key = idempotency_key,
        .body = body,
        .body_size = body ? strlen(body) : 0,
        .actor = {.name = "root", .role = role, .is_root = is_root},
    };
    view.number = ++number;
    if (!is_leaderless) {
        coordinate();
    }
    api_answer_done(&answer);
    api_handle(&view, &request, &answer);
    return answer.status;
}

static inline const char *text(void)
{
    return buf_str(&answer.body);
}

/* Carries out the transaction if its guards hold; whether they did. */
static inline bool commit(void)
{
    REQUIRE(answer.has_txn && !answer.txn.failed);
    VEC_EACH(&answer.txn.guards, guard) {
        if (world_revision(&world, &guard->key) != guard->revision) {
            return false;
        }
    }
    revision_t revision = ++world.revision;
    VEC_EACH(&answer.txn.writes, write) {
        /* All that the store lets berth-api write. */
        const char *place = record_kind_name(write->key.kind);
        CHECK(strncmp(place, "want/", 5) == 0 || strncmp(place, "log/", 4) == 0);
        if (!write->value) {
            world_remove(&world, &write->key, revision);
            continue;
        }
        struct record *copy = record_copy(write->value);
        copy->revision = revision;
        CHECK(world_put(&world, copy));
        record_unref(copy);
    }
    return true;
}

/* It must be done, and is. */
static inline void must(const char *method, const char *target, const char *body)
{
    unsigned status = ask(method, target, body);
    if (status >= 300) {
        test_fail(__FILE__, __LINE__, "%s %s: %u %s", method, target, status, text());
        test_abandon();
    }
    if (answer.has_txn) {
        REQUIRE(commit());
    }
}

/* It must be refused with this status and these words, and nothing written. */
static inline void refused(const char *method, const char *target, const char *body,
                           unsigned status, const char *words)
{
    unsigned have = ask(method, target, body);
    if (have != status || !strstr(text(), words) || answer.has_txn) {
        test_fail(__FILE__, __LINE__, "%s %s: %u %s%s, not %u with \"%s\"", method, target, have,
                  text(), answer.has_txn ? " (and a transaction)" : "", status, words);
    }
}

#define XML(name)                                                                                  \
    "<domain type='qemu'><name>" name "</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>"       \
    "<os><type machine='q35'>hvm</type></os></domain>"

/* VM 'name' in pool P (which is made, with all GPUs) with 'count' GPUs; stopped. */
static inline void add_vm(const char *name, unsigned count)
{
    char body[1000];
    if (!world_find(&world, RECORD_POOL, "P")) {
        must("POST", "/v1/pools", "{\"name\":\"P\",\"all\":true,\"model\":\"10de:20b5\"}");
    }
    (void)snprintf(body, sizeof(body),
                   "{\"xml\":\"%s\",\"name\":\"%s\",\"needs\":[{\"pool\":\"P\",\"count\":%u}]}",
                   XML("any"), name, count);
    must("POST", "/v1/vms", body);
}

/* What the coordinator and the node would write. */
static inline struct vm_placement *place(const char *vm, enum placement_phase phase,
                                         const char *node, uint64_t epoch)
{
    const struct record *old = world_find(&world, RECORD_VM_PLACEMENT, vm);
    struct record *record = old ? record_copy(old) : record_new(RECORD_VM_PLACEMENT, vm, NULL);
    const struct record *spec = world_find(&world, RECORD_VM_SPEC, vm);
    record->placement->phase = phase;
    record->placement->epoch = epoch;
    record->placement->start_order = spec->vm_spec->start_order;
    (void)snprintf(record->placement->node, name_size, "%s", node);
    return store(record)->placement;
}

static inline void report(const char *vm, const char *node, uint64_t epoch, enum vm_state state)
{
    struct record *record = record_new(RECORD_VM_STATUS, vm, NULL);
    record->status->incarnation = 1; /* in which its host is: begin_cluster() */
    record->status->epoch = epoch;
    record->status->state = state;
    (void)snprintf(record->status->node, name_size, "%s", node);
    (void)store(record);
}

static inline void claim(const char *node, const char *address, const char *vm)
{
    struct record *record = record_new(RECORD_CLAIM, node, address);
    (void)snprintf(record->claim->vm, name_size, "%s", vm);
    (void)store(record);
}
