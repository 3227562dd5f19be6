/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request through the API: the first line is "METHOD target [HEADERS]", where that is what all of
 * the request's headers hold; the rest is the body. Whatever it is, there is an answer that is JSON
 * (or a stream, or metrics), and a change is guarded and has its audit event.
 */
#include "test/fuzz/fuzz.h"
#include "test/told.h"

#include "api/api.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { line_size_max = 300 };

static void put(struct world *world, struct record *record)
{
    assert(record);
    record->revision = ++world->revision;
    assert(world_put(world, record));
    record_unref(record);
}

static void add_node(struct world *world, const char *name)
{
    struct record *inventory = record_new(RECORD_NODE_INVENTORY, name, NULL);
    struct record *spec = record_new(RECORD_NODE_SPEC, name, NULL);
    struct record *alive = record_new(RECORD_NODE_ALIVE, name, NULL);
    for (uint8_t i = 0; i < 4; i++) {
        struct gpu *gpu = VEC_ADD(&inventory->inventory->gpus);
        struct dismount *dismount = VEC_ADD(&spec->node_spec->dismounted);
        *gpu = (struct gpu){.address = {0, i, 0, 0}, .vendor = 0x10de, .device = 0x20b5};
        gpu->device = i == 3 ? 0x20b6 : gpu->device;
        memcpy(gpu->driver, "vfio-pci", sizeof("vfio-pci"));
        dismount->address = gpu->address;
    }
    put(world, inventory);
    put(world, spec);
    put(world, alive);
}

static void add_pool_and_vm(struct world *world)
{
    struct record *pool = record_new(RECORD_POOL, "p", NULL);
    struct record *vm = record_new(RECORD_VM_SPEC, "v", NULL);
    struct record *other = record_new(RECORD_VM_SPEC, "w", NULL);
    struct record *placement = record_new(RECORD_VM_PLACEMENT, "w", NULL);
    struct pool_member *member = VEC_ADD(&pool->pool->members);
    memcpy(member->node, "node1", sizeof("node1"));
    memcpy(vm->vm_spec->needs[0].pool, "p", 2);
    vm->vm_spec->needs[0].count = 1;
    vm->vm_spec->need_len = 1;
    vm->vm_spec->xml = strdup("<domain/>");
    other->vm_spec->xml = strdup("<domain/>");
    other->vm_spec->desired = VM_STARTED;
    placement->placement->phase = PLACEMENT_START;
    memcpy(placement->placement->node, "node2", sizeof("node2"));
    put(world, pool);
    put(world, vm);
    put(world, other);
    put(world, placement);
    put(world, record_new(RECORD_EVENT, "00000000000001-a-1", NULL));
}

/* Made once: no request changes it. */
static const struct api_view *the_view(void)
{
    static struct world world;
    static struct liveness liveness;
    static struct api_view view;
    if (!view.world) {
        add_node(&world, "node1");
        add_node(&world, "node2");
        add_pool_and_vm(&world);
        liveness = liveness_none;
        liveness_synced(&liveness, 0);
        tell_heartbeats(&liveness, &world, 1, 0, NULL);
        tell_heartbeats(&liveness, &world, 2, 1000, NULL);
        world.is_complete = true;
        view = (struct api_view){.world = &world,
                                 .liveness = &liveness,
                                 .now_ms = 1500,
                                 .stale_since_ms = MSEC_NEVER,
                                 .writer = "fuzz"};
    }
    return &view;
}

static void check(const struct api_answer *answer)
{
    json_error_t error;
    if (answer->effect == EFFECT_HASH || answer->effect == EFFECT_LOGIN) {
        assert(answer->status == 0 && !answer->has_txn);
        return;
    }
    assert(answer->status >= 200 && answer->status < 600);
    if (answer->status != 304 && answer->content_type &&
        strcmp(answer->content_type, "application/json") == 0) {
        json_t *json = json_loadb(buf_str(&answer->body), answer->body.size, 0, &error);
        assert(json);
        json_decref(json);
    }
    if (answer->has_txn) {
        assert(answer->status < 300 && !answer->txn.failed);
        assert(answer->txn.guards.len >= 2 && answer->txn.writes.len >= 2);
        assert(answer->event.kind == RECORD_EVENT && answer->event.name[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char line[line_size_max];
    const uint8_t *end = size ? memchr(bytes, '\n', size) : NULL;
    size_t len = end ? (size_t)(end - bytes) : size;
    if (len >= sizeof(line) || memchr(bytes, '\0', len)) {
        return 0;
    }
    memcpy(line, bytes, len);
    line[len] = '\0';
    char *space = strchr(line, ' ');
    if (!space) {
        return 0;
    }
    *space = '\0';
    char *headers = strchr(space + 1, ' ');
    if (headers) {
        *headers++ = '\0';
    }
    struct api_request request = {
        .method = line,
        .target = space + 1,
        .if_match = headers,
        .if_none_match = headers,
        .idempotency_key = headers,
        .last_event_id = headers,
        .body = end ? end + 1 : NULL,
        .body_size = end ? size - len - 1 : 0,
        .actor = {.name = "fuzz", .role = ROLE_ADMINISTRATOR},
    };
    struct api_answer answer;
    api_handle(the_view(), &request, &answer);
    check(&answer);
    api_answer_done(&answer);
    return 0;
}
