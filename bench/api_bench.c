/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the API's answers cost on a full cluster, without sockets:
 *
 *     api-bench [NODES [VMS]]
 *
 * One line a request: CPU milliseconds (the first, and the best of some more: what is kept between
 * requests helps those), bytes. The world is made in memory;
 * every node has one GPU more than it has VMs, and each VM one of them.
 */
#include "api/api.h"
#include "api/survival.h"
#include "test/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { runs = 7 };

static struct world world;
static struct liveness liveness;

static void put(struct record *record)
{
    record->revision = ++world.revision;
    if (!world_put(&world, record)) {
        abort();
    }
    record_unref(record);
}

static struct gpu_slot slot_of(uint32_t i)
{
    return (struct gpu_slot){.address = {(uint16_t)(i / 256), (uint8_t)(i % 256), 0, 0}};
}

static void add_node(const char *name, uint32_t gpus, struct pool *pool)
{
    struct record *inventory = record_new(RECORD_NODE_INVENTORY, name, NULL);
    struct record *spec = record_new(RECORD_NODE_SPEC, name, NULL);
    struct record *alive = record_new(RECORD_NODE_ALIVE, name, NULL);
    struct node_check *check = VEC_ADD(&inventory->inventory->checks);
    *check = (struct node_check){.name = CHECK_HYPERVISOR, .is_ok = true};
    inventory->inventory->cpus = 1024;
    inventory->inventory->memory_mib = 4 << 20;
    for (uint32_t i = 0; i < gpus; i++) {
        struct gpu *gpu = VEC_ADD(&inventory->inventory->gpus);
        struct dismount *dismount = VEC_ADD(&spec->node_spec->dismounted);
        struct pool_member *member = VEC_ADD(&pool->members);
        *gpu = (struct gpu){
            .address = slot_of(i).address,
            .vendor = 0x10de,
            .device = 0x20b5,
            .vendor_name = "NVIDIA Corporation",
            .device_name = "GA100",
            .driver = "vfio-pci",
            .iommu_group = (int32_t)i,
            .bar_size = {1 << 24, UINT64_C(1) << 36},
        };
        dismount->address = member->slot.address = gpu->address;
        (void)gpu_identity(gpu, dismount->identity);
        (void)gpu_identity(gpu, member->identity);
        (void)snprintf(member->node, sizeof(member->node), "%s", name);
    }
    put(inventory);
    put(spec);
    put(alive);
}

static void add_vm(uint32_t i, const char *node, uint32_t gpu, const char *pool)
{
    char name[name_size], address[name_size];
    (void)snprintf(name, sizeof(name), "vm-%05u", i);
    struct record *spec = record_new(RECORD_VM_SPEC, name, NULL);
    struct record *placement = record_new(RECORD_VM_PLACEMENT, name, NULL);
    struct record *status = record_new(RECORD_VM_STATUS, name, NULL);
    struct gpu_hold *hold = VEC_ADD(&placement->placement->gpus);
    hold->slot = slot_of(gpu);
    memcpy(hold->pool, pool, strlen(pool) + 1);
    struct record *claim = record_new(RECORD_CLAIM, node, gpu_slot_format(&hold->slot, address));
    spec->vm_spec->xml = strdup("<domain/>");
    spec->vm_spec->cpus = 4;
    spec->vm_spec->memory_mib = 16384;
    spec->vm_spec->need_len = 1;
    spec->vm_spec->needs[0].count = 1;
    memcpy(spec->vm_spec->needs[0].pool, pool, strlen(pool) + 1);
    spec->vm_spec->desired = VM_STARTED;
    placement->placement->epoch = status->status->epoch = 1;
    placement->placement->phase = PLACEMENT_START;
    memcpy(placement->placement->node, node, strlen(node) + 1);
    memcpy(status->status->node, node, strlen(node) + 1);
    memcpy(claim->claim->vm, name, sizeof(name));
    status->status->state = VM_STATE_RUNNING;
    put(spec);
    put(placement);
    put(status);
    put(claim);
}

static void make_world(uint32_t nodes, uint32_t vms)
{
    struct record *pool = record_new(RECORD_POOL, "pool", NULL);
    uint32_t each = (vms + nodes - 1) / nodes, pools = 1;
    for (uint32_t i = 0; i < nodes; i++) {
        char name[name_size];
        (void)snprintf(name, sizeof(name), "node%03u", i);
        if (pool->pool->members.len + each + 1 > pool_members_max) {
            char next[name_size];
            (void)snprintf(next, sizeof(next), "pool-%u", ++pools);
            put(pool);
            pool = record_new(RECORD_POOL, next, NULL);
        }
        add_node(name, each + 1, pool->pool);
        for (uint32_t k = 0; k < each && i * each + k < vms; k++) {
            add_vm(i * each + k, name, k, pool->key.name);
        }
    }
    put(pool);
    world.is_complete = true;
    liveness = liveness_none;
    liveness_synced(&liveness, 0);
    tell_heartbeats(&liveness, &world, 1, 0, NULL);
    tell_heartbeats(&liveness, &world, 2, 0, NULL);
}

static double cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void measure(const char *method, const char *target, const char *body)
{
    struct survival_memo memo = {0};
    const struct api_view view = {
        .survival_memo = &memo,
        .world = &world,
        .liveness = &liveness,
        .now_ms = 1000,
        .stale_since_ms = MSEC_NEVER,
        .writer = "bench",
    };
    const struct api_request request = {
        .method = method,
        .target = target,
        .body = body,
        .body_size = body ? strlen(body) : 0,
        .actor = {.name = "bench", .role = ROLE_ADMINISTRATOR},
    };
    double first = 0, best = 1e9;
    size_t size = 0;
    for (int i = 0; i < runs; i++) {
        struct api_answer answer;
        double begin = cpu_ms();
        api_handle(&view, &request, &answer);
        double spent = cpu_ms() - begin;
        first = i == 0 ? spent : first;
        best = i > 0 && spent < best ? spent : best;
        size = answer.body.size;
        if (answer.status != 200) {
            (void)fprintf(stderr, "%s %s: %u %s\n", method, target, answer.status,
                          buf_str(&answer.body));
            exit(1);
        }
        api_answer_done(&answer);
    }
    printf("{\"request\": \"%s %s\", \"first_ms\": %.3f, \"cpu_ms\": %.3f, \"bytes\": %zu}\n",
           method, target, first, best, size);
    survival_memo_done(&memo);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 64;
    uint32_t vms = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 8000;
    if (nodes == 0 || nodes > nodes_max || vms < nodes || vms > nodes * (gpus_per_node_max - 1)) {
        (void)fprintf(stderr, "usage: api-bench [NODES [VMS]]\n");
        return 2;
    }
    make_world(nodes, vms);
    static const char *const targets[] = {
        "/v1/vms",
        "/v1/vms/vm-00100",
        "/v1/vms?state=waiting",
        "/v1/nodes",
        "/v1/gpus",
        "/v1/nodes/node003",
        "/v1/pools",
        "/v1/pools/pool",
        "/v1/status",
        "/metrics",
        "/v1/survival",
        "/v1/vms/vm-00100/explain",
        "/v1/cluster/export",
    };
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        measure("GET", targets[i], NULL);
    }
    measure("POST", "/v1/plan", "{\"fail\":[\"node003\"]}");
    return 0;
}
