/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/because.h"
#include "api/handlers.h"
#include "api/list.h"
#include "api/show.h"
#include "model/fence_rule.h"
#include "wire/out.h"
#include "wire/record.h"

#include <assert.h>
#include <string.h>

void fence_parameters_each(json_t *spec, void (*change)(json_t *parameters))
{
    static const char *const more[] = {"fence_level_2", "fence_level_3"};
    static_assert(ARRAY_LEN(more) == fence_levels_max - 1, "all levels");
    change(json_object_get(spec, "fence_parameters"));
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        change(json_object_get(json_object_get(spec, more[i]), "parameters"));
    }
}

void fence_boxes_remove(json_t *spec)
{
    static const char *const more[] = {"fence_level_2", "fence_level_3"};
    static_assert(ARRAY_LEN(more) == fence_levels_max - 1, "all levels");
    (void)json_object_del(spec, "fence_box");
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        (void)json_object_del(json_object_get(spec, more[i]), "box");
    }
}

void secrets_remove(json_t *parameters)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(parameters, next, key, value) {
        if (!fence_parameter_is_harmless(key)) {
            (void)json_object_del(parameters, key);
        }
    }
}

/* A password has no business on a screen, and what is not known to be harmless may be one. */
static void hide_secrets(json_t *parameters)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(parameters, next, key, value) {
        if (!fence_parameter_is_harmless(key)) {
            (void)json_object_set_new(parameters, key, json_string(FENCE_HIDDEN));
        }
    }
}

static json_t *spec_json(const struct record *record)
{
    struct error err;
    json_t *json = record ? wire_record_to_json(record, &err) : json_object();
    if (json) {
        fence_parameters_each(json, hide_secrets);
        fence_boxes_remove(json);
        (void)json_object_del(json, "schema");
    }
    return json;
}

static json_t *checks_json(const struct node_inventory *inventory)
{
    json_t *list = json_array();
    if (inventory) {
        VEC_EACH(&inventory->checks, check) {
            (void)json_array_append_new(list, json_pack("{s:o, s:b, s:b, s:o}", "name",
                                                        text_json(check->name), "ok", check->is_ok,
                                                        "advice", check->is_advice, "detail",
                                                        text_json(check->detail)));
        }
    }
    return list;
}

static json_t *gpus_json(const struct api_call *call, const struct node_facts *node)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(slots_done) slots_t slots = {0};
    if (node->inventory) {
        (void)gpu_slots(node->inventory, &slots);
    }
    out_open(&out, '[');
    VEC_EACH(&slots, slot) {
        struct gpu_facts facts;
        (void)gpu_facts(call->view, node->name, slot, &facts);
        gpu_write(&out, &facts, true);
    }
    out_close(&out, ']');
    return json_loadb(buf_str(&out), out.size, 0, NULL);
}

static json_t *vms_json(const struct api_call *call, const char *node)
{
    json_t *list = json_array();
    WORLD_EACH(call->world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *placement = (*each)->placement;
        if (placement->phase != PLACEMENT_NONE && strcmp(placement->node, node) == 0) {
            (void)json_array_append_new(list, json_string((*each)->key.name));
        }
    }
    return list;
}

static void add_whole(json_t *json, const struct api_call *call, const struct node_facts *node)
{
    (void)json_object_set_new(json, "spec",
                              spec_json(world_find(call->world, RECORD_NODE_SPEC, node->name)));
    (void)json_object_set_new(json, "checks", checks_json(node->inventory));
    (void)json_object_set_new(json, "gpus", gpus_json(call, node));
    (void)json_object_set_new(json, "vms", vms_json(call, node->name));
    json_t *test = fence_test_json(call, node);
    if (test) {
        (void)json_object_set_new(json, "fence_test", test);
    }
    (void)json_object_set_new(json, "kernel",
                              text_json(node->inventory ? node->inventory->kernel : ""));
}

/* 'is_whole': with everything that only the resource itself shows. */
static json_t *node_json(const struct api_call *call, const struct node_facts *node,
                         uint32_t vm_count, bool is_whole)
{
    const struct record *leader = world_find(call->world, RECORD_LEADER, "");
    bool is_coordinator = leader && strcmp(leader->leader->node, node->name) == 0;
    const struct node_inventory *inventory = node->inventory;
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:b, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I}", "name",
        node->name, "state", node_state_name(node->state), "mode", node_mode_name(node->spec->mode),
        "coordinator", is_coordinator, "fencing", fencing_name(node->spec->fencing), "fence_agent",
        text_json(node->spec->fence_agent), "gpu_count",
        (json_int_t)(inventory ? inventory->gpus.len : 0), "vm_count", (json_int_t)vm_count, "cpus",
        (json_int_t)(inventory ? inventory->cpus : 0), "memory_mib",
        (json_int_t)(inventory ? inventory->memory_mib : 0), "incarnation",
        (json_int_t)(node->alive ? node->alive->incarnation : 0), "watchdog_armed",
        node->alive && node->alive->is_watchdog_armed, "silent_ms", (json_int_t)node->silent_ms,
        "revision", (json_int_t)node->revision);
    because_put(json, "detail", &node->why);
    if (json && is_whole) {
        add_whole(json, call, node);
    }
    return json;
}

json_t *nodes_json(const struct api_call *call)
{
    names_t names = {0};
    json_t *list = node_names(call->world, &names) ? json_array() : NULL;
    CLEANUP(freep) uint32_t *counts = calloc(names.len + 1, sizeof(*counts));
    if (counts) {
        node_vm_counts(call->world, names.items, names.len, counts);
    }
    for (size_t i = 0; counts && i < names.len; i++) {
        struct node_facts node;
        if (node_facts(call->view, names.items[i], &node)) {
            (void)json_array_append_new(list, node_json(call, &node, counts[i], false));
        }
    }
    VEC_DONE(&names);
    return in_order(list, "name");
}

void handle_nodes_get(struct api_call *call)
{
    list_send_trees(call, nodes_json(call), "Node");
}

void handle_node_get(struct api_call *call)
{
    struct node_facts node;
    uint32_t vm_count;
    if (call_node(call, call->args[0], &node)) {
        node_vm_counts(call->world, &node.name, 1, &vm_count);
        call_send_dated(call, node_json(call, &node, vm_count, true), node.revision);
    }
}
