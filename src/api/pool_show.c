/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/handlers.h"
#include "api/list.h"
#include "api/because.h"
#include "api/show.h"

#include <string.h>

static json_t *member_json(const struct api_call *call, const struct pool_member *member)
{
    char slot[name_size];
    struct gpu_facts facts;
    bool is_there = gpu_facts(call->view, member->node, &member->slot, &facts);
    char title[2 * gpu_text_size + 16] = "";
    const struct cause missing = {.code = CAUSE_GPU_NOT_SHOWN};
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:o, s:s*}", "node", member->node, "address",
        gpu_slot_format(&member->slot, slot), "state", gpu_state_name(facts.state), "name",
        text_json(is_there ? gpu_title(facts.gpu, title, sizeof(title)) : ""), "vm", facts.vm);
    because_put(json, "detail", is_there ? facts.device.health_cause : &missing);
    return json;
}

static json_t *members_json(const struct api_call *call, const struct pool *pool)
{
    json_t *list = json_array();
    VEC_EACH(&pool->members, member) {
        (void)json_array_append_new(list, member_json(call, member));
    }
    return in_order(list, "node");
}

static json_t *counts_json(const struct pool_counts *n)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)n->total, "used",
                     (json_int_t)n->used, "free", (json_int_t)n->free, "quarantined",
                     (json_int_t)n->quarantined, "away", (json_int_t)n->away);
}

/* The same counts node by node; members are sorted by node. */
static json_t *counts_by_node(const struct api_call *call, const struct record *pool)
{
    json_t *list = json_array();
    for (size_t at = 0; at < pool->pool->members.len;) {
        const char *node = pool->pool->members.items[at].node;
        struct pool_counts counts;
        pool_counts_next(call->view, pool, &at, &counts);
        json_t *json = counts_json(&counts);
        (void)json_object_set_new(json, "node", json_string(node));
        (void)json_array_append_new(list, json);
    }
    return in_order(list, "node");
}

/* The VMs that need it, with how much. */
static json_t *users_json(const struct api_call *call, const char *pool)
{
    json_t *list = json_array();
    WORLD_EACH(call->world, RECORD_VM_SPEC, each) {
        const struct vm_spec *spec = (*each)->vm_spec;
        for (uint32_t i = 0; i < spec->need_len; i++) {
            if (strcmp(spec->needs[i].pool, pool) == 0) {
                (void)json_array_append_new(list,
                                            json_pack("{s:s, s:I}", "vm", (*each)->key.name,
                                                      "count", (json_int_t)spec->needs[i].count));
            }
        }
    }
    return in_order(list, "vm");
}

/* "" for an empty pool. */
static void pool_model(const struct api_call *call, const struct pool *pool, char *ret, size_t size)
{
    ret[0] = '\0';
    VEC_EACH(&pool->members, member) {
        const struct gpu *gpu = world_gpu(call->world, member->node, member->slot.address);
        if (gpu) {
            (void)gpu_title(gpu, ret, size);
            return;
        }
    }
}

const char *pool_unit(enum pool_type type, size_t len)
{
    bool is_divided = type == POOL_GPU_PARTITION;
    return len == 1 ? (is_divided ? "partition" : "GPU") : (is_divided ? "partitions" : "GPUs");
}

json_t *pool_json(const struct api_call *call, const struct record *record, bool is_whole)
{
    const struct pool *pool = record->pool;
    struct pool_counts counts;
    char model[2 * gpu_text_size + 16];
    pool_counts(call->view, record, &counts);
    pool_model(call, pool, model, sizeof(model));
    json_t *json = json_pack("{s:s, s:s, s:s*, s:b, s:s, s:s*, s:b, s:o, s:I}", "name",
                             record->key.name, "type", pool_type_name(pool->type), "partition_type",
                             pool->partition_type[0] ? pool->partition_type : NULL, "mixed",
                             pool->is_mixed, "after_use", after_use_name(pool->after_use), "erase",
                             pool->erase[0] ? pool->erase : NULL, "rom_hidden", pool->is_rom_hidden,
                             "model", text_json(model), "revision", (json_int_t)record->revision);
    json_t *numbers = counts_json(&counts);
    (void)json_object_update(json, numbers);
    json_decref(numbers);
    if (json && is_whole) {
        (void)json_object_set_new(json, "nodes", counts_by_node(call, record));
        (void)json_object_set_new(json, "members", members_json(call, pool));
        (void)json_object_set_new(json, "vms", users_json(call, record->key.name));
    }
    return json;
}

json_t *pools_json(const struct api_call *call)
{
    json_t *list = json_array();
    WORLD_EACH(call->world, RECORD_POOL, each) {
        (void)json_array_append_new(list, pool_json(call, *each, false));
    }
    return in_order(list, "name");
}

void handle_pools_get(struct api_call *call)
{
    list_send_trees(call, pools_json(call), "Pool");
}

void handle_pool_get(struct api_call *call)
{
    const struct record *pool = call_pool(call, call->args[0]);
    if (pool) {
        call_send_dated(call, pool_json(call, pool, true), pool->revision);
    }
}
