/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/handlers.h"
#include "api/show.h"

#include <stdio.h>
#include <string.h>

static json_t *bars_json(const struct gpu *gpu)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bars_max; i++) {
        (void)json_array_append_new(list, json_integer((json_int_t)gpu->bar_size[i]));
    }
    return list;
}

static json_t *companions_json(const struct gpu *gpu)
{
    json_t *list = json_array();
    char text[pci_address_size];
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        (void)json_array_append_new(list,
                                    json_string(pci_address_format(gpu->companions[i], text)));
    }
    return list;
}

/* The kinds of mediated devices that its driver can make. */
static json_t *mdev_types_json(const struct gpu *gpu)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < gpu->mdev_type_len; i++) {
        const struct gpu_mdev_type *type = &gpu->mdev_types[i];
        (void)json_array_append_new(list, json_pack("{s:o, s:o, s:I}", "id", text_json(type->id),
                                                    "name", text_json(type->name), "available",
                                                    (json_int_t)type->available));
    }
    return list;
}

static void add_card(json_t *json, const struct gpu *gpu)
{
    char identity[gpu_identity_size];
    (void)json_object_set_new(json, "serial", text_json(gpu->serial));
    (void)json_object_set_new(json, "identity", text_json(gpu_identity(gpu, identity)));
    (void)json_object_set_new(json, "companions", companions_json(gpu));
    (void)json_object_set_new(json, "bar_size", bars_json(gpu));
    (void)json_object_set_new(json, "mdev_types", mdev_types_json(gpu));
    (void)json_object_set_new(json, "link_width", json_integer(gpu->link_width));
    (void)json_object_set_new(json, "link_speed_mts", json_integer(gpu->link_speed_mts));
    (void)json_object_set_new(json, "boot_display", json_boolean(gpu->is_boot_display));
}

json_t *gpu_json(const struct gpu_facts *facts, bool is_whole)
{
    const struct gpu *gpu = facts->gpu;
    const struct gpu_device *device = &facts->device;
    char address[name_size], title[2 * gpu_text_size + 16], model[10];
    (void)snprintf(model, sizeof(model), "%04x:%04x", gpu->vendor, gpu->device);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:s*, s:s*, s:o, s:s, s:o, s:s, s:o, s:i, s:i, s:I}", "node",
        facts->node, "address", gpu_slot_format(&facts->slot, address), "state",
        gpu_state_name(facts->state), "model", model, "name",
        text_json(gpu_title(gpu, title, sizeof(title))), "pool", facts->pool, "vm", facts->vm,
        "driver", text_json(device->driver), "verdict", gpu_verdict_name(device->verdict),
        "verdict_detail", text_json(device->verdict_detail), "health",
        gpu_health_name(device->health), "health_reason", text_json(device->health_reason),
        "iommu_group", device->iommu_group, "numa_node", gpu->numa_node, "mmio_size",
        (json_int_t)device->mmio_size);
    if (json && device->partition) {
        (void)json_object_set_new(json, "partition_type", text_json(device->partition->type));
    } else if (json) {
        (void)json_object_set_new(json, "partitions", json_integer(facts->partition_len));
        (void)json_object_set_new(json, "sriov_total", json_integer(gpu->sriov_total));
    }
    if (json && is_whole && !device->partition) {
        add_card(json, gpu);
    }
    return json;
}

static void add_gpus(struct api_call *call, json_t *list, const struct record *inventory)
{
    const char *pool = call_param(call, "pool"), *state = call_param(call, "state");
    CLEANUP(slots_done) slots_t slots = {0};
    (void)gpu_slots(inventory->inventory, &slots);
    VEC_EACH(&slots, slot) {
        struct gpu_facts facts;
        (void)gpu_facts(call->world, inventory->key.name, slot, &facts);
        if ((pool && (!facts.pool || strcmp(facts.pool, pool) != 0)) ||
            (state && strcmp(gpu_state_name(facts.state), state) != 0)) {
            continue;
        }
        (void)json_array_append_new(list, gpu_json(&facts, false));
    }
}

void handle_gpus_get(struct api_call *call)
{
    struct node_facts node;
    const char *only = call->args[0] ? call->args[0] : call_param(call, "node");
    if (only && !call_node(call, only, &node)) {
        return;
    }
    json_t *list = json_array();
    WORLD_EACH(call->world, RECORD_NODE_INVENTORY, each) {
        if (!only || strcmp((*each)->key.name, only) == 0) {
            add_gpus(call, list, *each);
        }
    }
    call_send_list(call, list);
}

void handle_gpu_get(struct api_call *call)
{
    struct node_facts node;
    struct gpu_facts gpu;
    if (call_gpu(call, &node, &gpu)) {
        call_send_dated(call, gpu_json(&gpu, true), node.revision);
    }
}
