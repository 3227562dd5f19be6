/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/api_seal.h"

#include "model/fence_rule.h"
#include "run/journal.h"
#include "seal/seal.h"

#include <string.h>

enum { seal_limit_ms = 5000 };

/* 1: sealed; 0: not to be sealed here; -errno. A level whose box holds one secret while another one
 * is readable cannot be put together: berth-api opens no box. */
static int seal_level(const char *node, const char *key, const struct fence_level *level,
                      struct fence_parameter *parameters, char **box, struct error *err)
{
    char *fresh = NULL;
    CLEANUP(seal_parameters_done) fence_parameters_t sealed = {0};
    const struct seal_subject subject = {node, level->agent, level->parameters,
                                         level->parameter_len};
    if (!fence_level_readable_secret(level) || level->box[0]) {
        return 0;
    }
    int r = seal_close(&subject, key, &sealed, &fresh, err);
    if (r < 0) {
        return r;
    }
    memcpy(parameters, sealed.items, sealed.len * sizeof(*parameters));
    free(*box);
    *box = fresh;
    return 1;
}

/* How many levels of the draft were sealed, or -errno. */
static int seal_node(const char *node, const char *key, struct node_spec *spec, struct error *err)
{
    struct fence_parameter *parameters[fence_levels_max] = {spec->fence_parameters.items,
                                                            spec->fence_more[0].parameters.items,
                                                            spec->fence_more[1].parameters.items};
    int count = 0;
    for (uint32_t i = 0; i < fence_levels_max; i++) {
        const struct fence_level level = node_spec_fence_level(spec, i);
        int r = seal_level(node, key, &level, parameters[i], node_spec_fence_box(spec, i), err);
        if (r < 0) {
            return r;
        }
        count += r;
    }
    return count;
}

/* The key that every host can open; NULL: there is none yet. */
static const char *common_key(const struct world *world)
{
    const struct record *key = world_fence_key(world);
    return key && !world_without_fence_key(world, key) ? key->node_key->public_key : NULL;
}

int api_seal_txn(const struct world *world, struct txn *txn, struct error *err)
{
    const char *key = common_key(world);
    VEC_EACH(&txn->writes, write) {
        int r = key && write->key.kind == RECORD_NODE_SPEC && write->value
                    ? seal_node(write->key.name, key, write->value->node_spec, err)
                    : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

const char *api_seal_plan(const struct world *world, struct txn *txn)
{
    struct error err;
    const char *key = common_key(world);
    if (!key) {
        return NULL;
    }
    WORLD_EACH(world, RECORD_NODE_SPEC, each) {
        CLEANUP(record_unrefp) struct record *next = record_copy(*each);
        if (!next) {
            return NULL; /* the next look */
        }
        if (seal_node(next->key.name, key, next->node_spec, &err) > 0) {
            /* What was ordered once, by the write before, is not ordered again by this one. */
            VEC_DONE(&next->node_spec->released);
            txn_guard(txn, &next->key, (*each)->revision);
            txn_put(txn, TAKE(next));
            return (*each)->key.name;
        }
    }
    return NULL;
}

static void sealed(void *userdata, uint64_t id, enum txn_outcome outcome, revision_t revision,
                   const struct error *error)
{
    struct api_seal *seal = userdata;
    (void)id;
    (void)revision;
    seal->is_writing = false;
    seal->looked = 0;
    if (outcome == TXN_IMPOSSIBLE && error) {
        journal_line(LOG_WARNING, "secrets of fence agents cannot be sealed: %s", error->text);
    }
}

void api_seal_look(struct api_seal *seal, const struct world *world, struct store *store)
{
    static const enum record_kind kinds[] = {RECORD_NODE_SPEC, RECORD_NODE_KEY,
                                             RECORD_NODE_INVENTORY};
    uint64_t changes = 1; /* 0: never looked */
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        changes += world->changes[kinds[i]];
    }
    if (seal->is_writing || changes == seal->looked) {
        return;
    }
    struct txn txn = {0};
    seal->looked = changes;
    const char *node = api_seal_plan(world, &txn);
    if (node && !txn.failed) {
        journal_line(LOG_NOTICE,
                     "sealing the secrets of the fence agents of %s, which were stored readably",
                     node);
        seal->is_writing = true;
        store_txn(store, &txn, seal_limit_ms, 0, sealed, seal);
    }
    txn_done(&txn);
}
