/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/cluster.h"

#include "model/aperture.h"
#include "plan/card.h"
#include "plan/leaving.h"
#include "plan/width.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_name(const void *name, const void *item)
{
    return strcmp(name, *(const char *const *)item);
}

static uint32_t find_name(const char *const *names, size_t len, const char *name)
{
    const char *const *found =
        len > 0 ? bsearch(name, names, len, sizeof(*names), compare_name) : NULL;
    return found ? (uint32_t)(found - names) : PLAN_NONE;
}

uint32_t plan_cluster_find_node(const struct plan_cluster *c, const char *name)
{
    return find_name(c->nodes.items, c->nodes.len, name);
}

uint32_t plan_cluster_find_vm(const struct plan_cluster *c, const char *name)
{
    return find_name(c->vms.items, c->vms.len, name);
}

struct gpu_hold plan_cluster_hold(const struct plan_cluster *c, uint32_t gpu)
{
    const struct plan_device *device = &c->devices.items[gpu];
    struct gpu_hold hold = {.slot = device->slot};
    (void)snprintf(hold.pool, sizeof(hold.pool), "%s", c->pools.items[device->pool]);
    return hold;
}

/* ---- pools ---- */

/* PLAN_NONE without memory. */
static uint32_t add_pool(struct plan_cluster *c, const char *name)
{
    const char **place = VEC_ADD(&c->pools);
    if (!place) {
        return PLAN_NONE;
    }
    *place = name;
    return plan_pool_add(c->model, name);
}

/* Pools come from the store and, last, from needs whose pool does not exist: few, so linear. */
static uint32_t pool_index(struct plan_cluster *c, const char *name)
{
    for (size_t i = 0; i < c->pools.len; i++) {
        if (strcmp(c->pools.items[i], name) == 0) {
            return (uint32_t)i;
        }
    }
    return add_pool(c, name);
}

static bool add_pools(struct plan_cluster *c)
{
    WORLD_EACH(c->world, RECORD_POOL, each) {
        if (add_pool(c, (*each)->key.name) == PLAN_NONE) {
            return false;
        }
    }
    return true;
}

/* ---- nodes and their GPUs ---- */

bool plan_cluster_is_down(const struct plan_cluster *c, const char *node, struct cause *ret_why)
{
    if (!c->options.is_up(c->options.context, node, ret_why)) {
        return true;
    }
    if (!world_has_hypervisor(c->world, node)) {
        *ret_why = cause_make(CAUSE_NODE_NO_HYPERVISOR, NULL, NULL, NULL);
        return true;
    }
    return false;
}

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

/* Cards through which a start failed since their node last wrote what it has: their quarantine is
 * on its way. */
static bool find_blamed(struct plan_cluster *c)
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

static bool add_gpu(struct plan_cluster *c, uint32_t node, const struct seat *seat, uint32_t card)
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
        .is_quarantined = card_is_refused(c, of, seat->member, &why) || is_blamed(c, seat->member),
    };
    struct plan_device *device = VEC_ADD(&c->devices);
    if (!device) {
        return false;
    }
    *device = (struct plan_device){node, seat->pool, seat->member->slot, false};
    return plan_gpu_add(c->model, &planned) != PLAN_NONE;
}

/* Those of 'node', the next one; '*at' is where its seats begin, or would. */
static bool add_gpus(struct plan_cluster *c, uint32_t node, const seats_t *seats, size_t *at)
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
        if (!add_gpu(c, node, seat, card)) {
            return false;
        }
    }
    return true;
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

static bool add_nodes(struct plan_cluster *c)
{
    uint64_t percent = world_settings(c->world)->cpu_percent;
    seats_t seats = {0};
    size_t at = 0;
    bool is_done = find_seats(c, &seats);
    WORLD_EACH(c->world, RECORD_NODE_INVENTORY, each) {
        uint32_t index;
        is_done = is_done && add_node(c, *each, percent, &index) && add_gpus(c, index, &seats, &at);
    }
    VEC_DONE(&seats);
    return is_done;
}

/* ---- VMs ---- */

/* What the question says of it; never NULL. */
static const struct plan_cluster_vm *question_of(const struct plan_cluster *c, const char *vm)
{
    static const struct plan_cluster_vm nothing = {0};
    for (size_t i = 0; i < c->options.vm_len; i++) {
        if (strcmp(c->options.vms[i].name, vm) == 0) {
            return &c->options.vms[i];
        }
    }
    return &nothing;
}

/* Those that are nodes here, as indices. */
static uint32_t find_owners(const struct plan_cluster *c, const struct vm_name *names, size_t len,
                            uint32_t ret[owners_max])
{
    uint32_t count = 0;
    for (size_t i = 0; i < len && count < owners_max; i++) {
        uint32_t node = plan_cluster_find_node(c, names[i].name);
        if (node != PLAN_NONE) {
            ret[count++] = node;
        }
    }
    return count;
}

/* Whether what 'node' is, whatever is free on it, allows 'spec'. */
static bool may_ever_take(const struct plan_cluster *c, const struct vm_spec *spec, bool is_tight,
                          const char *node)
{
    const struct node_label *missing;
    struct aperture_need need;
    return world_has_labels(c->world, node, spec->labels.items, spec->labels.len, &missing) &&
           width_has_page_size(c, spec, node) &&
           (!is_tight || aperture_fits(c->world, spec, node, &need));
}

/* The nodes that 'spec' allows by its owners, the labels that it demands and the addresses that it
 * needs; '*ret_is_all': it rules none out. The planner has labels, too, but only so many of them in
 * one cluster. */
static uint32_t find_possible(const struct plan_cluster *c, const struct vm_spec *spec,
                              uint32_t ret[owners_max], bool *ret_is_all)
{
    static_assert((int)owners_max >= (int)nodes_max, "all nodes fit");
    bool is_tight = width_is_tight(c, spec);
    uint32_t count = find_owners(c, spec->possible_owners.items, spec->possible_owners.len, ret);
    bool asks_size = spec->huge_page_kib == huge_page_default;
    *ret_is_all =
        spec->possible_owners.len == 0 && spec->labels.len == 0 && !is_tight && !asks_size;
    if (spec->labels.len == 0 && !is_tight && !asks_size) {
        return count;
    }
    if (spec->possible_owners.len == 0) {
        for (count = 0; count < c->nodes.len && count < owners_max; count++) {
            ret[count] = count;
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (may_ever_take(c, spec, is_tight, c->nodes.items[ret[i]])) {
            ret[kept++] = ret[i];
        }
    }
    return kept;
}

/* The label that no node has: to the planner no possible owner at all would mean that every node is
 * one. PLAN_NONE without memory. */
static uint32_t nowhere_label(struct plan_cluster *c)
{
    return plan_label_add(c->model, "possible owner");
}

static bool add_needs(struct plan_cluster *c, const struct vm_spec *spec, struct plan_vm *vm)
{
    for (uint32_t i = 0; i < spec->need_len; i++) {
        if (spec->needs[i].count == 0) {
            continue;
        }
        uint32_t pool = pool_index(c, spec->needs[i].pool);
        if (pool == PLAN_NONE) {
            return false;
        }
        vm->needs[vm->need_len++] = (struct plan_need){pool, spec->needs[i].count};
    }
    return true;
}

static bool add_vm(struct plan_cluster *c, const struct record *record, uint32_t nowhere)
{
    const struct vm_spec *spec = record->vm_spec;
    const struct plan_cluster_vm *question = question_of(c, record->key.name);
    const char *prefer_node = question->prefer_node;
    uint32_t preferred[owners_max + 1], possible[owners_max];
    uint32_t first = prefer_node ? plan_cluster_find_node(c, prefer_node) : PLAN_NONE;
    uint32_t preferred_len = 0;
    bool is_anywhere;
    if (first != PLAN_NONE) {
        preferred[preferred_len++] = first;
    }
    preferred_len += find_owners(c, spec->preferred_owners.items, spec->preferred_owners.len,
                                 &preferred[preferred_len]);
    struct plan_vm vm = {
        .name = record->key.name,
        .cpus = spec->cpus,
        .memory_mib = spec->memory_mib,
        .memory = memory_kind_of(spec->huge_page_kib, c->huge_default_kib),
        .priority = priority_of(&c->priorities, record),
        .is_pinned = question->is_pinned,
        .preferred = preferred,
        .preferred_len = preferred_len,
        .possible = possible,
        .possible_len = find_possible(c, spec, possible, &is_anywhere),
    };
    if (!is_anywhere && vm.possible_len == 0) {
        vm.labels = UINT64_C(1) << nowhere;
    }
    const char **place = VEC_ADD(&c->vms);
    if (!place) {
        return false;
    }
    *place = vm.name;
    return add_needs(c, spec, &vm) && plan_vm_add(c->model, &vm) != PLAN_NONE;
}

static bool relate(struct plan_cluster *c, uint32_t vm, const struct vm_name *names, size_t len,
                   enum plan_relation relation, bool is_enforced)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t other = plan_cluster_find_vm(c, names[i].name);
        if (other != PLAN_NONE && other != vm &&
            !plan_vm_relate(c->model, vm, other, relation, is_enforced)) {
            return false;
        }
    }
    return true;
}

/* The first device of 'node' that is 'slot', or where it would be. */
static uint32_t first_device(const struct plan_cluster *c, uint32_t node,
                             const struct gpu_slot *slot)
{
    uint32_t low = 0, high = (uint32_t)c->devices.len;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct plan_device *device = &c->devices.items[middle];
        bool is_before =
            device->node != node ? device->node < node : gpu_slot_compare(&device->slot, slot) < 0;
        low = is_before ? middle + 1 : low;
        high = is_before ? high : middle;
    }
    return low;
}

/* The devices that 'holds' names on 'node', as indices, held from now on. One that left its pool
 * has none. While changes are on their way two VMs may seem to hold one: the first has it here. */
static uint32_t hold_devices(struct plan_cluster *c, uint32_t node, const gpu_holds_t *holds,
                             uint32_t ret[gpus_per_vm_max])
{
    uint32_t len = 0;
    VEC_EACH(holds, hold) {
        for (uint32_t i = first_device(c, node, &hold->slot);
             i < c->devices.len && len < gpus_per_vm_max; i++) {
            struct plan_device *device = &c->devices.items[i];
            if (device->node != node || !gpu_slot_equal(&device->slot, &hold->slot)) {
                break;
            }
            if (!device->is_held) {
                device->is_held = true;
                ret[len++] = i;
            }
        }
    }
    return len;
}

/* What 'vm' has now. A VM that runs nowhere any more has nothing. */
static void put_vm(struct plan_cluster *c, uint32_t vm)
{
    const char *name = c->vms.items[vm];
    const struct record *record = c->options.placement(c->options.context, name);
    uint32_t gpus[gpus_per_vm_max];
    if (!record || record->placement->phase == PLACEMENT_NONE || question_of(c, name)->is_anew) {
        return;
    }
    const struct vm_placement *p = record->placement;
    uint32_t node = plan_cluster_find_node(c, p->node);
    uint32_t next = plan_cluster_find_node(c, p->next_node);
    if (node != PLAN_NONE) {
        plan_vm_put(c->model, vm, node, gpus, hold_devices(c, node, &p->gpus, gpus));
    }
    if (next != PLAN_NONE) {
        plan_vm_hold(c->model, vm, next, gpus, hold_devices(c, next, &p->next_gpus, gpus));
    }
}

static bool add_vms(struct plan_cluster *c)
{
    uint32_t nowhere = nowhere_label(c);
    if (nowhere == PLAN_NONE || !priority_inherit(c->world, &c->priorities)) {
        return false;
    }
    WORLD_EACH(c->world, RECORD_VM_SPEC, each) {
        if (!add_vm(c, *each, nowhere)) {
            return false;
        }
    }
    uint32_t vm = 0;
    WORLD_EACH(c->world, RECORD_VM_SPEC, again) {
        const struct vm_spec *spec = (*again)->vm_spec;
        if (!relate(c, vm, spec->together.items, spec->together.len, PLAN_TOGETHER,
                    spec->is_affinity_enforced) ||
            !relate(c, vm, spec->apart.items, spec->apart.len, PLAN_APART,
                    spec->is_apart_enforced)) {
            return false;
        }
        put_vm(c, vm++);
    }
    return true;
}

int plan_cluster_make(const struct world *world, const struct plan_cluster_options *options,
                      struct plan_cluster *ret)
{
    *ret = (struct plan_cluster){
        .world = world,
        .options = *options,
        .model = plan_model_new(&(struct plan_size){0}),
    };
    width_find(ret);
    return ret->model && add_pools(ret) && find_blamed(ret) && leaving_find(ret) &&
                   add_nodes(ret) && add_vms(ret)
               ? 0
               : -ENOMEM;
}

void plan_cluster_done(struct plan_cluster *c)
{
    c->model = plan_model_free(c->model);
    VEC_DONE(&c->pools);
    VEC_DONE(&c->nodes);
    VEC_DONE(&c->vms);
    VEC_DONE(&c->devices);
    VEC_DONE(&c->blamed);
    VEC_DONE(&c->leaving);
    VEC_DONE(&c->priorities);
}

/* ---- why not ---- */

/* The model says that it is paused: not by an administrator? Else '*why' stays. */
static void say_paused(const struct plan_cluster *c, const char *node, struct cause *why)
{
    const char *detail;
    if (world_is_quarantined(c->world, node)) {
        /* Without how long: reasons that change with time would be written again and again. */
        *why = cause_make(CAUSE_NODE_QUARANTINED, NULL, NULL, NULL);
    } else if (!world_has_space(c->world, node, &detail)) {
        *why = cause_make(CAUSE_NODE_NO_SPACE, NULL, NULL, detail);
    } else if (!world_has_gpus_ready(c->world, node, &detail)) {
        *why = cause_make(CAUSE_NODE_GPUS_UNREADY, NULL, NULL, detail);
    }
}

/* Not a possible owner: for want of a label, or of address bits? Else '*why' stays. */
static void say_not_owner(const struct plan_cluster *c, const char *vm, const char *node,
                          struct cause *why)
{
    const struct record *spec = world_find(c->world, RECORD_VM_SPEC, vm);
    const struct node_label *missing;
    struct aperture_need need;
    if (!spec || !vm_spec_may_run_on(spec->vm_spec, node)) {
        return;
    }
    if (!world_has_labels(c->world, node, spec->vm_spec->labels.items, spec->vm_spec->labels.len,
                          &missing)) {
        *why = (struct cause){.code = CAUSE_NO_LABEL};
        (void)snprintf(why->facts.label, sizeof(why->facts.label), "%s=%s", missing->key,
                       missing->value);
    } else if (!width_has_page_size(c, spec->vm_spec, node)) {
        *why = cause_make(CAUSE_PAGE_SIZE, NULL, NULL, NULL);
        why->facts.count = c->huge_default_kib;
    } else if (!aperture_fits(c->world, spec->vm_spec, node, &need)) {
        *why = aperture_cause(&need);
    }
}

/* What is wrong with the first bad card of the pool on 'node'; without one, '*why' stays. */
static void say_card(const struct plan_cluster *c, const char *node, struct cause *why)
{
    const struct record *record = world_find(c->world, RECORD_POOL, why->facts.pool);
    if (!record) {
        return;
    }
    VEC_EACH(&record->pool->members, member) {
        struct cause card = {0};
        if (strcmp(member->node, node) == 0 && card_is_refused(c, record->pool, member, &card)) {
            memcpy(card.facts.pool, why->facts.pool, sizeof(card.facts.pool));
            card.facts.need = why->facts.need;
            card.facts.have = why->facts.have;
            card.facts.total = why->facts.total;
            *why = card;
            return;
        }
    }
}

struct cause plan_cluster_why(const struct plan_cluster *c, const struct plan_request *request,
                              enum plan_wait wait, uint32_t vm, uint32_t node)
{
    const char *name = c->nodes.items[node];
    struct plan_reason reason = plan_explain(c->model, request, vm, node);
    if (reason.code == PLAN_FITS && wait == PLAN_WAIT_RESERVE) {
        reason.code = PLAN_BREAKS_RESERVE;
        reason.need = request->reserve;
    }
    if (reason.code == PLAN_NO_LABEL) {
        reason.code = PLAN_NOT_OWNER; /* there is only that one: nowhere_label() */
        reason.other = PLAN_NONE;
    }
    struct cause why = plan_reason_cause(c->model, &reason);
    if (reason.code == PLAN_NOT_OWNER) {
        say_not_owner(c, c->vms.items[vm], name, &why);
    } else if (reason.code == PLAN_NODE_PAUSED) {
        say_paused(c, name, &why);
    } else if (reason.code == PLAN_NODE_DOWN) {
        /* The model says that it is down, but not why. */
        (void)plan_cluster_is_down(c, name, &why);
    } else if (reason.code == PLAN_GPUS_QUARANTINED) {
        say_card(c, name, &why);
    }
    return why;
}
