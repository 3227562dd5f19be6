/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/cluster.h"

#include "model/aperture.h"
#include "plan/demand.h"
#include "plan/hosts.h"
#include "plan/leaving.h"
#include "plan/width.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

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

/* ---- VMs ---- */

/* By name; what is said first of a VM stays first. */
static int compare_questions(const void *a, const void *b)
{
    const struct plan_cluster_vm *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

static bool sort_questions(struct plan_cluster *c)
{
    if (!VEC_RESERVE(&c->questions, c->options.vm_len)) {
        return false;
    }
    for (size_t i = 0; i < c->options.vm_len; i++) {
        c->questions.items[c->questions.len++] = &c->options.vms[i];
    }
    if (c->questions.len > 0) {
        qsort(c->questions.items, c->questions.len, sizeof(*c->questions.items), compare_questions);
    }
    return true;
}

/* What the question says of it; never NULL. */
static const struct plan_cluster_vm *question_of(const struct plan_cluster *c, const char *vm)
{
    static const struct plan_cluster_vm nothing = {0};
    size_t place = VEC_BISECT(&c->questions, each, strcmp((*each)->name, vm) < 0);
    bool is_there = place < c->questions.len && strcmp(c->questions.items[place]->name, vm) == 0;
    return is_there ? c->questions.items[place] : &nothing;
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
    struct cause why;
    return world_has_labels(c->world, node, spec->labels.items, spec->labels.len, &missing) &&
           demand_is_met(c, spec, node, &why) && width_has_page_size(c, spec, node) &&
           (!is_tight || aperture_fits(c->world, spec, node, &need));
}

/* The nodes that 'spec' allows by its owners, the labels and what else it demands and the addresses
 * that it needs; '*ret_is_all': it rules none out. The planner has labels, too, but only so many of
 * them in one cluster. */
static uint32_t find_possible(const struct plan_cluster *c, const struct vm_spec *spec,
                              uint32_t ret[owners_max], bool *ret_is_all)
{
    static_assert((int)owners_max >= (int)nodes_max, "all nodes fit");
    bool is_tight = width_is_tight(c, spec);
    uint32_t count = find_owners(c, spec->possible_owners.items, spec->possible_owners.len, ret);
    bool asks_more = spec->labels.len > 0 || is_tight || spec->huge_page_kib == huge_page_default ||
                     !demand_is_met_everywhere(c, spec);
    *ret_is_all = spec->possible_owners.len == 0 && !asks_more;
    if (!asks_more) {
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
    if (!record || record->placement->phase == PLACEMENT_NONE ||
        question_of(c, name)->is_new_place) {
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
    return ret->model && sort_questions(ret) && demand_find(ret) && add_pools(ret) &&
                   hosts_find_blamed(ret) && leaving_find(ret) && hosts_add(ret) && add_vms(ret)
               ? 0
               : -ENOMEM;
}

void plan_cluster_done(struct plan_cluster *c)
{
    c->model = plan_model_free(c->model);
    VEC_DONE(&c->questions);
    VEC_DONE(&c->pools);
    VEC_DONE(&c->nodes);
    VEC_DONE(&c->vms);
    VEC_DONE(&c->devices);
    VEC_DONE(&c->blamed);
    VEC_DONE(&c->leaving);
    VEC_DONE(&c->priorities);
    VEC_DONE(&c->common.networks);
}
