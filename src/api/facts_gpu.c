/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GPUs and pools. */
#include "api/facts.h"

#include "base/parse.h"

#include <string.h>

ENUM_DEFINE(gpu_state, GPU_STATE_LIST)

const struct record *pool_of(const struct world *world, const char *node,
                             const struct gpu_slot *slot)
{
    WORLD_EACH(world, RECORD_POOL, each) {
        VEC_EACH(&(*each)->pool->members, member) {
            if (strcmp(member->node, node) == 0 && gpu_slot_equal(&member->slot, slot)) {
                return *each;
            }
        }
    }
    return NULL;
}

const char *holder_of(const struct world *world, const char *node, const struct gpu_slot *slot)
{
    struct record_key key = {.kind = RECORD_CLAIM};
    (void)copy_text(key.name, sizeof(key.name), node);
    (void)gpu_slot_format(slot, key.second);
    const struct record *claim = world_find_key(world, &key);
    return claim ? claim->claim->vm : NULL;
}

const struct dismount *dismount_of(const struct node_spec *spec, struct pci_address address)
{
    VEC_EACH(&spec->dismounted, each) {
        if (pci_address_compare(each->address, address) == 0) {
            return each;
        }
    }
    return NULL;
}

static enum gpu_state derive_state(const struct gpu_facts *facts)
{
    const struct gpu *gpu = facts->gpu;
    if (facts->vm) {
        return GPU_STATE_ASSIGNED;
    }
    if (gpu->health == GPU_QUARANTINED) {
        return GPU_STATE_QUARANTINED;
    }
    if (facts->is_dismount_wanted && !gpu_is_dismounted(gpu)) {
        return GPU_STATE_DISMOUNTING;
    }
    if (facts->pool) {
        return gpu_is_dismounted(gpu) ? GPU_STATE_AVAILABLE : GPU_STATE_NOT_ASSIGNABLE;
    }
    if (gpu_is_dismounted(gpu)) {
        return facts->is_dismount_wanted || !gpu->is_overridden ? GPU_STATE_DISMOUNTED
                                                                : GPU_STATE_MOUNTING;
    }
    return gpu->verdict == GPU_ASSIGNABLE || gpu->verdict == GPU_HOST_DRIVER ||
                   gpu->verdict == GPU_IN_USE
               ? GPU_STATE_HOST
               : GPU_STATE_NOT_ASSIGNABLE;
}

void gpu_facts(const struct world *world, const char *node, const struct gpu *gpu,
               struct gpu_facts *ret)
{
    const struct gpu_slot slot = {.address = gpu->address};
    const struct record *spec = world_find(world, RECORD_NODE_SPEC, node);
    const struct record *pool = pool_of(world, node, &slot);
    *ret = (struct gpu_facts){
        .node = node,
        .gpu = gpu,
        .pool = pool ? pool->key.name : NULL,
        .vm = holder_of(world, node, &slot),
        .is_dismount_wanted = spec && dismount_of(spec->node_spec, gpu->address),
    };
    ret->state = derive_state(ret);
}

/* Its node is up and takes VMs. */
static bool is_at_home(const struct api_view *view, const char *name)
{
    struct node_facts node;
    return node_facts(view, name, &node) && node.state == NODE_STATE_UP;
}

void pool_counts(const struct api_view *view, const struct record *pool, struct pool_counts *ret)
{
    pool_counts_of(view, pool, NULL, ret);
}

void pool_counts_of(const struct api_view *view, const struct record *pool, const char *node,
                    struct pool_counts *ret)
{
    const char *last = "";
    bool is_home = false;
    *ret = (struct pool_counts){0};
    VEC_EACH(&pool->pool->members, member) {
        if (node && strcmp(member->node, node) != 0) {
            continue;
        }
        const struct gpu *gpu = world_gpu(view->world, member->node, member->slot.address);
        if (strcmp(last, member->node) != 0) { /* members are sorted by node */
            last = member->node;
            is_home = is_at_home(view, last);
        }
        ret->total++;
        if (holder_of(view->world, member->node, &member->slot)) {
            ret->used++;
        } else if (!gpu || gpu->health == GPU_QUARANTINED || !gpu_is_dismounted(gpu)) {
            ret->quarantined++;
        } else if (!is_home) {
            ret->away++;
        } else {
            ret->free++;
        }
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
