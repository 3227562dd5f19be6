/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/pool_join.h"

#include "api/spec.h"

#include "base/parse.h"
#include "model/division.h"
#include "model/name.h"

#include <stdio.h>
#include <string.h>

enum {
    /* Each node joins the transaction with a guard and a write; etcd takes 128 of them. */
    nodes_per_request_max = 100,
};

/* ---- what is asked for ---- */

static void find_candidate(struct pool_join *join, struct api_call *call,
                           const struct gpu_place *asked)
{
    char subject[2 * name_size], address[pci_address_size];
    struct node_facts facts;
    (void)snprintf(subject, sizeof(subject), "%s/%s", asked->node,
                   pci_address_format(asked->address, address));
    if (!node_facts(call->view, asked->node, &facts)) {
        reason_add(join->refused, subject, "there is no node \"%s\"", asked->node);
        return;
    }
    const struct gpu *gpu = world_gpu(call->world, asked->node, asked->address);
    if (!gpu) {
        reason_add(join->refused, subject, "%s has no GPU at %s", asked->node, address);
        return;
    }
    struct candidate *place = VEC_ADD(&join->candidates);
    if (place) {
        *place = (struct candidate){.node = facts.name, .gpu = gpu};
    }
}

/* "10de:20b5" */
static bool is_model_text(const char *text)
{
    unsigned vendor, device;
    char end;
    return strlen(text) == 9 && sscanf(text, "%4x:%4x%c", &vendor, &device, &end) == 2;
}

bool pool_join_read(struct pool_join *join, struct api_call *call, const struct pool_request *asked)
{
    *join = (struct pool_join){
        .is_all = asked->is_all,
        .model = asked->model[0] ? asked->model : NULL,
        .profile = asked->profile[0] ? asked->profile : NULL,
        .refused = json_array(),
        .skipped = json_array(),
    };
    if (join->model && !is_model_text(join->model)) {
        request_refuse(call, "model", "must be vendor:device, such as 10de:20b5");
        return false;
    }
    if (join->model && !join->is_all) {
        request_refuse(call, "model", "goes with \"all\": true");
        return false;
    }
    VEC_EACH(&asked->members, member) {
        find_candidate(join, call, member);
    }
    return true;
}

void pool_join_done(struct pool_join *join)
{
    VEC_DONE(&join->candidates);
    json_decref(join->refused);
    json_decref(join->skipped);
}

/* ---- whether it may ---- */

static bool is_model(const struct gpu *gpu, const char *model)
{
    char text[10];
    (void)snprintf(text, sizeof(text), "%04x:%04x", gpu->vendor, gpu->device);
    return strcasecmp(text, model) == 0;
}

/* ---- into the pool ---- */

static bool insert(struct pool *pool, const struct candidate *candidate,
                   const struct gpu_slot *slot)
{
    size_t at = 0;
    for (; at < pool->members.len; at++) {
        const struct pool_member *member = &pool->members.items[at];
        int names = strcmp(member->node, candidate->node);
        if (names > 0 || (names == 0 && gpu_slot_compare(&member->slot, slot) > 0)) {
            break;
        }
    }
    struct pool_member *place = VEC_INSERT(&pool->members, at);
    if (place) {
        (void)copy_text(place->node, sizeof(place->node), candidate->node);
        place->slot = *slot;
        (void)gpu_identity(candidate->gpu, place->identity);
    }
    return place != NULL;
}

/* The card, or all that is to join of what it is divided into; how many. False without memory. */
static bool insert_all(const struct world *world, struct pool *pool,
                       const struct candidate *candidate, size_t *ret_len)
{
    const struct gpu_slot card = {.address = candidate->gpu->address};
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, candidate->node);
    *ret_len = 0;
    if (pool->type == POOL_PCI_EXPRESS) {
        *ret_len = 1;
        return insert(pool, candidate, &card);
    }
    VEC_EACH(&inventory->inventory->partitions, each) {
        if (!candidate_has(candidate, each)) {
            continue;
        }
        if (pool->members.len == 0) {
            (void)copy_text(pool->partition_type, sizeof(pool->partition_type), each->type);
        }
        if (!insert(pool, candidate, &each->slot)) {
            return false;
        }
        (*ret_len)++;
    }
    return true;
}

/* Which partitions of its card are meant; NULL: all. Where they are of several types it is the one
 * that is named, or the one that the pool has. */
static const char *type_of(const struct pool_join *join, const struct world *world,
                           const struct pool *pool, const struct candidate *candidate)
{
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, candidate->node);
    const struct gpu_mdev_type *named =
        join->profile ? division_profile(candidate->gpu, join->profile) : NULL;
    if (join->profile || pool->type != POOL_GPU_PARTITION) {
        return named ? named->id : join->profile;
    }
    VEC_EACH(&inventory->inventory->partitions, each) {
        if (!pool->is_mixed && pool->members.len > 0 && candidate_has(candidate, each) &&
            strcmp(each->type, pool->partition_type) == 0) {
            return each->type;
        }
    }
    return NULL;
}

/* Whether all that is to join is in the pool already. */
static bool is_in(const struct world *world, const struct pool *pool,
                  const struct candidate *candidate)
{
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, candidate->node);
    if (pool->type == POOL_PCI_EXPRESS || !candidate->type) {
        return pool_has_card(pool, candidate->node, candidate->gpu->address);
    }
    VEC_EACH(&inventory->inventory->partitions, each) {
        if (candidate_has(candidate, each) && pool_has_slot(pool, candidate->node, &each->slot)) {
            return true; /* of one type all or none */
        }
    }
    return false;
}

/* Judges and adds one; 'refusals' gets the reason if it may not. */
static void join_one(struct pool_join *join, struct api_call *call, struct record *draft,
                     struct candidate *candidate, json_t *refusals)
{
    CLEANUP(buf_done) struct buf why = {0};
    char subject[2 * name_size], address[pci_address_size];
    size_t len;
    candidate->type = type_of(join, call->world, draft->pool, candidate);
    if (is_in(call->world, draft->pool, candidate)) {
        return;
    }
    json_t *hint = pool_judge(call->view, draft->pool, candidate, &why);
    if (why.size > 0) {
        (void)snprintf(subject, sizeof(subject), "%s/%s", candidate->node,
                       pci_address_format(candidate->gpu->address, address));
        reason_add(refusals, subject, "%s", buf_str(&why));
        hint_put(refusals, hint);
        return;
    }
    call->answer->txn.failed |= !insert_all(call->world, draft->pool, candidate, &len);
    join->joined += len;
}

/* ---- all of a model ---- */

/* Whether a partition that is meant is in no pool. */
static bool has_free_part(const struct api_call *call, const struct candidate *candidate)
{
    const struct record *inventory =
        world_find(call->world, RECORD_NODE_INVENTORY, candidate->node);
    VEC_EACH(&inventory->inventory->partitions, each) {
        if (candidate_has(candidate, each) && !pool_of(call->world, candidate->node, &each->slot)) {
            return true;
        }
    }
    return false;
}

/* In Berth's hands as this pool takes it, and in no pool. */
static bool is_ready(const struct pool_join *join, const struct api_call *call,
                     const struct pool *pool, const char *node, const struct gpu *gpu)
{
    struct gpu_facts facts;
    struct candidate candidate = {.node = node, .gpu = gpu};
    candidate.type = type_of(join, call->world, pool, &candidate);
    (void)gpu_facts(call->view, node, &(struct gpu_slot){.address = gpu->address}, &facts);
    return pool->type == POOL_GPU_PARTITION
               ? facts.state == GPU_STATE_PARTITIONED && has_free_part(call, &candidate)
               : facts.state == GPU_STATE_DISMOUNTED && !facts.pool;
}

/* Which model 'all' means; NULL: it is answered. */
static const struct gpu *model_of_all(const struct pool_join *join, struct api_call *call,
                                      const struct pool *pool)
{
    const struct gpu *found = join->model ? NULL : pool_reference(call->world, pool);
    const char *what = pool->type == POOL_GPU_PARTITION ? "partitioned" : "dismounted";
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        VEC_EACH(&(*each)->inventory->gpus, gpu) {
            if (join->model ? !is_model(gpu, join->model)
                            : !is_ready(join, call, pool, (*each)->key.name, gpu)) {
                continue;
            }
            if (!join->model && found && !gpu_same_model(found, gpu, NULL, 0) &&
                pool->members.len == 0) {
                char model[10];
                (void)snprintf(model, sizeof(model), "%04x:%04x", found->vendor, found->device);
                call_advise(call, hint_with(hint_make("pool-add", "POOL", NULL), "model", model));
                call_tell(call, "field", "model", NULL);
                call_refuse(call, 409, "which-model",
                            "%s GPUs of more than one model are there (%s, %04x:%04x): name one",
                            what, model, gpu->vendor, gpu->device);
                return NULL;
            }
            found = found ? found : gpu;
        }
    }
    if (!found) {
        call_advise(call, hint_make("gpu-ls", NULL));
        call_tell(call, "model", join->model, NULL);
        call_refuse(call, 409, "no-gpu", "no host has a %s GPU%s%s", join->model ? "" : what,
                    join->model ? " of the model " : "", join->model ? join->model : "");
    }
    return found;
}

/* A GPU that was not taken from its host was not meant, unless its model was named. */
static bool is_meant(const struct pool_join *join, const struct api_call *call,
                     const struct pool *pool, const char *node, const struct gpu *gpu)
{
    const struct dismount *entry = world_dismount(call->world, node, gpu->address);
    bool is_divided = entry && entry->partitions > 0;
    return join->model || is_ready(join, call, pool, node, gpu) ||
           (entry && is_divided == (pool->type == POOL_GPU_PARTITION));
}

static bool join_all(struct pool_join *join, struct api_call *call, struct record *draft)
{
    const struct gpu *model = model_of_all(join, call, draft->pool);
    if (!model) {
        return false;
    }
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        VEC_EACH(&(*each)->inventory->gpus, gpu) {
            struct candidate candidate = {.node = (*each)->key.name, .gpu = gpu};
            if (gpu_same_model(model, gpu, NULL, 0) &&
                is_meant(join, call, draft->pool, candidate.node, gpu)) {
                join_one(join, call, draft, &candidate, join->skipped);
            }
        }
    }
    return true;
}

/* A GPU must not be put into two pools, nor given back to its host, at the same moment: both are
 * decided on the spec of its node, which each writes. */
static bool touch_nodes(struct api_call *call, const struct pool *before, const struct pool *after)
{
    size_t count = 0;
    const char *last = "";
    VEC_EACH(&after->members, member) {
        if ((before && pool_has_slot(before, member->node, &member->slot)) ||
            strcmp(last, member->node) == 0) {
            continue;
        }
        last = member->node;
        const struct record *spec = world_find(call->world, RECORD_NODE_SPEC, member->node);
        if (spec) {
            call_put(call, node_spec_draft(call, member->node));
        }
        if (++count > nodes_per_request_max) {
            call_tell_number(call, "max", nodes_per_request_max);
            call_refuse(call, 400, "too-many-nodes",
                        "GPUs of more than %d nodes at once; add them node by node",
                        nodes_per_request_max);
            return false;
        }
    }
    return true;
}

bool pool_join_apply(struct pool_join *join, struct api_call *call, struct record *draft)
{
    const struct record *before = world_find(call->world, RECORD_POOL, draft->key.name);
    VEC_EACH(&join->candidates, candidate) {
        join_one(join, call, draft, candidate, join->refused);
    }
    if (json_array_size(join->refused) == 0 && join->is_all && !join_all(join, call, draft)) {
        return false;
    }
    bool is_none = join->is_all && join->joined == 0 && json_array_size(join->skipped) > 0;
    json_t *reasons = json_array_size(join->refused) > 0 ? join->refused
                      : is_none                          ? join->skipped
                                                         : NULL;
    if (reasons) {
        const json_t *first = json_array_get(reasons, 0);
        call_tell(call, "pool", draft->key.name, NULL);
        call_refuse_because(call, 409, "cannot-join", json_incref(reasons),
                            "nothing was added to GPU pool %s: %s %s%s", draft->key.name,
                            json_string_value(json_object_get(first, "subject")),
                            json_string_value(json_object_get(first, "text")),
                            json_array_size(reasons) > 1 ? " (and others: see the reasons)" : "");
        return false;
    }
    if (draft->pool->members.len > pool_members_max) {
        call_tell_number(call, "max", pool_members_max);
        call_refuse(call, 409, "too-many", "a GPU pool takes %d GPUs at most: create another one",
                    pool_members_max);
        return false;
    }
    return touch_nodes(call, before ? before->pool : NULL, draft->pool);
}
