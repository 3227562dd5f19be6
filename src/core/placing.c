/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store's records as the planner's model, and its plan as places with device names. The model is
 * built anew for each decision: it is small, and nothing can be forgotten in it.
 */
#include "core/internal.h"

#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an index of the model stands for. */
struct device {
    uint32_t node;
    struct gpu_slot slot;
    uint32_t pool;
    bool is_held; /* by a VM that was put into the model */
};

struct table {
    struct plan_model *model;
    VEC(const char *) pools; /* by index */
    VEC(const char *) nodes; /* sorted */
    VEC(const char *) vms;   /* sorted */
    VEC(struct device) devices; /* by index: by node, address, partition */
    VEC(const struct vm_status *) blamed;
};

#define ADD(vec, value)                                                                            \
    do {                                                                                           \
        __typeof__((vec)->items) place_ = VEC_ADD(vec);                                            \
        if (!place_) {                                                                             \
            core_out_of_memory();                                                                  \
        }                                                                                          \
        *place_ = (value);                                                                         \
    } while (0)

static uint32_t checked(uint32_t index)
{
    if (index == PLAN_NONE) {
        core_out_of_memory();
    }
    return index;
}

static uint32_t find_name(const char *const *names, size_t len, const char *name)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names[middle], name);
        if (order == 0) {
            return (uint32_t)middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return PLAN_NONE;
}

static uint32_t find_node(const struct table *t, const char *name)
{
    return find_name(t->nodes.items, t->nodes.len, name);
}

static uint32_t find_vm(const struct table *t, const char *name)
{
    return find_name(t->vms.items, t->vms.len, name);
}

/* Pools come from the store and, last, from needs whose pool does not exist: few, so linear. */
static uint32_t pool_index(struct table *t, const char *name)
{
    for (size_t i = 0; i < t->pools.len; i++) {
        if (strcmp(t->pools.items[i], name) == 0) {
            return (uint32_t)i;
        }
    }
    ADD(&t->pools, name);
    return checked(plan_pool_add(t->model, name));
}

/* ---- nodes and their GPUs ---- */

static enum plan_mode mode_of(const struct core *core, const char *node)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, node);
    if (!coordinator_is_up(core, node) || !coordinator_has_hypervisor(core, node) ||
        flapping_is_quarantined(core, node)) {
        return PLAN_DOWN;
    }
    switch (spec ? spec->node_spec->mode : NODE_ACTIVE) {
    case NODE_ACTIVE:
        return PLAN_ACTIVE;
    case NODE_PAUSED:
        return PLAN_PAUSED;
    case NODE_DRAIN:
        return PLAN_DRAIN;
    }
    return PLAN_DOWN;
}

/* Cards through which a start failed since their node last wrote what it has: their quarantine is
 * on its way. */
static void find_blamed(const struct core *core, struct table *t)
{
    WORLD_EACH(&core->world, RECORD_VM_STATUS, each)
    {
        const struct vm_status *status = (*each)->status;
        if (!status->has_culprit || status->state != VM_STATE_FAILED) {
            continue;
        }
        const struct record *inventory =
            world_find(&core->world, RECORD_NODE_INVENTORY, status->node);
        if (inventory && (*each)->revision > inventory->revision) {
            ADD(&t->blamed, status);
        }
    }
}

static bool is_blamed(const struct table *t, const struct pool_member *member)
{
    VEC_EACH(&t->blamed, status) {
        if (strcmp((*status)->node, member->node) == 0 &&
            pci_address_compare((*status)->culprit, member->slot.address) == 0) {
            return true;
        }
    }
    return false;
}

/* A member that can be handed out: the card that was meant, healthy, and in vfio-pci's hands. */
static bool is_usable(const struct core *core, const struct table *t,
                      const struct pool_member *member)
{
    char why[reason_size];
    return !refusal_of_card(core, member, why, sizeof(why)) && !is_blamed(t, member);
}

static int compare_members(const void *a, const void *b)
{
    const struct pool_member *const *x = a, *const *y = b;
    int order = pci_address_compare((*x)->slot.address, (*y)->slot.address);
    return order != 0 ? order : strcmp((*x)->slot.partition, (*y)->slot.partition);
}

static uint32_t pool_of(const struct core *core, struct table *t, const struct pool_member *member)
{
    WORLD_EACH(&core->world, RECORD_POOL, each)
    {
        const struct pool *pool = (*each)->pool;
        if (member >= pool->members.items && member < pool->members.items + pool->members.len) {
            return pool_index(t, (*each)->key.name);
        }
    }
    return PLAN_NONE;
}

static void add_gpus(const struct core *core, struct table *t, uint32_t node)
{
    VEC(const struct pool_member *) members = {0};
    WORLD_EACH(&core->world, RECORD_POOL, each)
    {
        VEC_EACH(&(*each)->pool->members, member) {
            if (strcmp(member->node, t->nodes.items[node]) == 0) {
                ADD(&members, member);
            }
        }
    }
    if (members.len > 0) {
        qsort(members.items, members.len, sizeof(*members.items), compare_members);
    }
    uint32_t card = 0;
    for (size_t i = 0; i < members.len; i++) {
        const struct pool_member *member = members.items[i];
        const struct gpu *gpu = world_gpu(&core->world, member->node, member->slot.address);
        if (i > 0 && pci_address_compare(member->slot.address,
                                         members.items[i - 1]->slot.address) != 0) {
            card++;
        }
        struct plan_gpu planned = {
            .pool = pool_of(core, t, member),
            .card = card,
            .position = (uint32_t)member->slot.address.domain << 16 |
                        (uint32_t)member->slot.address.bus << 8 |
                        (uint32_t)member->slot.address.slot << 3 | member->slot.address.function,
            .numa = gpu ? gpu->numa_node : -1,
            .is_partition = member->slot.partition[0] != '\0',
            .is_quarantined = !is_usable(core, t, member),
        };
        (void)checked(plan_gpu_add(t->model, &planned));
        ADD(&t->devices, ((struct device){node, member->slot, planned.pool, false}));
    }
    VEC_DONE(&members);
}

static void add_nodes(const struct core *core, struct table *t)
{
    WORLD_EACH(&core->world, RECORD_NODE_INVENTORY, each)
    {
        const struct record *record = *each;
        struct plan_node node = {
            .name = record->key.name,
            .mode = mode_of(core, record->key.name),
            .cpus = (uint32_t)((uint64_t)record->inventory->cpus *
                               world_settings(&core->world)->cpu_percent / 100),
            .memory_mib = record->inventory->memory_mib,
        };
        ADD(&t->nodes, node.name);
        add_gpus(core, t, checked(plan_node_add(t->model, &node)));
    }
}

/* ---- VMs ---- */

static const struct placing *find_request(const struct placing *requests, size_t len,
                                          const char *vm)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(requests[i].spec->key.name, vm) == 0) {
            return &requests[i];
        }
    }
    return NULL;
}

static size_t owner_indices(const struct table *t, const struct vm_name *names, size_t len,
                            uint32_t *ret, size_t ret_len)
{
    for (size_t i = 0; i < len && ret_len < owners_max; i++) {
        uint32_t node = find_node(t, names[i].name);
        if (node != PLAN_NONE) {
            ret[ret_len++] = node;
        }
    }
    return ret_len;
}

static void add_vm(struct table *t, const struct record *record, const struct placing *request)
{
    const struct vm_spec *spec = record->vm_spec;
    uint32_t preferred[owners_max + 1], possible[owners_max];
    size_t preferred_len = 0;
    if (request && request->prefer_node) {
        struct vm_name name = {0};
        (void)snprintf(name.name, sizeof(name.name), "%s", request->prefer_node);
        preferred_len = owner_indices(t, &name, 1, preferred, 0);
    }
    preferred_len = owner_indices(t, spec->preferred_owners.items, spec->preferred_owners.len,
                                  preferred, preferred_len);
    size_t possible_len =
        owner_indices(t, spec->possible_owners.items, spec->possible_owners.len, possible, 0);
    struct plan_vm vm = {
        .name = record->key.name,
        .cpus = spec->cpus,
        .memory_mib = spec->memory_mib,
        .priority = spec->priority,
        .preferred = preferred,
        .preferred_len = (uint32_t)preferred_len,
        .possible = possible,
        .possible_len = (uint32_t)possible_len,
    };
    for (uint32_t i = 0; i < spec->need_len; i++) {
        if (spec->needs[i].count > 0) {
            vm.needs[vm.need_len].pool = pool_index(t, spec->needs[i].pool);
            vm.needs[vm.need_len++].count = spec->needs[i].count;
        }
    }
    (void)checked(plan_vm_add(t->model, &vm));
    ADD(&t->vms, record->key.name);
}

static void relate(struct table *t, const struct record *record)
{
    const struct vm_spec *spec = record->vm_spec;
    uint32_t vm = find_vm(t, record->key.name);
    bool is_told = true;
    VEC_EACH(&spec->together, other) {
        uint32_t index = find_vm(t, other->name);
        is_told &= index == PLAN_NONE || index == vm ||
                   plan_vm_relate(t->model, vm, index, PLAN_TOGETHER, spec->is_affinity_enforced);
    }
    VEC_EACH(&spec->apart, other) {
        uint32_t index = find_vm(t, other->name);
        is_told &= index == PLAN_NONE || index == vm ||
                   plan_vm_relate(t->model, vm, index, PLAN_APART, spec->is_apart_enforced);
    }
    if (!is_told) {
        core_out_of_memory();
    }
}

/* The devices that 'holds' names on 'node', as indices, which count as held from now on. One that
 * left its pool has none. Two VMs may seem to hold one while changes are on their way, of which the
 * store will refuse one: then it is the first one's here. */
static uint32_t hold_devices(struct table *t, uint32_t node, const gpu_holds_t *holds,
                               uint32_t *ret)
{
    uint32_t len = 0;
    for (uint32_t i = 0; i < t->devices.len && len < gpus_per_vm_max; i++) {
        struct device *device = &t->devices.items[i];
        VEC_EACH(holds, hold) {
            if (device->node == node && !device->is_held && gpu_slot_equal(&device->slot, &hold->slot)) {
                device->is_held = true;
                ret[len++] = i;
                break;
            }
        }
    }
    return len;
}

/* What 'vm' has now. A VM that runs nowhere any more has nothing. */
static void put_vm(const struct core *core, struct table *t, uint32_t vm,
                   const struct placing *request)
{
    const struct record *record = recover_placement(core, t->vms.items[vm]);
    uint32_t gpus[gpus_per_vm_max];
    if (!record || record->placement->phase == PLACEMENT_NONE || (request && !request->is_moving)) {
        return;
    }
    const struct vm_placement *p = record->placement;
    uint32_t node = find_node(t, p->node), next = find_node(t, p->next_node);
    if (node != PLAN_NONE) {
        plan_vm_put(t->model, vm, node, gpus, hold_devices(t, node, &p->gpus, gpus));
    }
    if (next != PLAN_NONE) {
        plan_vm_hold(t->model, vm, next, gpus, hold_devices(t, next, &p->next_gpus, gpus));
    }
}

static void build(const struct core *core, struct table *t, const struct placing *requests,
                  size_t len)
{
    t->model = plan_model_new(&(struct plan_size){0});
    if (!t->model) {
        core_out_of_memory();
    }
    WORLD_EACH(&core->world, RECORD_POOL, pool)
    {
        (void)pool_index(t, (*pool)->key.name);
    }
    find_blamed(core, t);
    add_nodes(core, t);
    WORLD_EACH(&core->world, RECORD_VM_SPEC, each)
    {
        add_vm(t, *each, find_request(requests, len, (*each)->key.name));
    }
    WORLD_EACH(&core->world, RECORD_VM_SPEC, again)
    {
        relate(t, *again);
        put_vm(core, t, find_vm(t, (*again)->key.name),
               find_request(requests, len, (*again)->key.name));
    }
}

static void table_done(struct table *t)
{
    t->model = plan_model_free(t->model);
    VEC_DONE(&t->pools);
    VEC_DONE(&t->nodes);
    VEC_DONE(&t->vms);
    VEC_DONE(&t->devices);
    VEC_DONE(&t->blamed);
}

/* ---- the answer ---- */

static void take_placement(const struct table *t, const struct plan *plan,
                           const struct plan_placement *placement, struct placing *request)
{
    request->is_placed = true;
    (void)snprintf(request->node, sizeof(request->node), "%s", t->nodes.items[placement->node]);
    for (uint32_t i = 0; i < placement->gpu_len; i++) {
        const struct device *device =
            &t->devices.items[plan->gpus.items[placement->gpu_first + i]];
        struct gpu_hold hold = {.slot = device->slot};
        (void)snprintf(hold.pool, sizeof(hold.pool), "%s", t->pools.items[device->pool]);
        ADD(&request->gpus, hold);
    }
}

static void take_reasons(const struct core *core, const struct table *t,
                         const struct plan_request *plan_request,
                         const struct plan_waiting *waiting, struct placing *request)
{
    for (uint32_t node = 0; node < t->nodes.len && node < reasons_max; node++) {
        struct plan_reason why = plan_explain(t->model, plan_request, waiting->vm, node);
        if (why.code == PLAN_FITS && waiting->why == PLAN_WAIT_RESERVE) {
            why.code = PLAN_BREAKS_RESERVE;
            why.need = plan_request->reserve;
        }
        struct reason reason = {0};
        (void)snprintf(reason.node, sizeof(reason.node), "%s", t->nodes.items[node]);
        if (why.code == PLAN_NODE_DOWN) {
            refusal_of_node(core, reason.node, reason.text, sizeof(reason.text));
        } else {
            (void)plan_reason_text(t->model, &why, reason.text, sizeof(reason.text));
        }
        if (why.code == PLAN_GPUS_QUARANTINED) {
            refusal_of_cards(core, t->pools.items[why.pool], reason.node, reason.text,
                             sizeof(reason.text));
        }
        ADD(&request->reasons, reason);
    }
}

struct avoids {
    VEC(struct plan_avoid) list;
};

static void avoid(const struct table *t, const struct placing *request, uint32_t vm,
                  struct avoids *avoids)
{
    const struct vm_spec *spec = request->spec->vm_spec;
    uint32_t owners[owners_max];
    bool has_no_owner = spec->possible_owners.len > 0 &&
                        owner_indices(t, spec->possible_owners.items, spec->possible_owners.len,
                                      owners, 0) == 0;
    for (uint32_t node = 0; node < t->nodes.len; node++) {
        bool is_other =
            has_no_owner ||
            (request->only_node && strcmp(t->nodes.items[node], request->only_node) != 0);
        bool is_avoided =
            request->avoid_node && strcmp(t->nodes.items[node], request->avoid_node) == 0;
        if (is_other || is_avoided) {
            ADD(&avoids->list, ((struct plan_avoid){vm, node, is_other}));
        }
    }
}

static void take_evictions(const struct table *t, const struct plan *plan, evictions_t *ret)
{
    VEC_EACH(&plan->evictions, eviction) {
        struct eviction copy = {0};
        (void)snprintf(copy.vm, sizeof(copy.vm), "%s", t->vms.items[eviction->vm]);
        (void)snprintf(copy.node, sizeof(copy.node), "%s", t->nodes.items[eviction->node]);
        (void)snprintf(copy.by, sizeof(copy.by), "%s", t->vms.items[eviction->by]);
        ADD(ret, copy);
    }
}

void placing_plan(struct core *core, struct placing *requests, size_t len,
                  bool may_refuse_for_reserve, evictions_t *ret_evictions)
{
    const struct cluster_settings *settings = world_settings(&core->world);
    struct table t = {0};
    struct avoids avoids = {0};
    struct plan plan = {0};
    VEC(uint32_t) vms = {0};
    build(core, &t, requests, len);
    for (size_t i = 0; i < len; i++) {
        uint32_t vm = find_vm(&t, requests[i].spec->key.name);
        ADD(&vms, vm);
        avoid(&t, &requests[i], vm, &avoids);
    }
    struct plan_request request = {
        .vms = vms.items,
        .vm_len = (uint32_t)vms.len,
        .avoid = avoids.list.items,
        .avoid_len = (uint32_t)avoids.list.len,
        .may_preempt = ret_evictions != NULL,
        .reserve = may_refuse_for_reserve && settings->reserve_policy == RESERVE_REFUSE
                       ? settings->reserve
                       : 0,
    };
    if (plan_place(t.model, &request, &plan) < 0) {
        core_out_of_memory();
    }
    for (size_t i = 0; i < len; i++) {
        VEC_EACH(&plan.placements, placement) {
            if (placement->vm == vms.items[i]) {
                take_placement(&t, &plan, placement, &requests[i]);
            }
        }
        VEC_EACH(&plan.waiting, waiting) {
            if (waiting->vm == vms.items[i]) {
                take_reasons(core, &t, &request, waiting, &requests[i]);
            }
        }
    }
    if (ret_evictions) {
        take_evictions(&t, &plan, ret_evictions);
    }
    plan_done(&plan);
    VEC_DONE(&vms);
    VEC_DONE(&avoids.list);
    table_done(&t);
}

void placing_done(struct placing *request)
{
    VEC_DONE(&request->gpus);
    VEC_DONE(&request->reasons);
}
