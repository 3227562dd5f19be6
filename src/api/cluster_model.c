/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/cluster_model.h"

#include <stdio.h>
#include <string.h>

static uint32_t find_name(const names_t *names, const char *name)
{
    for (size_t i = 0; i < names->len; i++) {
        if (strcmp(names->items[i], name) == 0) {
            return (uint32_t)i;
        }
    }
    return PLAN_NONE;
}

uint32_t cluster_model_node(const struct cluster_model *model, const char *name)
{
    return find_name(&model->nodes, name);
}

uint32_t cluster_model_vm(const struct cluster_model *model, const char *name)
{
    uint32_t low = 0, high = plan_vm_count(model->model);
    while (low < high) { /* added in the order of their names */
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(plan_vm_name(model->model, middle), name);
        if (order == 0) {
            return middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return PLAN_NONE;
}

/* Adds the name if it is new; its index. */
static uint32_t pool_index(struct cluster_model *m, const char *name)
{
    uint32_t index = find_name(&m->pools, name);
    const char **place = index == PLAN_NONE ? VEC_ADD(&m->pools) : NULL;
    if (!place) {
        return index;
    }
    *place = name;
    return plan_pool_add(m->model, name);
}

/* ---- nodes and GPUs ---- */

static bool has_hypervisor(const struct node_inventory *inventory)
{
    VEC_EACH(&inventory->checks, check) {
        if (strcmp(check->name, "hypervisor") == 0) {
            return check->is_ok;
        }
    }
    return true;
}

static enum plan_mode mode_of(const struct node_facts *node)
{
    if (node->pulse != PULSE_ALIVE || node->state == NODE_STATE_FENCED ||
        !has_hypervisor(node->inventory)) {
        return PLAN_DOWN;
    }
    switch (node->spec->mode) {
    case NODE_ACTIVE:
        return PLAN_ACTIVE;
    case NODE_PAUSED:
        return PLAN_PAUSED;
    case NODE_DRAIN:
        return PLAN_DRAIN;
    }
    return PLAN_DOWN;
}

static bool add_gpus(const struct api_view *view, struct cluster_model *m,
                     const struct node_facts *node)
{
    uint32_t card = 0;
    VEC_EACH(&node->inventory->gpus, gpu) {
        const struct gpu_slot slot = {.address = gpu->address};
        const struct record *pool = pool_of(view->world, node->name, &slot);
        if (!pool) {
            continue;
        }
        struct plan_gpu planned = {
            .pool = pool_index(m, pool->key.name),
            .card = card++,
            .position = (uint32_t)gpu->address.domain << 16 | (uint32_t)gpu->address.bus << 8 |
                        (uint32_t)gpu->address.slot << 3 | gpu->address.function,
            .numa = gpu->numa_node,
            .is_quarantined = gpu->health == GPU_QUARANTINED || !gpu_is_dismounted(gpu),
        };
        struct gpu_slot *place = VEC_ADD(&m->devices);
        if (!place || planned.pool == PLAN_NONE || plan_gpu_add(m->model, &planned) == PLAN_NONE) {
            return false;
        }
        *place = slot;
    }
    return true;
}

static bool add_nodes(const struct api_view *view, struct cluster_model *m)
{
    WORLD_EACH(view->world, RECORD_NODE_INVENTORY, each) {
        struct node_facts facts;
        (void)node_facts(view, (*each)->key.name, &facts);
        struct plan_node node = {
            .name = facts.name,
            .mode = mode_of(&facts),
            .cpus = (uint32_t)((uint64_t)facts.inventory->cpus *
                               world_settings(view->world)->cpu_percent / 100),
            .memory_mib = facts.inventory->memory_mib,
        };
        const char **place = VEC_ADD(&m->nodes);
        if (!place || plan_node_add(m->model, &node) == PLAN_NONE || !add_gpus(view, m, &facts)) {
            return false;
        }
        *place = facts.name;
    }
    return true;
}

/* ---- VMs ---- */

static uint32_t owners(const struct cluster_model *m, const struct vm_name *names, size_t len,
                       uint32_t *ret)
{
    uint32_t count = 0;
    for (size_t i = 0; i < len && count < owners_max; i++) {
        uint32_t node = cluster_model_node(m, names[i].name);
        if (node != PLAN_NONE) {
            ret[count++] = node;
        }
    }
    return count;
}

static bool add_vm(struct cluster_model *m, const struct record *record)
{
    const struct vm_spec *spec = record->vm_spec;
    uint32_t preferred[owners_max], possible[owners_max];
    struct plan_vm vm = {
        .name = record->key.name,
        .cpus = spec->cpus,
        .memory_mib = spec->memory_mib,
        .priority = spec->priority,
        .preferred = preferred,
        .preferred_len =
            owners(m, spec->preferred_owners.items, spec->preferred_owners.len, preferred),
        .possible = possible,
        .possible_len = owners(m, spec->possible_owners.items, spec->possible_owners.len, possible),
    };
    for (uint32_t i = 0; i < spec->need_len; i++) {
        vm.needs[vm.need_len].pool = pool_index(m, spec->needs[i].pool);
        vm.needs[vm.need_len++].count = spec->needs[i].count;
        if (vm.needs[i].pool == PLAN_NONE) {
            return false;
        }
    }
    return plan_vm_add(m->model, &vm) != PLAN_NONE;
}

static bool relate(struct cluster_model *m, uint32_t vm, const struct vm_name *names, size_t len,
                   enum plan_relation relation, bool is_enforced)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t other = cluster_model_vm(m, names[i].name);
        if (other != PLAN_NONE && other != vm &&
            !plan_vm_relate(m->model, vm, other, relation, is_enforced)) {
            return false;
        }
    }
    return true;
}

/* The devices of 'holds' on 'node', as indices. Devices stand node by node. */
static uint32_t held(const struct api_view *view, const struct cluster_model *m, uint32_t node,
                     const gpu_holds_t *holds, uint32_t *ret)
{
    uint32_t len = 0, device = 0;
    WORLD_EACH(view->world, RECORD_NODE_INVENTORY, each) {
        bool is_node = strcmp((*each)->key.name, m->nodes.items[node]) == 0;
        VEC_EACH(&(*each)->inventory->gpus, gpu) {
            if (device == m->devices.len ||
                pci_address_compare(m->devices.items[device].address, gpu->address) != 0) {
                continue; /* in no pool */
            }
            VEC_EACH(holds, hold) {
                if (is_node && len < gpus_per_vm_max &&
                    gpu_slot_equal(&hold->slot, &m->devices.items[device])) {
                    ret[len++] = device;
                }
            }
            device++;
        }
    }
    return len;
}

static void put(const struct api_view *view, struct cluster_model *m, uint32_t vm, const char *name)
{
    const struct record *record = world_find(view->world, RECORD_VM_PLACEMENT, name);
    uint32_t gpus[gpus_per_vm_max];
    if (!record || record->placement->phase == PLACEMENT_NONE) {
        return;
    }
    const struct vm_placement *p = record->placement;
    uint32_t node = cluster_model_node(m, p->node), next = cluster_model_node(m, p->next_node);
    if (node != PLAN_NONE) {
        plan_vm_put(m->model, vm, node, gpus, held(view, m, node, &p->gpus, gpus));
    }
    if (next != PLAN_NONE) {
        plan_vm_hold(m->model, vm, next, gpus, held(view, m, next, &p->next_gpus, gpus));
    }
}

static bool add_vms(const struct api_view *view, struct cluster_model *m)
{
    uint32_t vm = 0;
    WORLD_EACH(view->world, RECORD_VM_SPEC, each) {
        if (!add_vm(m, *each)) {
            return false;
        }
    }
    WORLD_EACH(view->world, RECORD_VM_SPEC, each) {
        const struct vm_spec *spec = (*each)->vm_spec;
        if (!relate(m, vm, spec->together.items, spec->together.len, PLAN_TOGETHER,
                    spec->is_affinity_enforced) ||
            !relate(m, vm, spec->apart.items, spec->apart.len, PLAN_APART,
                    spec->is_apart_enforced)) {
            return false;
        }
        put(view, m, vm++, (*each)->key.name);
    }
    return true;
}

bool cluster_model_make(const struct api_view *view, struct cluster_model *ret)
{
    *ret = (struct cluster_model){.model = plan_model_new(&(struct plan_size){0})};
    return ret->model && add_nodes(view, ret) && add_vms(view, ret);
}

void cluster_model_done(struct cluster_model *m)
{
    m->model = plan_model_free(m->model);
    VEC_DONE(&m->nodes);
    VEC_DONE(&m->pools);
    VEC_DONE(&m->devices);
}

bool cluster_model_reason(const struct api_view *view, const struct cluster_model *m,
                          const struct plan_request *request, uint32_t vm, uint32_t node, char *ret,
                          size_t size)
{
    struct plan_reason why = plan_explain(m->model, request, vm, node);
    struct node_facts facts;
    if (why.code == PLAN_NODE_DOWN && plan_node_mode(m->model, node) == PLAN_DOWN &&
        node_facts(view, m->nodes.items[node], &facts) && facts.pulse != PULSE_ALIVE) {
        (void)snprintf(ret, size, "it is %s%s%s", node_state_name(facts.state),
                       facts.detail[0] ? ": " : "", facts.detail);
    } else {
        (void)plan_reason_text(m->model, &why, ret, size);
    }
    return why.code == PLAN_FITS;
}
