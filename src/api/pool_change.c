/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/handlers.h"
#include "api/pool_join.h"
#include "api/show.h"

#include <string.h>

/* {"added": n, "skipped": [...]} */
static json_t *join_json(const struct pool_join *join)
{
    return json_pack("{s:I, s:O}", "added", (json_int_t)join->joined, "skipped", join->skipped);
}

static bool is_supported(struct api_call *call, const char *type_text, enum pool_type *ret)
{
    if (type_text && !pool_type_parse(type_text, ret)) {
        call_refuse(call, 400, "bad-request", "$.type: must be PciExpress or GpuPartition");
        return false;
    }
    if (*ret == POOL_GPU_PARTITION) {
        call_refuse(call, 501, "unsupported",
                    "pools of GPU partitions are not there yet; a pool of whole GPUs is of the "
                    "type PciExpress");
        return false;
    }
    return true;
}

static void create(struct api_call *call, const char *name, enum pool_type type, bool is_mixed,
                   struct pool_join *join)
{
    if (world_find(call->world, RECORD_POOL, name)) {
        call_refuse(call, 409, "exists", "there is a GPU pool \"%s\" already", name);
        return;
    }
    if (call->world->records[RECORD_POOL].len >= pools_max) {
        call_refuse(call, 409, "too-many", "a cluster takes %d GPU pools at most", pools_max);
        return;
    }
    CLEANUP(record_unrefp) struct record *draft = record_new(RECORD_POOL, name, NULL);
    if (!draft) {
        call_send(call, NULL, 0);
        return;
    }
    draft->pool->type = type;
    draft->pool->is_mixed = is_mixed;
    if (!pool_join_apply(join, call, draft)) {
        return;
    }
    call_put(call, TAKE(draft));
    call_commit_with(call, 201, join_json(join), "pool-created", name,
                     "GPU pool %s was created with %zu GPU%s", name, join->joined,
                     join->joined == 1 ? "" : "s");
}

void handle_pool_create(struct api_call *call)
{
    enum pool_type type = POOL_PCI_EXPRESS;
    bool is_mixed = false;
    CLEANUP(body_done) struct body body;
    CLEANUP(pool_join_done) struct pool_join join = {0};
    body_init(&body, call);
    body_need(&body, "name");
    const char *name = body_name(&body, "name", "pool");
    const char *type_text = body_text(&body, "type", 64);
    (void)body_bool(&body, "mixed", &is_mixed);
    pool_join_read(&join, call, &body);
    if (body_end(&body, call) && is_supported(call, type_text, &type)) {
        create(call, name, type, is_mixed, &join);
    }
}

void handle_pool_member_add(struct api_call *call)
{
    CLEANUP(body_done) struct body body;
    CLEANUP(pool_join_done) struct pool_join join = {0};
    body_init(&body, call);
    pool_join_read(&join, call, &body);
    if (!join.is_all && !body_has(&body, "members")) {
        body_fault(&body, "$.members", "is missing; or say \"all\": true");
    }
    if (!body_end(&body, call)) {
        return;
    }
    const struct record *pool = call_pool(call, call->args[0]);
    CLEANUP(record_unrefp) struct record *draft = pool ? record_copy(pool) : NULL;
    if (!draft || !call_matches(call, pool) || !pool_join_apply(&join, call, draft)) {
        return;
    }
    const char *name = pool->key.name;
    if (join.joined == 0) {
        call_unchanged(call, name, "GPU pool %s has these GPUs already", name);
        return;
    }
    call_put(call, TAKE(draft));
    call_commit_with(call, 200, join_json(&join), "pool-extended", name,
                     "%zu GPU%s joined GPU pool %s", join.joined, join.joined == 1 ? "" : "s",
                     name);
}

/* ---- out of it ---- */

static size_t member_index(const struct pool *pool, const char *node, struct pci_address address)
{
    size_t i = 0;
    while (i < pool->members.len &&
           (strcmp(pool->members.items[i].node, node) != 0 ||
            pci_address_compare(pool->members.items[i].slot.address, address) != 0)) {
        i++;
    }
    return i;
}

static void guard_claim(struct api_call *call, const struct pool_member *member)
{
    struct record_key key = {.kind = RECORD_CLAIM};
    memcpy(key.name, member->node, sizeof(key.name));
    (void)gpu_slot_format(&member->slot, key.second);
    call_guard(call, &key);
}

void handle_pool_member_remove(struct api_call *call)
{
    struct pci_address address = {0};
    char text[pci_address_size];
    const struct record *pool = call_pool(call, call->args[0]);
    CLEANUP(record_unrefp) struct record *draft = pool ? record_copy(pool) : NULL;
    if (!draft || !call_matches(call, pool)) {
        return;
    }
    (void)pci_address_parse(call->args[2], &address);
    (void)pci_address_format(address, text);
    size_t at = member_index(pool->pool, call->args[1], address);
    if (at == pool->pool->members.len) {
        call_refuse(call, 404, "no-such-member", "GPU pool %s has no GPU %s of %s", pool->key.name,
                    text, call->args[1]);
        return;
    }
    const char *vm = holder_of(call->world, call->args[1], &pool->pool->members.items[at].slot);
    if (vm) {
        call_refuse(call, 409, "in-use",
                    "%s of %s is held by VM %s: stop it (berth vm stop %s) or move it away first",
                    text, call->args[1], vm, vm);
        return;
    }
    guard_claim(call, &pool->pool->members.items[at]);
    VEC_REMOVE(&draft->pool->members, at);
    call_put(call, TAKE(draft));
    call_commit(call, "pool-reduced", pool->key.name, "%s of %s left GPU pool %s", text,
                call->args[1], pool->key.name);
}

/* Which VM holds a GPU of it (one that no longer needs the pool, but has not stopped). */
static const char *any_holder(const struct world *world, const struct pool *pool)
{
    VEC_EACH(&pool->members, member) {
        const char *vm = holder_of(world, member->node, &member->slot);
        if (vm) {
            return vm;
        }
    }
    return NULL;
}

void handle_pool_delete(struct api_call *call)
{
    CLEANUP(buf_done) struct buf users = {0};
    const struct record *pool = call_pool(call, call->args[0]);
    if (!pool || !call_matches(call, pool)) {
        return;
    }
    const char *name = pool->key.name;
    uint32_t count = pool_users(call->world, name, &users);
    const char *holder = any_holder(call->world, pool->pool);
    if (count > 0) {
        call_refuse(call, 409, "in-use",
                    "GPU pool %s is needed by %s %s: stop and unassign first (berth vm unassign VM "
                    "%s)",
                    name, count == 1 ? "VM" : "VMs", buf_str(&users), name);
        return;
    }
    if (holder) {
        call_refuse(call, 409, "in-use", "a GPU of pool %s is still held by VM %s: stop it first",
                    name, holder);
        return;
    }
    call_delete(call, &pool->key);
    call_commit(call, "pool-removed", name, "GPU pool %s was removed", name);
}
