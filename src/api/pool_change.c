/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/patch.h"
#include "api/pool_join.h"
#include "api/show.h"
#include "model/name.h"

#include <stdio.h>
#include <string.h>

/* {"added": n, "skipped": [...]} */
static json_t *join_json(const struct pool_join *join)
{
    return json_pack("{s:I, s:O}", "added", (json_int_t)join->joined, "skipped", join->skipped);
}

static void create(struct api_call *call, struct pool_request *asked, struct pool_join *join)
{
    const char *name = asked->name;
    if (!request_read(call, &request_pool_create, asked) || !pool_join_read(join, call, asked)) {
        return;
    }
    if (world_find(call->world, RECORD_POOL, name)) {
        call_tell(call, "field", "name", "name", name, NULL);
        call_refuse(call, 409, "exists", "there is a GPU pool \"%s\" already", name);
        return;
    }
    if (call->world->records[RECORD_POOL].len >= pools_max) {
        call_tell_number(call, "max", pools_max);
        call_refuse(call, 409, "too-many", "a cluster takes %d GPU pools at most", pools_max);
        return;
    }
    CLEANUP(record_unrefp) struct record *draft = record_new(RECORD_POOL, name, NULL);
    if (!draft) {
        call_send(call, NULL, 0);
        return;
    }
    draft->pool->type = asked->type;
    draft->pool->is_mixed = asked->is_mixed;
    if (!pool_join_apply(join, call, draft)) {
        return;
    }
    call_put(call, TAKE(draft));
    struct note note = call_note(NOTE_POOL_CREATED, name);
    (void)facts_set(&note.facts, NULL, pool_unit(asked->type, join->joined), NULL);
    note.facts.count = join->joined;
    call_commit_with(call, 201, join_json(join), &note);
}

void handle_pool_create(struct api_call *call)
{
    CLEANUP(pool_join_done) struct pool_join join = {0};
    struct pool_request asked = {.type = POOL_PCI_EXPRESS};
    create(call, &asked, &join);
    shape_done(&request_pool_create, &asked);
}

static void extend(struct api_call *call, struct pool_request *asked, struct pool_join *join)
{
    uint64_t given;
    if (!request_read_given(call, &request_pool_join, asked, &given)) {
        return;
    }
    if (!asked->is_all && !request_has(&request_pool_join, given, "members")) {
        request_refuse(call, "members", "is missing; or say \"all\": true");
        return;
    }
    if (!pool_join_read(join, call, asked)) {
        return;
    }
    const struct record *pool = call_pool(call, call->args[0]);
    CLEANUP(record_unrefp) struct record *draft = pool ? record_copy(pool) : NULL;
    if (!draft || !call_matches(call, pool) || !pool_join_apply(join, call, draft)) {
        return;
    }
    const char *name = pool->key.name;
    if (join->joined == 0) {
        call_unchanged(call, name, "GPU pool %s has these GPUs already", name);
        return;
    }
    call_put(call, TAKE(draft));
    struct note note = call_note(NOTE_POOL_EXTENDED, name);
    (void)facts_set(&note.facts, NULL, pool_unit(pool->pool->type, join->joined), NULL);
    note.facts.count = join->joined;
    call_commit_with(call, 200, join_json(join), &note);
}

void handle_pool_member_add(struct api_call *call)
{
    CLEANUP(pool_join_done) struct pool_join join = {0};
    struct pool_request asked = {0};
    extend(call, &asked, &join);
    shape_done(&request_pool_join, &asked);
}

/* ---- out of it ---- */

static bool is_member(const struct pool_member *member, const char *node,
                      struct pci_address address)
{
    return strcmp(member->node, node) == 0 &&
           pci_address_compare(member->slot.address, address) == 0;
}

static void guard_claim(struct api_call *call, const struct pool_member *member)
{
    struct record_key key = world_claim_key(member->node, &member->slot);
    call_guard(call, &key);
}

/* Takes the card, or all partitions of it that are in 'draft', out of that; no one may claim them
 * meanwhile. */
static void take_out(struct api_call *call, struct pool *draft, const char *node,
                     struct pci_address address)
{
    for (size_t i = draft->members.len; i-- > 0;) {
        if (is_member(&draft->members.items[i], node, address)) {
            guard_claim(call, &draft->members.items[i]);
            VEC_REMOVE(&draft->members, i);
        }
    }
}

/* Which VM holds what the pool has of the card; NULL: none. */
static const char *find_holder(const struct world *world, const struct pool *pool, const char *node,
                               struct pci_address address)
{
    const char *vm = NULL;
    VEC_EACH(&pool->members, member) {
        if (!vm && is_member(member, node, address)) {
            vm = holder_of(world, node, &member->slot);
        }
    }
    return vm;
}

void handle_pool_member_remove(struct api_call *call)
{
    struct gpu_slot slot = {0};
    char text[pci_address_size];
    const struct record *pool = call_pool(call, call->args[0]);
    CLEANUP(record_unrefp) struct record *draft = pool ? record_copy(pool) : NULL;
    if (!draft || !call_matches(call, pool)) {
        return;
    }
    const char *node = call->args[1];
    (void)gpu_slot_parse(call->args[2], &slot);
    (void)pci_address_format(slot.address, text);
    if (!pool_has_card(pool->pool, node, slot.address)) {
        call_refuse(call, 404, "no-such-member", "GPU pool %s has no GPU %s of %s", pool->key.name,
                    text, node);
        return;
    }
    if (slot.partition[0] != '\0') {
        char place[2 * name_size];
        (void)snprintf(place, sizeof(place), "%s/%s", node, text);
        call_advise(call, hint_make("pool-remove", pool->key.name, place, NULL));
        call_tell(call, "card", text, NULL);
        call_refuse(call, 409, "partition",
                    "the partitions of a card leave their pool together: remove the card %s", text);
        return;
    }
    const char *vm = find_holder(call->world, pool->pool, node, slot.address);
    if (vm) {
        call_advise(call, hint_make("vm-stop", vm, NULL));
        call_tell(call, "vm", vm, NULL);
        call_refuse(call, 409, "in-use", "%s of %s is held by VM %s: stop it or move it away first",
                    text, node, vm);
        return;
    }
    take_out(call, draft->pool, node, slot.address);
    call_put(call, TAKE(draft));
    struct note note = call_note(NOTE_POOL_REDUCED, pool->key.name);
    (void)copy_text(note.facts.device, sizeof(note.facts.device), text);
    (void)facts_set(&note.facts, node, NULL, NULL);
    call_commit(call, &note);
}

/* ---- what becomes of its GPUs ---- */

/* The command is a name that berth.conf of each host gives a meaning: what is stored here never
 * becomes a program or its arguments. */
static bool is_after_use_whole(struct api_call *call, const struct pool *pool)
{
    struct error err;
    if (pool->after_use == AFTER_USE_ERASE && pool->erase[0] == '\0') {
        request_refuse(call, "erase", "must name a command of erase_commands in berth.conf");
        return false;
    }
    if (pool->erase[0] != '\0' && name_check("command", pool->erase, &err) < 0) {
        request_refuse(call, "erase", "%s", err.text);
        return false;
    }
    return true;
}

void handle_pool_patch(struct api_call *call)
{
    CLEANUP(buf_done) struct buf what = {0};
    const struct record *pool = call_pool(call, call->args[0]);
    if (!pool || !call_matches(call, pool)) {
        return;
    }
    CLEANUP(record_unrefp)
    struct record *next = patch_read(call, pool, record_copy(pool), &what);
    if (!next || !is_after_use_whole(call, next->pool)) {
        return;
    }
    if (next->pool->after_use != AFTER_USE_ERASE) {
        next->pool->erase[0] = '\0';
    }
    call_put(call, TAKE(next));
    struct note note = call_note(NOTE_POOL_CHANGED, pool->key.name);
    (void)facts_set(&note.facts, NULL, NULL, buf_str(&what));
    call_commit(call, &note);
}

/* ---- without it ---- */

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
        call_advise(call, hint_make("vm-unassign", "VM", name, NULL));
        call_refuse(call, 409, "in-use", "GPU pool %s is needed by %s %s: stop and unassign first",
                    name, count == 1 ? "VM" : "VMs", buf_str(&users));
        return;
    }
    if (holder) {
        call_advise(call, hint_make("vm-stop", holder, NULL));
        call_tell(call, "vm", holder, NULL);
        call_refuse(call, 409, "in-use", "a GPU of pool %s is still held by VM %s: stop it first",
                    name, holder);
        return;
    }
    call_delete(call, &pool->key);
    const struct note note = call_note(NOTE_POOL_REMOVED, name);
    call_commit(call, &note);
}
