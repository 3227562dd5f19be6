/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/plan_file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int no_memory(struct error *err)
{
    return error_set(err, -ENOMEM, "out of memory");
}

/* ---- labels ---- */

/* The bit of a label that a VM requires: new if it is the first. 0 with an error. */
static uint64_t label_bit(struct plan_file *file, const struct node_label *label, struct error *err)
{
    struct vm_name text;
    /* Cut, a long one may be taken for another: too long to be told apart is refused. */
    if ((size_t)snprintf(text.name, sizeof(text.name), "%s=%s", label->key, label->value) >=
        sizeof(text.name)) {
        (void)error_set(err, -EBADMSG, "the label %s is too long", label->key);
        return 0;
    }
    for (uint32_t i = 0; i < file->labels.len; i++) {
        if (strcmp(file->labels.items[i].name, text.name) == 0) {
            return (uint64_t)1 << i;
        }
    }
    struct vm_name *place = file->labels.len < plan_labels_max ? VEC_ADD(&file->labels) : NULL;
    if (!place) {
        (void)error_set(err, -EBADMSG, "VMs require more than %d labels", plan_labels_max);
        return 0;
    }
    *place = text;
    return (uint64_t)1 << (file->labels.len - 1);
}

static int number_labels(struct plan_file *file, struct error *err)
{
    VEC_EACH(&file->state.vms, vm) {
        VEC_EACH(&vm->labels, label) {
            if (label_bit(file, label, err) == 0) {
                return -EBADMSG;
            }
        }
    }
    VEC_EACH(&file->labels, label) {
        if (plan_label_add(file->model, label->name) == PLAN_NONE) {
            return no_memory(err);
        }
    }
    return 0;
}

/* The bits of those of 'labels' that any VM requires. */
static uint64_t label_bits(const struct plan_file *file, const state_labels_t *labels)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < labels->len; i++) {
        char text[2 * name_size + 1];
        snprintf(text, sizeof(text), "%s=%s", labels->items[i].key, labels->items[i].value);
        for (uint32_t k = 0; k < file->labels.len; k++) {
            bits |= strcmp(file->labels.items[k].name, text) == 0 ? (uint64_t)1 << k : 0;
        }
    }
    return bits;
}

/* ---- nodes and VMs ---- */

static enum plan_mode mode_of(enum state_mode mode)
{
    switch (mode) {
    case STATE_ACTIVE:
        return PLAN_ACTIVE;
    case STATE_PAUSED:
        return PLAN_PAUSED;
    case STATE_DRAIN:
        return PLAN_DRAIN;
    case STATE_DOWN:
        return PLAN_DOWN;
    }
    return PLAN_DOWN;
}

static int add_node(struct plan_file *file, const struct state_node *node, struct error *err)
{
    struct plan_node add = {.name = node->name,
                            .mode = mode_of(node->mode),
                            .cpus = node->cpus,
                            .memory_mib = node->memory_mib,
                            .labels = label_bits(file, &node->labels)};
    if (plan_node_add(file->model, &add) == PLAN_NONE) {
        return no_memory(err);
    }
    for (size_t i = 0; i < node->gpus.len; i++) {
        const struct state_gpu *gpu = &node->gpus.items[i];
        struct plan_gpu planned = {.pool = gpu->pool,
                                   .card = gpu->card,
                                   .position = gpu->card,
                                   .numa = gpu->numa,
                                   .is_partition = gpu->is_partition,
                                   .is_quarantined = gpu->is_quarantined};
        if (plan_gpu_add(file->model, &planned) == PLAN_NONE) {
            return no_memory(err);
        }
    }
    return 0;
}

static int add_vm(struct plan_file *file, const struct state_vm *vm, struct error *err)
{
    struct plan_vm add = {.name = vm->name,
                          .need_len = (uint32_t)vm->needs.len,
                          .cpus = vm->cpus,
                          .memory_mib = vm->memory_mib,
                          .priority = vm->priority,
                          .labels = label_bits(file, &vm->labels),
                          .preferred = vm->preferred.items,
                          .preferred_len = (uint32_t)vm->preferred.len,
                          .possible = vm->owners.items,
                          .possible_len = (uint32_t)vm->owners.len};
    for (size_t i = 0; i < vm->needs.len; i++) {
        add.needs[i] = (struct plan_need){vm->needs.items[i].pool, vm->needs.items[i].count};
    }
    return plan_vm_add(file->model, &add) == PLAN_NONE ? no_memory(err) : 0;
}

static int relate(struct plan_file *file, uint32_t vm, const state_indices_t *others,
                  enum plan_relation relation, bool is_enforced, struct error *err)
{
    for (size_t i = 0; i < others->len; i++) {
        if (!plan_vm_relate(file->model, vm, others->items[i], relation, is_enforced)) {
            return no_memory(err);
        }
    }
    return 0;
}

static int relate_all(struct plan_file *file, struct error *err)
{
    int r = 0;
    for (uint32_t i = 0; i < file->state.vms.len && r == 0; i++) {
        const struct state_vm *vm = &file->state.vms.items[i];
        r = relate(file, i, &vm->together, PLAN_TOGETHER, vm->is_together_enforced, err);
        r = r < 0 ? r : relate(file, i, &vm->apart, PLAN_APART, vm->is_apart_enforced, err);
    }
    return r;
}

/* ---- who runs where ---- */

/* The index of each node's first GPU; the caller frees it. */
static uint32_t *first_gpus(const struct plan_file *file)
{
    uint32_t *first = malloc((file->state.nodes.len + 1) * sizeof(*first)), sum = 0;
    for (size_t i = 0; first && i < file->state.nodes.len; i++) {
        first[i] = sum;
        sum += (uint32_t)file->state.nodes.items[i].gpus.len;
    }
    return first;
}

static uint32_t gpu_total(const struct plan_file *file)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < file->state.nodes.len; i++) {
        sum += (uint32_t)file->state.nodes.items[i].gpus.len;
    }
    return sum;
}

/* Puts a VM on the GPUs that the file says it holds; 'is_held' (per GPU) notices who holds it
 * twice. */
static int put_on_named(struct plan_file *file, uint32_t index, uint32_t first, bool *is_held,
                        struct error *err)
{
    const struct state_vm *vm = &file->state.vms.items[index];
    uint32_t gpus[gpus_per_vm_max];
    for (size_t i = 0; i < vm->gpus.len; i++) {
        gpus[i] = first + vm->gpus.items[i];
        if (is_held[gpus[i]]) {
            return error_set(err, -EBADMSG, "VM %s: its GPU %s is held twice", vm->name,
                             file->state.nodes.items[vm->node].gpus.items[vm->gpus.items[i]].id);
        }
        is_held[gpus[i]] = true;
    }
    plan_vm_put(file->model, index, vm->node, gpus, (uint32_t)vm->gpus.len);
    return 0;
}

/* Puts a VM on any free GPUs of its node. */
static int put_on_any(struct plan_file *file, uint32_t index, struct error *err)
{
    const struct state_vm *vm = &file->state.vms.items[index];
    uint32_t gpus[gpus_per_vm_max];
    uint32_t len = plan_choose_gpus(file->model, index, vm->node, gpus);
    if (len == PLAN_NONE) {
        return error_set(err, -EBADMSG, "VM %s: runs on %s, which has no GPUs left for it",
                         vm->name, file->state.nodes.items[vm->node].name);
    }
    plan_vm_put(file->model, index, vm->node, gpus, len);
    return 0;
}

/* First those whose GPUs are known, so that the others get what is left. */
static int put_all(struct plan_file *file, struct error *err)
{
    CLEANUP(freep) uint32_t *first = first_gpus(file);
    CLEANUP(freep) bool *is_held = calloc(gpu_total(file) + 1, sizeof(*is_held));
    int r = first && is_held ? 0 : no_memory(err);
    for (int named = 1; named >= 0; named--) {
        for (uint32_t i = 0; i < file->state.vms.len && r == 0; i++) {
            const struct state_vm *vm = &file->state.vms.items[i];
            if (vm->node == UINT32_MAX || (vm->gpus.len > 0) != named) {
                continue;
            }
            r = named ? put_on_named(file, i, first[vm->node], is_held, err)
                      : put_on_any(file, i, err);
        }
    }
    return r;
}

/* ---- all of it ---- */

static int build(struct plan_file *file, struct error *err)
{
    const struct state *state = &file->state;
    struct plan_size size = {(uint32_t)state->pools.len, (uint32_t)state->nodes.len,
                             gpu_total(file), (uint32_t)state->vms.len};
    file->model = plan_model_new(&size);
    if (!file->model) {
        return no_memory(err);
    }
    int r = number_labels(file, err);
    for (size_t i = 0; i < state->pools.len && r == 0; i++) {
        r = plan_pool_add(file->model, state->pools.items[i].name) == PLAN_NONE ? no_memory(err)
                                                                                : 0;
    }
    for (size_t i = 0; i < state->nodes.len && r == 0; i++) {
        r = add_node(file, &state->nodes.items[i], err);
    }
    for (size_t i = 0; i < state->vms.len && r == 0; i++) {
        r = add_vm(file, &state->vms.items[i], err);
    }
    r = r < 0 ? r : relate_all(file, err);
    return r < 0 ? r : put_all(file, err);
}

int plan_file_init(struct plan_file *ret, const char *text, size_t size, struct error *err)
{
    *ret = (struct plan_file){.model = NULL};
    int r = state_read(text, size, &ret->state, err);
    return r < 0 ? r : build(ret, err);
}

void plan_file_done(struct plan_file *file)
{
    file->model = plan_model_free(file->model);
    state_done(&file->state);
    VEC_DONE(&file->labels);
}
