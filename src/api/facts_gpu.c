/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GPUs and pools. */
#include "api/facts.h"

#include "base/parse.h"
#include "model/division.h"

#include <string.h>

ENUM_DEFINE(gpu_state, GPU_STATE_LIST)

/* 'slot' itself, or a part of it. */
static bool is_of(const struct gpu_slot *part, const struct gpu_slot *slot)
{
    return slot->partition[0] == '\0' ? pci_address_compare(part->address, slot->address) == 0
                                      : gpu_slot_equal(part, slot);
}

static int compare_place(const struct pool_member *member, const char *node,
                         const struct gpu_slot *slot)
{
    int order = strcmp(member->node, node);
    order = order != 0 ? order : pci_address_compare(member->slot.address, slot->address);
    return order != 0 || slot->partition[0] == '\0'
               ? order
               : strcmp(member->slot.partition, slot->partition);
}

/* Where it is if the members are sorted, as we write them: a list of all GPUs asks thousands of
 * times. */
static bool is_where_expected(const struct pool *pool, const char *node,
                              const struct gpu_slot *slot)
{
    size_t low = 0, high = pool->members.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_place(&pool->members.items[middle], node, slot);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

const struct record *pool_of(const struct world *world, const char *node,
                             const struct gpu_slot *slot)
{
    WORLD_EACH(world, RECORD_POOL, each) {
        if (is_where_expected((*each)->pool, node, slot)) {
            return *each;
        }
    }
    WORLD_EACH(world, RECORD_POOL, each) {
        VEC_EACH(&(*each)->pool->members, member) {
            if (strcmp(member->node, node) == 0 && is_of(&member->slot, slot)) {
                return *each;
            }
        }
    }
    return NULL;
}

bool pool_has_card(const struct pool *pool, const char *node, struct pci_address address)
{
    VEC_EACH(&pool->members, member) {
        if (strcmp(member->node, node) == 0 &&
            pci_address_compare(member->slot.address, address) == 0) {
            return true;
        }
    }
    return false;
}

bool pool_has_slot(const struct pool *pool, const char *node, const struct gpu_slot *slot)
{
    VEC_EACH(&pool->members, member) {
        if (strcmp(member->node, node) == 0 && gpu_slot_equal(&member->slot, slot)) {
            return true;
        }
    }
    return false;
}

const char *holder_of(const struct world *world, const char *node, const struct gpu_slot *slot)
{
    struct record_key key = world_claim_key(node, slot);
    const struct record *claim = world_find_key(world, &key);
    return claim ? claim->claim->vm : NULL;
}

const char *card_holder_of(const struct world *world, const char *node, struct pci_address address)
{
    WORLD_EACH(world, RECORD_CLAIM, each) {
        struct gpu_slot held;
        if (strcmp((*each)->key.name, node) == 0 && gpu_slot_parse((*each)->key.second, &held) &&
            pci_address_compare(held.address, address) == 0) {
            return (*each)->claim->vm;
        }
    }
    return NULL;
}

void slots_done(slots_t *slots)
{
    VEC_DONE(slots);
}

bool gpu_slots(const struct node_inventory *inventory, slots_t *ret)
{
    VEC_EACH(&inventory->gpus, gpu) {
        struct gpu_slot *card = VEC_ADD(ret);
        if (!card) {
            return false;
        }
        *card = (struct gpu_slot){.address = gpu->address};
        VEC_EACH(&inventory->partitions, partition) {
            bool is_its = pci_address_compare(partition->slot.address, gpu->address) == 0;
            struct gpu_slot *part = is_its ? VEC_ADD(ret) : NULL;
            if (is_its && !part) {
                return false;
            }
            if (part) {
                *part = partition->slot;
            }
        }
    }
    return true;
}

/* ---- states ---- */

/* In a pool or not, and no one holds it. */
static enum gpu_state state_of_partition(const struct gpu_facts *facts)
{
    if (!gpu_device_is_dismounted(&facts->device) || facts->device.verdict != GPU_ASSIGNABLE) {
        return GPU_STATE_NOT_ASSIGNABLE;
    }
    return facts->pool ? GPU_STATE_AVAILABLE : GPU_STATE_DISMOUNTED;
}

static enum gpu_state state_of_whole(const struct gpu_facts *facts)
{
    const struct gpu *gpu = facts->gpu;
    if (facts->dismount && !gpu_is_dismounted(gpu)) {
        return GPU_STATE_DISMOUNTING;
    }
    if (facts->pool) {
        return gpu_is_dismounted(gpu) ? GPU_STATE_AVAILABLE : GPU_STATE_NOT_ASSIGNABLE;
    }
    if (gpu_is_dismounted(gpu)) {
        return facts->dismount || !gpu->is_overridden ? GPU_STATE_DISMOUNTED : GPU_STATE_MOUNTING;
    }
    return gpu->verdict == GPU_ASSIGNABLE || gpu->verdict == GPU_HOST_DRIVER ||
                   gpu->verdict == GPU_IN_USE
               ? GPU_STATE_HOST
               : GPU_STATE_NOT_ASSIGNABLE;
}

static enum gpu_state derive_state(const struct gpu_facts *facts,
                                   const struct node_inventory *inventory)
{
    uint32_t wanted = facts->dismount ? division_len(facts->dismount) : 0;
    if (facts->vm) {
        return facts->device.health == GPU_QUARANTINED || facts->device.verdict == GPU_OFF_BUS
                   ? GPU_STATE_FAILED
                   : GPU_STATE_ASSIGNED;
    }
    if (facts->device.health == GPU_QUARANTINED) {
        return GPU_STATE_QUARANTINED;
    }
    if (facts->pool && facts->used_by) {
        return GPU_STATE_CLEANING;
    }
    if (facts->device.partition) {
        return state_of_partition(facts);
    }
    if (wanted > 0 && !division_is_shown(inventory, facts->gpu, facts->dismount)) {
        return GPU_STATE_PARTITIONING;
    }
    return wanted > 0 || facts->partition_len > 0 ? GPU_STATE_PARTITIONED : state_of_whole(facts);
}

/* Its host is heard, or this API is too young to know. */
static bool is_heard(const struct api_view *view, const char *name)
{
    struct node_facts node;
    return node_facts(view, name, &node) &&
           (node.pulse == PULSE_ALIVE || node.pulse == PULSE_UNKNOWN);
}

bool gpu_facts(const struct api_view *view, const char *node, const struct gpu_slot *slot,
               struct gpu_facts *ret)
{
    const struct world *world = view->world;
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, node);
    const struct record *pool = pool_of(world, node, slot);
    *ret = (struct gpu_facts){
        .node = node,
        .slot = *slot,
        .dismount = world_dismount(world, node, slot->address),
        .pool = pool ? pool->key.name : NULL,
        .vm = holder_of(world, node, slot),
        .used_by = world_used_by(world, node, slot),
        .state = GPU_STATE_MISSING,
    };
    if (!inventory || !gpu_device_find(inventory->inventory, slot, &ret->device)) {
        return false;
    }
    ret->gpu = ret->device.card;
    ret->inventory = inventory->inventory;
    ret->partition_len = gpu_partition_count(inventory->inventory, slot->address);
    ret->state = derive_state(ret, inventory->inventory);
    if (ret->state == GPU_STATE_AVAILABLE && !is_heard(view, node)) {
        ret->state = GPU_STATE_AWAY;
    }
    return true;
}

/* ---- pools ---- */

/* Its node is up and takes VMs. */
static bool is_at_home(const struct api_view *view, const char *name)
{
    struct node_facts node;
    return node_facts(view, name, &node) && node.state == NODE_STATE_UP;
}

/* 'inventory' is of its node; NULL: there is none. */
static void count_member(const struct api_view *view, const struct pool_member *member,
                         const struct node_inventory *inventory, bool is_home,
                         struct pool_counts *ret)
{
    struct gpu_device device;
    bool is_known = inventory && gpu_device_find(inventory, &member->slot, &device);
    bool is_soon_free = is_known && device.health == GPU_HEALTHY &&
                        node_inventory_used_by(inventory, &member->slot);
    ret->total++;
    if (is_soon_free || holder_of(view->world, member->node, &member->slot)) {
        ret->used++;
    } else if (!is_known || device.health == GPU_QUARANTINED ||
               !gpu_device_is_dismounted(&device)) {
        ret->quarantined++;
    } else if (!is_home) {
        ret->away++;
    } else {
        ret->free++;
    }
}

void pool_counts_next(const struct api_view *view, const struct record *pool, size_t *at,
                      struct pool_counts *ret)
{
    const struct pool_member *members = pool->pool->members.items;
    const char *node = members[*at].node;
    const struct record *record = world_find(view->world, RECORD_NODE_INVENTORY, node);
    const struct node_inventory *inventory = record ? record->inventory : NULL;
    bool is_home = is_at_home(view, node);
    *ret = (struct pool_counts){0};
    for (; *at < pool->pool->members.len && strcmp(members[*at].node, node) == 0; (*at)++) {
        count_member(view, &members[*at], inventory, is_home, ret);
    }
}

void pool_counts(const struct api_view *view, const struct record *pool, struct pool_counts *ret)
{
    *ret = (struct pool_counts){0};
    for (size_t at = 0; at < pool->pool->members.len;) {
        struct pool_counts node;
        pool_counts_next(view, pool, &at, &node);
        ret->total += node.total;
        ret->used += node.used;
        ret->free += node.free;
        ret->quarantined += node.quarantined;
        ret->away += node.away;
    }
}

uint32_t pool_users(const struct world *world, const char *pool, struct buf *ret)
{
    enum { shown_max = 5 };
    uint32_t count = 0;
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        const struct vm_spec *spec = (*each)->vm_spec;
        for (uint32_t i = 0; i < spec->need_len; i++) {
            if (strcmp(spec->needs[i].pool, pool) != 0) {
                continue;
            }
            if (count < shown_max) {
                buf_printf(ret, "%s%s", count ? ", " : "", (*each)->key.name);
            }
            count++;
        }
    }
    if (count > shown_max) {
        buf_printf(ret, " and %u more", count - shown_max);
    }
    return count;
}
