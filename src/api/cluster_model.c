/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/cluster_model.h"

#include "base/hash.h"

#include <string.h>

/* As the coordinator has it: not proven off, and heard. What no coordinator speaks of is not. */
static bool is_up(const void *context, const char *name, struct cause *ret_why)
{
    const struct api_view *view = context;
    struct node_facts node;
    if (!node_facts(view, name, &node) || (!node.alive && node.state != NODE_STATE_UNKNOWN)) {
        *ret_why = cause_make(CAUSE_NODE_NOT_JOINED, NULL, NULL, NULL);
        return false;
    }
    if (node.state == NODE_STATE_FENCED || node.pulse == PULSE_SILENT) {
        *ret_why = node.why;
        return false;
    }
    if (!liveness_is_current(view->liveness, world_settings(view->world), view->now_ms)) {
        *ret_why = cause_make(node_unknown_cause(view), NULL, NULL, NULL);
        return false;
    }
    return true;
}

static const struct record *placement_of(const void *context, const char *vm)
{
    const struct api_view *view = context;
    return world_find(view->world, RECORD_VM_PLACEMENT, vm);
}

struct plan_cluster_options cluster_model_options(const struct api_view *view)
{
    return (struct plan_cluster_options){
        .context = view,
        .is_up = is_up,
        .placement = placement_of,
    };
}

bool cluster_model_make(const struct api_view *view, struct plan_cluster *ret)
{
    const struct plan_cluster_options options = cluster_model_options(view);
    return plan_cluster_make(view->world, &options, ret) == 0;
}

/* Whether the model is made of such records. Of 'alive' and 'fence' it is made through is_up(),
 * the incarnation, and whether the host goes down. */
static bool is_modelled(enum record_kind kind)
{
    switch (kind) {
    case RECORD_CLUSTER:
    case RECORD_NODE_SPEC:
    case RECORD_NODE_INVENTORY:
    case RECORD_NODE_STANDING:
    case RECORD_POOL:
    case RECORD_VM_SPEC:
    case RECORD_VM_PLACEMENT:
    case RECORD_VM_STATUS:
        return true;
    case RECORD_VM_INCOMING:
    case RECORD_LEADER:
    case RECORD_NODE_ALIVE:
    case RECORD_NODE_FENCE:
    case RECORD_DISARM:
    case RECORD_CLAIM:
    case RECORD_EVENT:
    case RECORD_ACCESS:
    case RECORD_FORMAT:
    case RECORD_PULSE:
    case RECORD_BEAT_SUMMARY:
    case RECORD_NODE_KEY:
    case RECORD_FENCE_TEST:
    case RECORD_NODE_USE:
        return false;
    }
    return false;
}

uint64_t cluster_model_key(const struct api_view *view)
{
    uint64_t hash = hash_begin;
    for (size_t kind = 0; kind < record_kind_count; kind++) {
        if (is_modelled((enum record_kind)kind)) {
            hash = hash_bytes(hash, &view->world->changes[kind], sizeof(uint64_t));
        }
    }
    VEC_EACH(&view->world->unreadable, key) {
        hash = hash_bytes(hash, &key->kind, sizeof(key->kind));
        hash = hash_bytes(hash, key->name, strlen(key->name) + 1);
        hash = hash_bytes(hash, key->second, strlen(key->second) + 1);
    }
    WORLD_EACH(view->world, RECORD_NODE_INVENTORY, each) {
        struct cause why = {0};
        const char *name = (*each)->key.name;
        bool is_good[] = {is_up(view, name, &why), world_has_hypervisor(view->world, name),
                          world_is_going_down(view->world, name),
                          world_is_vacated(view->world, name)};
        hash = hash_bytes(hash, is_good, sizeof(is_good));
        hash = hash_bytes(hash, &why.code, sizeof(why.code));
        hash = hash_bytes(hash, &why.facts.ms, sizeof(why.facts.ms));
    }
    return hash;
}
