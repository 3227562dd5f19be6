/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/because.h"
#include "api/handlers.h"
#include "api/list.h"
#include "api/show.h"
#include "base/natural.h"
#include "model/fabric.h"
#include "wire/out.h"

#include <stdio.h>
#include <string.h>

static void write_companions(struct buf *out, const struct gpu *gpu)
{
    char text[pci_address_size];
    out_key(out, "companions");
    out_open(out, '[');
    for (uint32_t i = 0; i < gpu->companion_len; i++) {
        out_text(out, NULL, pci_address_format(gpu->companions[i], text));
    }
    out_close(out, ']');
}

static void write_bars(struct buf *out, const struct gpu *gpu)
{
    out_key(out, "bar_size");
    out_open(out, '[');
    for (size_t i = 0; i < bars_max; i++) {
        out_number(out, NULL, (int64_t)gpu->bar_size[i]);
    }
    out_close(out, ']');
}

/* The kinds of mediated devices that its driver can make. */
static void write_mdev_types(struct buf *out, const struct gpu *gpu)
{
    out_key(out, "mdev_types");
    out_open(out, '[');
    for (uint32_t i = 0; i < gpu->mdev_type_len; i++) {
        const struct gpu_mdev_type *type = &gpu->mdev_types[i];
        out_open(out, '{');
        out_text(out, "id", type->id);
        out_text(out, "name", type->name);
        out_number(out, "available", type->available);
        out_close(out, '}');
    }
    out_close(out, ']');
}

/* With which others it can talk. */
static void write_sets(struct buf *out, const struct node_inventory *inventory,
                       const struct gpu *gpu)
{
    char text[pci_address_size];
    out_key(out, "fabric_sets");
    out_open(out, '[');
    VEC_EACH(&inventory->fabric_sets, set) {
        if (!fabric_set_has(set, gpu->address)) {
            continue;
        }
        out_open(out, '{');
        out_text(out, "id", set->id);
        out_bool(out, "active", set->is_active);
        out_key(out, "gpus");
        out_open(out, '[');
        for (uint32_t i = 0; i < set->gpu_len; i++) {
            out_text(out, NULL, pci_address_format(set->gpus[i], text));
        }
        out_close(out, ']');
        out_close(out, '}');
    }
    out_close(out, ']');
}

static void write_card(struct buf *out, const struct gpu *gpu)
{
    char identity[gpu_identity_size];
    out_text(out, "serial", gpu->serial);
    out_text(out, "identity", gpu_identity(gpu, identity));
    write_companions(out, gpu);
    write_bars(out, gpu);
    write_mdev_types(out, gpu);
    out_number(out, "link_width", gpu->link_width);
    out_number(out, "link_width_max", gpu->link_width_max);
    out_number(out, "errors_fatal", (int64_t)gpu->errors_fatal);
    out_number(out, "errors_nonfatal", (int64_t)gpu->errors_nonfatal);
    out_number(out, "errors_corrected", (int64_t)gpu->errors_corrected);
    out_number(out, "link_speed_mts", gpu->link_speed_mts);
    out_bool(out, "boot_display", gpu->is_boot_display);
}

static void write_place(struct buf *out, const struct gpu_facts *facts)
{
    const struct gpu *gpu = facts->gpu;
    char address[name_size], title[2 * gpu_text_size + 16], model[10];
    (void)snprintf(model, sizeof(model), "%04x:%04x", gpu->vendor, gpu->device);
    out_text(out, "node", facts->node);
    out_text(out, "address", gpu_slot_format(&facts->slot, address));
    out_text(out, "state", gpu_state_name(facts->state));
    out_text(out, "model", model);
    out_text(out, "name", gpu_title(gpu, title, sizeof(title)));
    if (gpu_is_other(gpu)) {
        out_bool(out, "no_gpu", true);
    }
    if (facts->pool) {
        out_text(out, "pool", facts->pool);
    }
    if (facts->vm) {
        out_text(out, "vm", facts->vm);
    }
}

void gpu_write_members(struct buf *out, const struct gpu_facts *facts, bool is_whole)
{
    const struct gpu_device *device = &facts->device;
    write_place(out, facts);
    out_text(out, "driver", device->driver);
    out_text(out, "backend", gpu_backend_name(device->backend));
    out_text(out, "verdict", gpu_verdict_name(device->verdict));
    out_text(out, "verdict_detail", device->verdict_detail);
    out_text(out, "health", gpu_health_name(device->health));
    because_write(out, "health_reason", device->health_cause);
    out_number(out, "iommu_group", device->iommu_group);
    out_number(out, "numa_node", facts->gpu->numa_node);
    out_number(out, "mmio_size", (int64_t)device->mmio_size);
    if (device->partition) {
        out_text(out, "partition_type", device->partition->type);
        return;
    }
    if (gpu_memory_gib(facts->gpu) > 0) {
        out_number(out, "memory_mib", (int64_t)gpu_memory_gib(facts->gpu) * 1024);
    }
    out_number(out, "partitions", facts->partition_len);
    out_number(out, "sriov_total", facts->gpu->sriov_total);
    if (is_whole) {
        write_card(out, facts->gpu);
        write_sets(out, facts->inventory, facts->gpu);
    }
}

void gpu_write(struct buf *out, const struct gpu_facts *facts, bool is_whole)
{
    out_open(out, '{');
    gpu_write_members(out, facts, is_whole);
    out_close(out, '}');
}

static bool is_wanted(const struct api_call *call, const struct gpu_facts *gpu)
{
    const char *pool = call_param(call, "pool"), *state = call_param(call, "state");
    return (!pool || (gpu->pool && strcmp(gpu->pool, pool) == 0)) &&
           (!state || strcmp(gpu_state_name(gpu->state), state) == 0);
}

/* Where in 'slots' what is behind the one at 'place' begins, the text "NODE/ADDRESS" of this node.
 * If it is no longer there, behind those that would stand before it. */
static size_t behind(const slots_t *slots, const char *place)
{
    const char *address = strchr(place, '/');
    struct gpu_slot slot;
    size_t at = 0;
    if (!address || !gpu_slot_parse(address + 1, &slot)) {
        return 0;
    }
    while (at < slots->len && !gpu_slot_equal(&slots->items[at], &slot)) {
        at++;
    }
    if (at < slots->len) {
        return at + 1;
    }
    for (at = 0; at < slots->len && gpu_slot_compare(&slots->items[at], &slot) < 0;) {
        at++;
    }
    return at;
}

/* Where 'node' stands to the one of the last item that the client has. */
static int compare_node(const struct list *list, const char *node)
{
    char last[name_size];
    size_t size = list->after ? strcspn(list->after, "/") : 0;
    if (!list->after || size >= sizeof(last)) {
        return 1;
    }
    memcpy(last, list->after, size);
    last[size] = '\0';
    return natural_compare(node, last);
}

static void write_gpus(struct list *list, const struct record *inventory)
{
    const char *node = inventory->key.name;
    CLEANUP(slots_done) slots_t slots = {0};
    int order = compare_node(list, node);
    if (order < 0) {
        return;
    }
    list->out.failed |= !gpu_slots(inventory->inventory, &slots);
    for (size_t i = order == 0 ? behind(&slots, list->after) : 0; i < slots.len; i++) {
        struct gpu_facts facts;
        char place[list_place_size], address[name_size];
        (void)gpu_facts(list->call->view, node, &slots.items[i], &facts);
        (void)snprintf(place, sizeof(place), "%s/%s", node,
                       gpu_slot_format(&slots.items[i], address));
        if (is_wanted(list->call, &facts) && list_has_room(list, place)) {
            gpu_write(list_item(list), &facts, false);
            list_item_end(list);
        }
    }
}

void handle_gpus_get(struct api_call *call)
{
    struct node_facts node;
    struct list list;
    const char *only = call->args[0] ? call->args[0] : call_param(call, "node");
    if ((only && !call_node(call, only, &node)) || !list_begin(&list, call, "Gpu")) {
        return;
    }
    records_t inventories = {0};
    list.out.failed |= !records_in_order(call->world, RECORD_NODE_INVENTORY, &inventories);
    VEC_EACH(&inventories, each) {
        if ((!only || strcmp((*each)->key.name, only) == 0) && !list.has_more) {
            write_gpus(&list, *each);
        }
    }
    VEC_DONE(&inventories);
    list_send(&list);
}

void handle_gpu_get(struct api_call *call)
{
    struct node_facts node;
    struct gpu_facts gpu;
    CLEANUP(buf_done) struct buf out = {0};
    if (call_gpu(call, &node, &gpu)) {
        out_open(&out, '{');
        gpu_write_members(&out, &gpu, true);
        call_send_members(call, &out, node.revision);
    }
}
