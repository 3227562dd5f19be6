/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/hosts.h"

#include "model/fabric.h"
#include "plan/card.h"
#include "plan/leaving.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static enum plan_mode mode_of(const struct plan_cluster *c, const char *node)
{
    struct cause why;
    const struct record *spec = world_find(c->world, RECORD_NODE_SPEC, node);
    if (plan_cluster_is_down(c, node, &why)) {
        return PLAN_DOWN;
    }
    if (world_is_going_down(c->world, node)) {
        return world_is_vacated(c->world, node) ? PLAN_DRAIN : PLAN_PAUSED;
    }
    switch (spec ? spec->node_spec->mode : NODE_ACTIVE) {
    case NODE_ACTIVE:
        return world_is_quarantined(c->world, node) || !world_has_space(c->world, node, NULL) ||
                       !world_has_gpus_ready(c->world, node, NULL)
                   ? PLAN_PAUSED
                   : PLAN_ACTIVE;
    case NODE_PAUSED:
        return PLAN_PAUSED;
    case NODE_DRAIN:
        return PLAN_DRAIN;
    }
    return PLAN_DOWN;
}

bool hosts_find_blamed(struct plan_cluster *c)
{
    WORLD_EACH(c->world, RECORD_VM_STATUS, each) {
        const struct vm_status *status = (*each)->status;
        if (!status->has_culprit || status->state != VM_STATE_FAILED) {
            continue;
        }
        const struct record *inventory = world_find(c->world, RECORD_NODE_INVENTORY, status->node);
        if (inventory && (*each)->revision > inventory->revision) {
            const struct vm_status **place = VEC_ADD(&c->blamed);
            if (!place) {
                return false;
            }
            *place = status;
        }
    }
    return true;
}

static bool is_blamed(const struct plan_cluster *c, const struct pool_member *member)
{
    VEC_EACH(&c->blamed, status) {
        if (strcmp((*status)->node, member->node) == 0 &&
            gpu_slot_equal(&(*status)->culprit, &member->slot)) {
            return true;
        }
    }
    return false;
}

/* ---- cards ---- */

/* A member of a pool. */
struct seat {
    const struct pool_member *member;
    uint32_t pool;
};
typedef VEC(struct seat) seats_t;

static int compare_seats(const void *a, const void *b)
{
    const struct seat *x = a, *y = b;
    int order = strcmp(x->member->node, y->member->node);
    order = order != 0 ? order : gpu_slot_compare(&x->member->slot, &y->member->slot);
    return order != 0 ? order : (x->pool > y->pool) - (x->pool < y->pool);
}

/* All of all pools, by node and slot; VEC_DONE them in either case. */
static bool find_seats(const struct plan_cluster *c, seats_t *ret)
{
    uint32_t pool = 0; /* the world's pools come first, in its order */
    WORLD_EACH(c->world, RECORD_POOL, each) {
        VEC_EACH(&(*each)->pool->members, member) {
            struct seat *seat = VEC_ADD(ret);
            if (!seat) {
                return false;
            }
            *seat = (struct seat){member, pool};
        }
        pool++;
    }
    if (ret->len > 0) {
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_seats);
    }
    return true;
}

static bool add_gpu(struct plan_cluster *c, const struct node_inventory *inventory, uint32_t node,
                    const struct seat *seat, uint32_t card)
{
    struct cause why;
    const struct pool *of = c->world->records[RECORD_POOL].items[seat->pool]->pool;
    const struct pci_address address = seat->member->slot.address;
    const struct gpu *gpu = world_gpu(c->world, seat->member->node, address);
    struct plan_gpu planned = {
        .pool = seat->pool,
        .card = card,
        .position = (uint32_t)address.domain << 16 | (uint32_t)address.bus << 8 |
                    (uint32_t)address.slot << 3 | address.function,
        .numa = gpu ? gpu->numa_node : -1,
        .is_partition = seat->member->slot.partition[0] != '\0',
        .is_on_fabric = seat->member->slot.partition[0] == '\0' && fabric_rules(inventory, address),
        .is_quarantined = card_is_refused(c, of, seat->member, &why) || is_blamed(c, seat->member),
    };
    struct plan_device *device = VEC_ADD(&c->devices);
    if (!device) {
        return false;
    }
    *device = (struct plan_device){node, seat->pool, seat->member->slot, false};
    return plan_gpu_add(c->model, &planned) != PLAN_NONE;
}

/* PLAN_NONE: it is in no pool, or in another. The devices of 'node' are the last ones. */
static uint32_t find_whole(const struct plan_cluster *c, uint32_t node, uint32_t pool,
                           struct pci_address address)
{
    for (size_t i = c->devices.len; i-- > 0 && c->devices.items[i].node == node;) {
        const struct plan_device *device = &c->devices.items[i];
        if (device->slot.partition[0] == '\0' && device->pool == pool &&
            pci_address_compare(device->slot.address, address) == 0) {
            return (uint32_t)i;
        }
    }
    return PLAN_NONE;
}

/* A set that is not all in one pool is none. */
static bool add_sets(struct plan_cluster *c, const struct node_inventory *inventory, uint32_t node)
{
    VEC_EACH(&inventory->fabric_sets, set) {
        uint32_t gpus[gpus_per_vm_max], len = 0;
        for (uint32_t pool = 0; pool < c->pools.len && set->gpu_len > 1; pool++) {
            for (len = 0; len < set->gpu_len; len++) {
                gpus[len] = find_whole(c, node, pool, set->gpus[len]);
                if (gpus[len] == PLAN_NONE) {
                    break;
                }
            }
            if (len == set->gpu_len && plan_set_add(c->model, gpus, len) == PLAN_NONE) {
                return false;
            }
        }
    }
    return true;
}

/* Those of 'node', the next one; '*at' is where its seats begin, or would. */
static bool add_gpus(struct plan_cluster *c, const struct node_inventory *inventory, uint32_t node,
                     const seats_t *seats, size_t *at)
{
    const char *name = c->nodes.items[node];
    uint32_t card = 0;
    while (*at < seats->len && strcmp(seats->items[*at].member->node, name) < 0) {
        (*at)++; /* of a node that wrote no inventory yet */
    }
    for (size_t first = *at; *at < seats->len && strcmp(seats->items[*at].member->node, name) == 0;
         (*at)++) {
        const struct seat *seat = &seats->items[*at];
        card += *at > first &&
                pci_address_compare(seat->member->slot.address, seat[-1].member->slot.address) != 0;
        if (!add_gpu(c, inventory, node, seat, card)) {
            return false;
        }
    }
    return add_sets(c, inventory, node);
}

static bool add_node(struct plan_cluster *c, const struct record *record, uint64_t cpu_percent,
                     uint32_t *ret)
{
    const struct node_inventory *inventory = record->inventory;
    struct plan_node node = {
        .name = record->key.name,
        .mode = mode_of(c, record->key.name),
        .cpus = (uint32_t)(inventory->cpus * cpu_percent / 100),
        .memory_mib = inventory->memory_mib,
    };
    for (uint32_t kind = MEMORY_2M; kind < memory_kinds; kind++) {
        node.huge_mib[kind] = memory_of_kind(inventory, (enum memory_kind)kind);
    }
    leaving_take(c, &node);
    const char **place = VEC_ADD(&c->nodes);
    if (!place) {
        return false;
    }
    *place = node.name;
    *ret = plan_node_add(c->model, &node);
    return *ret != PLAN_NONE;
}

bool hosts_add(struct plan_cluster *c)
{
    uint64_t percent = world_settings(c->world)->cpu_percent;
    seats_t seats = {0};
    size_t at = 0;
    assert(c->pools.len >= c->world->records[RECORD_POOL].len); /* a seat names them by index */
    bool is_done = find_seats(c, &seats);
    WORLD_EACH(c->world, RECORD_NODE_INVENTORY, each) {
        uint32_t index;
        is_done = is_done && add_node(c, *each, percent, &index) &&
                  add_gpus(c, (*each)->inventory, index, &seats, &at);
    }
    VEC_DONE(&seats);
    return is_done;
}
