/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Orders that a node which will not come back is taken out of the cluster. The coordinator carries
 * the order out (src/core/removal.c); from the order on the API does not show the node any more.
 *
 * It must be proven off, or its berthd told to end, and nothing may count on it: no VM has a place
 * there, no one holds its GPUs. Its fence record, which the coordinator writes, says that all its
 * incarnations are over: should it live all the same, or come back, it ends what runs there and
 * joins again.
 */
#include "api/commit.h"
#include "api/handlers.h"
#include "api/show.h"
#include "base/parse.h"

#include <stdio.h>
#include <string.h>

/* A VM that has its place there, has one reserved there, or holds a GPU of it; NULL: none. */
static const char *any_vm(const struct world *world, const char *node)
{
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *p = (*each)->placement;
        if (strcmp(p->node, node) == 0 || strcmp(p->next_node, node) == 0) {
            return (*each)->key.name;
        }
    }
    WORLD_EACH(world, RECORD_CLAIM, claim) {
        if (strcmp((*claim)->key.name, node) == 0) {
            return (*claim)->claim->vm;
        }
    }
    return NULL;
}

/* Takes its GPUs out of their pools; how many. */
static size_t leave_pools(struct api_call *call, const char *node)
{
    size_t count = 0;
    WORLD_EACH(call->world, RECORD_POOL, each) {
        CLEANUP(record_unrefp) struct record *draft = record_copy(*each);
        size_t before = count;
        for (size_t i = draft ? draft->pool->members.len : 0; i-- > 0;) {
            if (strcmp(draft->pool->members.items[i].node, node) == 0) {
                VEC_REMOVE(&draft->pool->members, i);
                count++;
            }
        }
        if (!draft || count > before) {
            call_put(call, TAKE(draft));
        }
    }
    return count;
}

/* What the coordinator is to forget. The rest of the spec is forgotten here, passwords included. */
static void removal_order(struct api_call *call, const struct node_facts *node)
{
    uint64_t seen = node->inventory ? node->inventory->incarnation : 0;
    uint64_t incarnation = node->alive ? node->alive->incarnation : seen;
    const struct record *spec = world_find(call->world, RECORD_NODE_SPEC, node->name);
    if (incarnation == 0 && spec) {
        call_delete(call, &spec->key); /* it has never joined: nothing else is known of it */
        return;
    }
    struct record *next = record_new(RECORD_NODE_SPEC, node->name, NULL);
    if (next) {
        next->node_spec->removed = MAX(incarnation, 1U);
        next->node_spec->removed_counter = node->alive ? node->alive->counter : 0;
    }
    call_put(call, next);
}

void handle_node_delete(struct api_call *call)
{
    struct node_facts node;
    if (!call_node(call, call->args[0], &node) ||
        !call_matches(call, world_find(call->world, RECORD_NODE_SPEC, node.name))) {
        return;
    }
    bool is_over =
        node.alive && world_is_proven_off(call->world, node.name, node.alive->incarnation);
    if (node.alive && !is_over && !node.alive->has_left) {
        bool is_alive = node.pulse == PULSE_ALIVE;
        call_advise(call, hint_make(is_alive ? "node-drain" : "node-confirm-off", node.name, NULL));
        call_tell(call, "state", node_state_name(node.state), NULL);
        call_refuse(call, 409, "not-off",
                    "%s is %s: first drain it and stop its berthd for good. If it is broken, turn "
                    "it off, and wait until it is proven off or confirm that it is",
                    node.name, node_state_name(node.state));
        return;
    }
    const char *vm = any_vm(call->world, node.name);
    if (vm) {
        call_advise(call, hint_make("vm-explain", vm, NULL));
        call_tell(call, "vm", vm, NULL);
        call_refuse(call, 409, "in-use", "VM %s still has its place on %s, or a GPU of it", vm,
                    node.name);
        return;
    }
    size_t count = leave_pools(call, node.name);
    const struct record *test = world_find(call->world, RECORD_FENCE_TEST, node.name);
    if (test) {
        call_delete(call, &test->key);
    }
    call_guard_name(call, RECORD_NODE_ALIVE, node.name);
    call_guard_name(call, RECORD_NODE_FENCE, node.name);
    removal_order(call, &node);
    struct note note = call_note(NOTE_NODE_REMOVED, node.name);
    note.facts.count = count;
    call_commit(call, &note);
}
