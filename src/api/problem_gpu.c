/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The problems of GPUs. Of a host that is not heard, nothing is told: that it is away is enough. */
#include "api/problem.h"

#include <stdio.h>
#include <string.h>

static struct trouble *gpu_trouble_add(struct troubles *troubles, enum trouble_code code,
                                       const char *node, const struct gpu_slot *slot,
                                       const char *action)
{
    char address[name_size], subject[trouble_subject_size];
    (void)snprintf(subject, sizeof(subject), "%s/%s", node, gpu_slot_format(slot, address));
    struct trouble *trouble = trouble_add(troubles, code, subject,
                                          action ? hint_make(action, node, address, NULL) : NULL);
    if (trouble) {
        trouble->facts.is_other = world_is_other(troubles->call->world, node, slot->address);
    }
    return trouble;
}

/* One that its pool keeps on hold after use is where it is meant to be. */
static bool is_trouble(const struct gpu_device *device)
{
    return device->health == GPU_QUARANTINED && device->health_cause->code != CAUSE_GPU_ON_HOLD;
}

/* A card before its partitions, which are quarantined with it and not told again. */
static void find_quarantined(struct troubles *troubles, const struct record *inventory)
{
    const char *node = inventory->key.name;
    VEC_EACH(&inventory->inventory->gpus, gpu) {
        const struct gpu_slot slot = {.address = gpu->address};
        struct gpu_device device;
        if (!gpu_device_find(inventory->inventory, &slot, &device) || !is_trouble(&device)) {
            continue;
        }
        struct trouble *trouble =
            gpu_trouble_add(troubles, TROUBLE_GPU_QUARANTINED, node, &slot, "gpu-release");
        if (trouble) {
            trouble->cause = *device.health_cause;
        }
    }
    VEC_EACH(&inventory->inventory->partitions, part) {
        const struct gpu_slot card = {.address = part->slot.address};
        struct gpu_device device, whole;
        if (!gpu_device_find(inventory->inventory, &part->slot, &device) || !is_trouble(&device) ||
            (gpu_device_find(inventory->inventory, &card, &whole) &&
             whole.health == GPU_QUARANTINED)) {
            continue;
        }
        struct trouble *trouble =
            gpu_trouble_add(troubles, TROUBLE_GPU_QUARANTINED, node, &part->slot, "gpu-release");
        if (trouble) {
            trouble->cause = *device.health_cause;
        }
    }
}

/* Whose VM suffers from it. */
static void tell_holder(struct trouble *trouble, const struct world *world, const char *node,
                        struct pci_address address)
{
    const char *vm = card_holder_of(world, node, address);
    if (vm) {
        (void)copy_text(trouble->facts.who, sizeof(trouble->facts.who), vm);
    }
}

/* What is wrong with cards of pools, and still lets VMs run. */
static void find_unwell(struct troubles *troubles, const struct record *inventory)
{
    const struct world *world = troubles->call->world;
    const char *node = inventory->key.name;
    VEC_EACH(&inventory->inventory->gpus, gpu) {
        const struct gpu_slot slot = {.address = gpu->address};
        if (!pool_of(world, node, &slot)) {
            continue;
        }
        uint64_t errors = gpu->errors_fatal + gpu->errors_nonfatal;
        struct trouble *trouble =
            errors > 0 ? gpu_trouble_add(troubles, TROUBLE_GPU_ERRORS, node, &slot, NULL) : NULL;
        if (trouble) {
            trouble->facts.count = errors;
            tell_holder(trouble, world, node, gpu->address);
        }
        trouble = gpu_link_is_narrow(gpu)
                      ? gpu_trouble_add(troubles, TROUBLE_GPU_LINK, node, &slot, NULL)
                      : NULL;
        if (trouble) {
            trouble->facts.have = gpu->link_width;
            trouble->facts.need = gpu->link_width_max;
            tell_holder(trouble, world, node, gpu->address);
        }
    }
}

static bool is_forced(const struct troubles *troubles, const struct pool_member *member)
{
    const struct dismount *dismount =
        world_dismount(troubles->call->world, member->node, member->slot.address);
    return dismount && dismount->is_forced;
}

/* In a pool, and not what a VM could get; 'inventory' is its node's. */
static void find_member(struct troubles *troubles, const struct record *pool,
                        const struct pool_member *member, const struct node_inventory *inventory)
{
    struct gpu_device device;
    struct trouble *trouble = NULL;
    if (!gpu_device_find(inventory, &member->slot, &device)) {
        trouble = gpu_trouble_add(troubles, TROUBLE_GPU_MISSING, member->node, &member->slot, NULL);
        char address[name_size];
        if (trouble) {
            trouble->hint = hint_make("pool-remove", pool->key.name, member->node,
                                      gpu_slot_format(&member->slot, address), NULL);
        }
    } else if (device.health != GPU_QUARANTINED && gpu_device_is_dismounted(&device) &&
               !gpu_device_may_be_assigned(&device, false) &&
               !gpu_device_may_be_assigned(&device, is_forced(troubles, member))) {
        trouble =
            gpu_trouble_add(troubles, TROUBLE_GPU_UNUSABLE, member->node, &member->slot, NULL);
        if (trouble) {
            trouble->cause = cause_told(CAUSE_NONE, device.verdict_detail);
        }
    }
    if (trouble) {
        (void)copy_text(trouble->facts.pool, sizeof(trouble->facts.pool), pool->key.name);
    }
}

/* If that is of its present life, and it is heard; else NULL. */
static const struct node_inventory *inventory_of(const struct api_view *view, const char *name)
{
    struct node_facts node;
    bool is_heard = node_facts(view, name, &node) && node.pulse == PULSE_ALIVE && node.inventory &&
                    node.inventory->incarnation == node.alive->incarnation;
    return is_heard ? node.inventory : NULL;
}

void troubles_find_gpus(struct troubles *troubles)
{
    const struct api_view *view = troubles->call->view;
    WORLD_EACH(view->world, RECORD_NODE_INVENTORY, each) {
        if (inventory_of(view, (*each)->key.name)) {
            find_quarantined(troubles, *each);
            find_unwell(troubles, *each);
        }
    }
    WORLD_EACH(view->world, RECORD_POOL, each) {
        const char *node = NULL;
        const struct node_inventory *inventory = NULL;
        VEC_EACH(&(*each)->pool->members, member) { /* sorted by node */
            if (!node || strcmp(node, member->node) != 0) {
                node = member->node;
                inventory = inventory_of(view, node);
            }
            if (inventory) {
                find_member(troubles, *each, member, inventory);
            }
        }
    }
}
