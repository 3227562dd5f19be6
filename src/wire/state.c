/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/state.h"

#include "base/parse.h"
#include "model/name.h"
#include "wire/state_field.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(state_mode, STATE_MODE_LIST)

void state_done(struct state *state)
{
    VEC_EACH(&state->nodes, node) {
        VEC_DONE(&node->labels);
        VEC_DONE(&node->gpus);
    }
    VEC_EACH(&state->vms, vm) {
        VEC_DONE(&vm->needs);
        VEC_DONE(&vm->gpus);
        VEC_DONE(&vm->labels);
        VEC_DONE(&vm->owners);
        VEC_DONE(&vm->preferred);
        VEC_DONE(&vm->together);
        VEC_DONE(&vm->apart);
    }
    VEC_DONE(&state->pools);
    VEC_DONE(&state->nodes);
    VEC_DONE(&state->vms);
    *state = (struct state){0};
}

/* Both lists hold structs that begin with their name, and are sorted by it. */
static int compare_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static uint32_t find_name(const void *items, size_t len, size_t item_size, const char *name)
{
    const char *found = len > 0 ? bsearch(name, items, len, item_size, compare_name) : NULL;
    return found ? (uint32_t)((size_t)(found - (const char *)items) / item_size) : UINT32_MAX;
}

uint32_t state_find_node(const struct state *state, const char *name)
{
    return find_name(state->nodes.items, state->nodes.len, sizeof(struct state_node), name);
}

uint32_t state_find_vm(const struct state *state, const char *name)
{
    return find_name(state->vms.items, state->vms.len, sizeof(struct state_vm), name);
}

/* The index of the pool, which is new if no one has named it yet; a negative error. */
static int64_t find_pool(const struct place *place, struct state *state, const char *field,
                         const char *name)
{
    struct error why;
    for (uint32_t i = 0; i < state->pools.len; i++) {
        if (strcmp(state->pools.items[i].name, name) == 0) {
            return i;
        }
    }
    if (name_check("pool", name, &why) < 0) {
        return field_complain(place, field, "%s", why.text);
    }
    if (state->pools.len == pools_max) {
        return field_complain(place, field, "is one pool more than the %d allowed", pools_max);
    }
    struct vm_name *pool = VEC_ADD(&state->pools);
    if (!pool) {
        return field_no_memory(place);
    }
    (void)copy_text(pool->name, sizeof(pool->name), name);
    return (int64_t)state->pools.len - 1;
}

/* ---- nodes ---- */

static struct state_gpu *add_gpu(const struct place *place, struct state_node *node, int *ret_r)
{
    struct state_gpu *gpu = node->gpus.len < gpus_per_node_max ? VEC_ADD(&node->gpus) : NULL;
    *ret_r =
        gpu ? 0
            : field_complain(place, "gpus", "are more than %d, or no memory", gpus_per_node_max);
    return gpu;
}

/* "pools": {"P": 4}: so many whole GPUs that nothing is known of. */
static int read_counts(const struct place *place, const json_t *object, struct state *state,
                       struct state_node *node)
{
    const json_t *counts;
    const char *name;
    json_t *value;
    int r = field_object(place, object, "pools", &counts);
    json_object_foreach(field_iterable(r == 0 ? counts : NULL), name, value) {
        uint32_t count = 0;
        int64_t pool = find_pool(place, state, "pools", name);
        r = pool < 0 ? (int)pool
                     : field_count(place, "pools", counts, name, gpus_per_node_max, &count);
        for (uint32_t i = 0; i < count && r == 0; i++) {
            struct state_gpu *gpu = add_gpu(place, node, &r);
            if (gpu) {
                *gpu = (struct state_gpu){
                    .pool = (uint32_t)pool, .card = (uint32_t)node->gpus.len - 1, .numa = -1};
            }
        }
        if (r < 0) {
            return r;
        }
    }
    return r;
}

static int read_gpu(const struct place *place, const json_t *object, struct state *state,
                    struct state_node *node)
{
    int r;
    struct state_gpu *gpu = add_gpu(place, node, &r);
    if (!gpu) {
        return r;
    }
    const char *id = "", *pool_name = NULL;
    uint32_t numa = UINT32_MAX;
    *gpu = (struct state_gpu){.card = (uint32_t)node->gpus.len - 1, .numa = -1};
    r = field_check_known(place, object, " id pool card numa partition quarantined ");
    r = r < 0 ? r : field_text(place, object, "id", &id);
    r = r < 0 ? r : field_text(place, object, "pool", &pool_name);
    r = r < 0 ? r : field_u32(place, object, "card", INT32_MAX, &gpu->card);
    r = r < 0 ? r : field_u32(place, object, "numa", INT16_MAX, &numa);
    r = r < 0 ? r : field_bool(place, object, "partition", &gpu->is_partition);
    r = r < 0 ? r : field_bool(place, object, "quarantined", &gpu->is_quarantined);
    if (r < 0) {
        return r;
    }
    if (!pool_name || !copy_text(gpu->id, sizeof(gpu->id), id)) {
        return field_complain(place, "gpus",
                              pool_name ? "the id is too long" : "a pool is missing");
    }
    gpu->numa = numa == UINT32_MAX ? -1 : (int32_t)numa;
    int64_t pool = find_pool(place, state, "gpus", pool_name);
    gpu->pool = (uint32_t)pool;
    return pool < 0 ? (int)pool : 0;
}

static int compare_gpu(const void *a, const void *b)
{
    const struct state_gpu *x = a, *y = b;
    if (x->card != y->card) {
        return x->card < y->card ? -1 : 1;
    }
    if (x->is_partition != y->is_partition) {
        return x->is_partition ? 1 : -1;
    }
    return strcmp(x->id, y->id);
}

static int read_gpus(const struct place *place, const json_t *object, struct state *state,
                     struct state_node *node)
{
    const json_t *gpus;
    int r = read_counts(place, object, state, node);
    r = r < 0 ? r : field_array(place, object, "gpus", &gpus);
    for (size_t i = 0; r == 0 && gpus && i < json_array_size(gpus); i++) {
        r = read_gpu(place, json_array_get(gpus, i), state, node);
    }
    if (r == 0 && node->gpus.len > 0) {
        qsort(node->gpus.items, node->gpus.len, sizeof(*node->gpus.items), compare_gpu);
    }
    return r;
}

static int read_node(const struct place *place, const json_t *object, struct state *state)
{
    struct state_node *node = VEC_ADD(&state->nodes);
    const char *mode = "active";
    if (!node) {
        return field_no_memory(place);
    }
    int r = field_check_known(place, object, " name pools gpus cpus memory_mib labels mode ");
    r = r < 0 ? r : field_name(place, object, "node", node->name);
    r = r < 0 ? r : field_u32(place, object, "cpus", UINT32_MAX, &node->cpus);
    r = r < 0 ? r : field_u64(place, object, "memory_mib", INT64_MAX / 8, &node->memory_mib);
    r = r < 0 ? r : field_labels(place, object, &node->labels);
    r = r < 0 ? r : field_text(place, object, "mode", &mode);
    r = r < 0 ? r : read_gpus(place, object, state, node);
    if (r == 0 && !state_mode_parse(mode, &node->mode)) {
        return field_complain(place, "mode", "is none of active, paused, drain, down");
    }
    return r;
}

/* ---- VMs ---- */

static int read_needs(const struct place *place, const json_t *object, struct state *state,
                      struct state_vm *vm)
{
    const json_t *needs;
    const char *name;
    json_t *value;
    uint32_t sum = 0;
    int r = field_object(place, object, "needs", &needs);
    json_object_foreach(field_iterable(r == 0 ? needs : NULL), name, value) {
        uint32_t count = 0;
        int64_t pool = find_pool(place, state, "needs", name);
        r = pool < 0 ? (int)pool
                     : field_count(place, "needs", needs, name, gpus_per_vm_max, &count);
        sum += count;
        if (r == 0 && (sum > gpus_per_vm_max || vm->needs.len == needs_per_vm_max)) {
            r = field_complain(place, "needs", "are more than %d GPUs or %d pools", gpus_per_vm_max,
                               needs_per_vm_max);
        }
        struct state_need *need = r == 0 && count > 0 ? VEC_ADD(&vm->needs) : NULL;
        if (need) {
            *need = (struct state_need){(uint32_t)pool, count};
        } else if (r < 0 || count > 0) {
            return r < 0 ? r : field_no_memory(place);
        }
    }
    return r;
}

/* Everything that refers to nobody. */
static int read_vm(const struct place *place, const json_t *object, struct state *state)
{
    struct state_vm *vm = VEC_ADD(&state->vms);
    const char *desired = "started";
    if (!vm) {
        return field_no_memory(place);
    }
    vm->node = UINT32_MAX;
    vm->priority = priority_medium;
    int r = field_check_known(place, object,
                              " name needs cpus memory_mib priority node gpus labels owners "
                              "preferred affinity anti_affinity affinity_enforced "
                              "anti_affinity_enforced desired ");
    r = r < 0 ? r : field_name(place, object, "VM", vm->name);
    r = r < 0 ? r : read_needs(place, object, state, vm);
    r = r < 0 ? r : field_u32(place, object, "cpus", UINT32_MAX, &vm->cpus);
    r = r < 0 ? r : field_u64(place, object, "memory_mib", INT64_MAX / 8, &vm->memory_mib);
    r = r < 0 ? r : field_u32(place, object, "priority", UINT32_MAX, &vm->priority);
    r = r < 0 ? r : field_labels(place, object, &vm->labels);
    r = r < 0 ? r : field_bool(place, object, "affinity_enforced", &vm->is_together_enforced);
    r = r < 0 ? r : field_bool(place, object, "anti_affinity_enforced", &vm->is_apart_enforced);
    r = r < 0 ? r : field_text(place, object, "desired", &desired);
    vm->is_desired = strcmp(desired, "started") == 0;
    if (r == 0 && !vm->is_desired && strcmp(desired, "stopped") != 0) {
        return field_complain(place, "desired", "is neither started nor stopped");
    }
    return r;
}

/* An array of names, as indices by 'find'. */
static int read_names(const struct place *place, const json_t *object, const char *field,
                      const struct state *state,
                      uint32_t (*find)(const struct state *state, const char *name),
                      state_indices_t *ret)
{
    const json_t *names;
    int r = field_array(place, object, field, &names);
    for (size_t i = 0; r == 0 && names && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        uint32_t found = name ? find(state, name) : UINT32_MAX;
        if (found == UINT32_MAX) {
            return field_complain(place, field, "there is no \"%s\"", name ? name : "(not a text)");
        }
        uint32_t *place_of = VEC_ADD(ret);
        if (!place_of) {
            return field_no_memory(place);
        }
        *place_of = found;
    }
    return r;
}

/* The GPUs that a running VM holds, by the ids that its node gives them. */
static int read_held(const struct place *place, const json_t *object, const struct state *state,
                     struct state_vm *vm)
{
    const json_t *ids;
    int r = field_array(place, object, "gpus", &ids);
    if (r == 0 && ids && vm->node == UINT32_MAX) {
        return field_complain(place, "gpus", "are held without a node");
    }
    for (size_t i = 0; r == 0 && ids && i < json_array_size(ids); i++) {
        const struct state_node *node = &state->nodes.items[vm->node];
        const char *id = json_string_value(json_array_get(ids, i));
        uint32_t gpu = 0;
        while (id && gpu < node->gpus.len && strcmp(node->gpus.items[gpu].id, id) != 0) {
            gpu++;
        }
        if (!id || !id[0] || gpu == node->gpus.len || vm->gpus.len == gpus_per_vm_max) {
            return field_complain(place, "gpus", "%s has no \"%s\"", node->name, id ? id : "");
        }
        uint32_t *held = VEC_ADD(&vm->gpus);
        if (!held) {
            return field_no_memory(place);
        }
        *held = gpu;
    }
    return r;
}

/* What refers to nodes and other VMs. */
static int read_references(const struct place *place, const json_t *object, struct state *state)
{
    uint32_t index = state_find_vm(state, json_string_value(json_object_get(object, "name")));
    struct state_vm *vm = &state->vms.items[index];
    const char *node = NULL;
    int r = field_text(place, object, "node", &node);
    vm->node = node ? state_find_node(state, node) : UINT32_MAX;
    if (r == 0 && node && vm->node == UINT32_MAX) {
        return field_complain(place, "node", "there is no \"%s\"", node);
    }
    r = r < 0 ? r : read_held(place, object, state, vm);
    r = r < 0 ? r : read_names(place, object, "owners", state, state_find_node, &vm->owners);
    r = r < 0 ? r : read_names(place, object, "preferred", state, state_find_node, &vm->preferred);
    r = r < 0 ? r : read_names(place, object, "affinity", state, state_find_vm, &vm->together);
    return r < 0 ? r : read_names(place, object, "anti_affinity", state, state_find_vm, &vm->apart);
}

/* ---- the document ---- */

/* Sorts by name; a name that is there twice is a fault. */
static int sort_names(void *items, size_t len, size_t item_size, const struct place *place)
{
    if (len > 0) {
        qsort(items, len, item_size, compare_name);
    }
    for (size_t i = 1; i < len; i++) {
        const char *name = (const char *)items + i * item_size;
        if (strcmp(name, name - item_size) == 0) {
            struct place document = {NULL, 0, place->err};
            return field_complain(&document, place->list, "\"%s\" is there twice", name);
        }
    }
    return 0;
}

static int read_list(const json_t *document, const char *field, size_t len_max, struct state *state,
                     int (*read)(const struct place *, const json_t *, struct state *),
                     struct error *err)
{
    struct place place = {NULL, 0, err};
    const json_t *list;
    int r = field_array(&place, document, field, &list);
    if (r == 0 && list && json_array_size(list) > len_max) {
        return field_complain(&place, field, "are more than %zu", len_max);
    }
    place.list = field;
    for (; r == 0 && list && place.index < json_array_size(list); place.index++) {
        r = read(&place, json_array_get(list, place.index), state);
    }
    return r;
}

static int read_settings(const json_t *document, struct state *state, struct error *err)
{
    struct place place = {NULL, 0, err};
    const json_t *settings;
    const char *policy = "warn";
    int r = field_object(&place, document, "settings", &settings);
    if (r < 0 || !settings) {
        return r;
    }
    r = field_check_known(&place, settings, " reserve reserve_policy preemption ");
    r = r < 0 ? r : field_u32(&place, settings, "reserve", nodes_max, &state->reserve);
    r = r < 0 ? r : field_bool(&place, settings, "preemption", &state->preemption);
    r = r < 0 ? r : field_text(&place, settings, "reserve_policy", &policy);
    if (r == 0 && !reserve_policy_parse(policy, &state->reserve_policy)) {
        return field_complain(&place, "reserve_policy", "is neither warn nor refuse");
    }
    return r;
}

static int read_document(const json_t *document, struct state *state, struct error *err)
{
    struct place place = {NULL, 0, err}, nodes = {"nodes", 0, err}, vms = {"vms", 0, err};
    uint32_t schema = 0;
    int r = field_check_known(&place, document, " schema nodes vms settings configuration ");
    r = r < 0 ? r : field_u32(&place, document, "schema", UINT32_MAX, &schema);
    if (r == 0 && schema != state_schema) {
        return field_complain(&place, "schema", "is not %d, which is all that is understood",
                              state_schema);
    }
    r = r < 0 ? r : read_settings(document, state, err);
    r = r < 0 ? r : read_list(document, "nodes", state_nodes_max, state, read_node, err);
    r = r < 0 ? r
              : sort_names(state->nodes.items, state->nodes.len, sizeof(struct state_node), &nodes);
    r = r < 0 ? r : read_list(document, "vms", state_vms_max, state, read_vm, err);
    r = r < 0 ? r : sort_names(state->vms.items, state->vms.len, sizeof(struct state_vm), &vms);
    return r < 0 ? r : read_list(document, "vms", state_vms_max, state, read_references, err);
}

int state_read(const char *text, size_t size, struct state *ret, struct error *err)
{
    json_error_t fault;
    struct state state = {0};
    *ret = state;
    json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &fault);
    if (!document) {
        return error_set(err,
                         json_error_code(&fault) == json_error_out_of_memory ? -ENOMEM : -EBADMSG,
                         "line %d, column %d: %s", fault.line, fault.column, fault.text);
    }
    int r = read_document(document, &state, err);
    json_decref(document);
    if (r < 0) {
        state_done(&state);
        return r;
    }
    *ret = state;
    return 0;
}
