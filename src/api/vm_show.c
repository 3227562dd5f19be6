/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/handlers.h"
#include "api/show.h"
#include "wire/record.h"

#include <string.h>

static json_t *needs_json(const struct vm_spec *spec)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < spec->need_len; i++) {
        (void)json_array_append_new(list, json_pack("{s:s, s:I}", "pool", spec->needs[i].pool,
                                                    "count", (json_int_t)spec->needs[i].count));
    }
    return list;
}

static json_t *holds_json(const gpu_holds_t *holds)
{
    json_t *list = json_array();
    char slot[name_size];
    VEC_EACH(holds, hold) {
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "pool", hold->pool, "address",
                                                    gpu_slot_format(&hold->slot, slot)));
    }
    return list;
}

static json_t *reasons_json(const struct vm_placement *placement)
{
    json_t *list = json_array();
    if (placement) {
        VEC_EACH(&placement->reasons, reason) {
            reason_add(list, reason->node, "%s", reason->text);
        }
    }
    return list;
}

static json_t *record_json(const struct record *record)
{
    struct error err;
    json_t *json = record ? wire_record_to_json(record, &err) : NULL;
    return json ? json : json_null();
}

static void add_whole(json_t *json, const struct api_call *call, const struct vm_facts *vm)
{
    json_t *spec = record_json(vm->record);
    (void)json_object_set(json, "xml", json_object_get(spec, "xml"));
    (void)json_object_del(spec, "xml");
    (void)json_object_set_new(json, "spec", spec);
    (void)json_object_set_new(json, "placement",
                              record_json(world_find(call->world, RECORD_VM_PLACEMENT, vm->name)));
    (void)json_object_set_new(json, "status",
                              record_json(world_find(call->world, RECORD_VM_STATUS, vm->name)));
}

json_t *vm_json(const struct api_call *call, const struct vm_facts *vm, bool is_whole)
{
    static const gpu_holds_t none = {0};
    bool is_placed = vm_is_placed(vm);
    json_t *json = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:I, s:s, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, "
        "s:I}",
        "name", vm->name, "state", vm_view_name(vm->state), "detail", text_json(vm->detail),
        "desired", vm_desired_name(vm->spec->desired), "node", vm->node, "gpus",
        holds_json(is_placed ? &vm->placement->gpus : &none), "needs", needs_json(vm->spec),
        "priority", (json_int_t)vm->spec->priority, "offline_action",
        offline_action_name(vm->spec->offline_action), "cpus", (json_int_t)vm->spec->cpus,
        "memory_mib", (json_int_t)vm->spec->memory_mib, "reasons", reasons_json(vm->placement),
        "epoch", (json_int_t)(vm->placement ? vm->placement->epoch : 0), "start_order",
        (json_int_t)vm->spec->start_order, "seen_start_order",
        (json_int_t)(vm->placement ? vm->placement->start_order : 0), "move_order",
        (json_int_t)vm->spec->move_order, "seen_move_order",
        (json_int_t)(vm->placement ? vm->placement->move_order : 0), "revision",
        (json_int_t)vm->record->revision);
    if (json && is_whole) {
        add_whole(json, call, vm);
    }
    return json;
}

static bool is_wanted(const struct api_call *call, const struct vm_facts *vm)
{
    const char *node = call_param(call, "node"), *state = call_param(call, "state");
    return (!node || strcmp(vm->node, node) == 0) &&
           (!state || strcmp(vm_view_name(vm->state), state) == 0);
}

void handle_vms_get(struct api_call *call)
{
    json_t *list = json_array();
    WORLD_EACH(call->world, RECORD_VM_SPEC, each) {
        struct vm_facts vm;
        if (vm_facts(call->view, (*each)->key.name, &vm) && is_wanted(call, &vm)) {
            (void)json_array_append_new(list, vm_json(call, &vm, false));
        }
    }
    call_send_list(call, list);
}

void handle_vm_get(struct api_call *call)
{
    struct vm_facts vm;
    if (call_vm(call, call->args[0], &vm)) {
        call_send_dated(call, vm_json(call, &vm, true), vm.record->revision);
    }
}
