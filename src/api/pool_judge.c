/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/pool_judge.h"

#include "api/hint.h"
#include "model/division.h"
#include "model/words.h"

#include <string.h>

const struct gpu *pool_reference(const struct world *world, const struct pool *pool)
{
    VEC_EACH(&pool->members, member) {
        const struct gpu *gpu = world_gpu(world, member->node, member->slot.address);
        if (gpu) {
            return gpu;
        }
    }
    return NULL;
}

/* The candidate and what is known of it. */
struct case_file {
    const struct api_view *view;
    const struct pool *pool;
    const struct candidate *candidate;
    struct gpu_facts gpu;
    char address[pci_address_size];
    struct buf *why;
    json_t *hint;
};

bool candidate_has(const struct candidate *candidate, const struct gpu_partition *part)
{
    return pci_address_compare(part->slot.address, candidate->gpu->address) == 0 &&
           (!candidate->type || strcmp(part->type, candidate->type) == 0);
}

/* The pool that has the card, or one of the partitions that are to join; NULL: none. */
static const char *pool_with(const struct case_file *c)
{
    const struct world *world = c->view->world;
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, c->gpu.node);
    if (c->pool->type != POOL_GPU_PARTITION || !c->candidate->type || !inventory) {
        return c->gpu.pool;
    }
    VEC_EACH(&inventory->inventory->partitions, each) {
        const struct record *pool =
            candidate_has(c->candidate, each) ? pool_of(world, c->gpu.node, &each->slot) : NULL;
        if (pool) {
            return pool->key.name;
        }
    }
    return NULL;
}

static void judge_card(struct case_file *c)
{
    const struct gpu *reference = pool_reference(c->view->world, c->pool);
    const char *pool = pool_with(c);
    char difference[error_text_size], words[words_max];
    if (pool) {
        buf_printf(c->why, "is in GPU pool %s already; a GPU is in one pool at most", pool);
    } else if (c->gpu.gpu->health == GPU_QUARANTINED) {
        buf_printf(c->why, "is quarantined (%s): release it once that is fixed",
                   words_cause(&c->gpu.gpu->health_cause, words));
        c->hint = hint_make("gpu-release", c->gpu.node, c->address, NULL);
    } else if (!c->pool->is_mixed && reference &&
               !gpu_same_model(reference, c->gpu.gpu, difference, sizeof(difference))) {
        buf_printf(
            c->why,
            "is of another model: %s; only a pool that was created as a mixed one takes more "
            "than one model",
            difference);
    }
}

static const char *patience(struct case_file *c)
{
    struct node_facts node;
    (void)node_facts(c->view, c->gpu.node, &node);
    return node.pulse == PULSE_ALIVE ? "" : " when its node is up";
}

static void say_not_assignable(struct case_file *c, const struct gpu_device *device,
                               const char *what)
{
    buf_printf(c->why, "%scannot be assigned: %s", what,
               device->verdict_detail[0] ? device->verdict_detail
                                         : gpu_verdict_name(device->verdict));
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- whole ---- */

static void judge_whole(struct case_file *c)
{
    const struct dismount *entry = c->gpu.dismount;
    if (entry && entry->partitions > 0) {
        buf_printf(
            c->why,
            "is in %u partition%s: only a pool of the type GpuPartition takes it so; or make "
            "it whole first",
            division_len(entry), plural(division_len(entry)));
        c->hint = hint_make("gpu-partition", c->gpu.node, c->address, "0", NULL);
    } else if (!entry) {
        buf_text(c->why, "is not dismounted from its host: dismount it first");
        c->hint = hint_make("gpu-dismount", c->gpu.node, c->address, NULL);
    } else if (!gpu_is_dismounted(c->gpu.gpu)) {
        buf_printf(c->why, "is still being dismounted; try again in a moment%s", patience(c));
    } else if (!gpu_device_may_be_assigned(&c->gpu.device, entry->is_forced)) {
        say_not_assignable(c, &c->gpu.device, "");
    }
}

/* ---- in partitions ---- */

/* How a card is divided. */
struct division {
    uint32_t len;
    const char *type; /* of the first */
    uint64_t mmio_size;
    const char *other; /* another type among them; NULL: all are of one */
};

/* Of that type; NULL: of any. */
static struct division division_of(const struct world *world, const char *node,
                                   struct pci_address address, const char *only)
{
    struct division division = {0};
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, node);
    if (inventory) {
        VEC_EACH(&inventory->inventory->partitions, each) {
            if (pci_address_compare(each->slot.address, address) != 0 ||
                (only && strcmp(each->type, only) != 0)) {
                continue;
            }
            if (division.len++ == 0) {
                division.type = each->type;
                division.mmio_size = each->mmio_size;
            } else if (strcmp(each->type, division.type) != 0) {
                division.other = each->type;
            }
        }
    }
    return division;
}

/* Size and number are equal on all nodes, so that a VM is served alike by each. */
static void compare_division(struct case_file *c, const struct division *own)
{
    const struct world *world = c->view->world;
    if (c->pool->is_mixed) {
        return;
    }
    if (own->other) {
        buf_printf(c->why,
                   "has partitions of several types (%s, %s): name the profile; only a pool that "
                   "was created as a mixed one takes all of them",
                   own->type, own->other);
        return;
    }
    if (c->pool->members.len == 0) {
        return;
    }
    const struct pool_member *first = c->pool->members.items;
    struct division usual =
        division_of(world, first->node, first->slot.address, c->candidate->type);
    if (strcmp(c->pool->partition_type, own->type) != 0) {
        buf_printf(c->why, "has partitions of the type %s, those of the pool are %s", own->type,
                   c->pool->partition_type);
    } else if (usual.len > 0 && usual.len != own->len) {
        buf_printf(c->why, "is in %u partition%s, the pool's other cards in %u", own->len,
                   plural(own->len), usual.len);
    } else if (usual.len > 0 && usual.mmio_size != own->mmio_size) {
        buf_printf(c->why, "has partitions of %llu KiB, the pool's are of %llu KiB",
                   (unsigned long long)(own->mmio_size >> 10),
                   (unsigned long long)(usual.mmio_size >> 10));
    }
    if (c->why->size > 0) {
        buf_text(c->why,
                 "; only a pool that was created as a mixed one takes cards that are divided "
                 "differently");
    }
}

/* Each partition of it is the pool's from now on, so each must be one that VMs can have. */
static void judge_each(struct case_file *c)
{
    const struct record *inventory = world_find(c->view->world, RECORD_NODE_INVENTORY, c->gpu.node);
    VEC_EACH(&inventory->inventory->partitions, each) {
        struct gpu_device device;
        if (!candidate_has(c->candidate, each) ||
            !gpu_device_find(inventory->inventory, &each->slot, &device)) {
            continue;
        }
        bool is_forced = c->gpu.dismount && c->gpu.dismount->is_forced;
        if (!gpu_device_is_dismounted(&device) || !gpu_device_may_be_assigned(&device, is_forced)) {
            CLEANUP(buf_done) struct buf what = {0};
            buf_printf(&what, "has the partition %s, which ", each->slot.partition);
            say_not_assignable(c, &device, buf_str(&what));
            return;
        }
    }
}

static void judge_parts(struct case_file *c)
{
    const char *type = c->candidate->type;
    struct division division = division_of(c->view->world, c->gpu.node, c->gpu.slot.address, type);
    uint32_t wanted = c->gpu.dismount ? division_len(c->gpu.dismount) : 0;
    bool is_mediated = division.len > 0 && strcmp(division.type, GPU_TYPE_VF) != 0;
    if (c->gpu.state == GPU_STATE_PARTITIONING) {
        buf_printf(c->why, "is still being divided into %u partition%s; try again in a moment%s",
                   wanted, plural(wanted), patience(c));
    } else if (type && division.len == 0) {
        buf_printf(c->why, "has no partitions of the type %s", type);
    } else if (wanted == 0 && !is_mediated) {
        buf_text(c->why, "was not divided by Berth: divide it first");
        c->hint = hint_make("gpu-partition", c->gpu.node, c->address, "COUNT", NULL);
    } else {
        compare_division(c, &division);
    }
    if (c->why->size == 0) {
        judge_each(c);
    }
}

json_t *pool_judge(const struct api_view *view, const struct pool *pool,
                   const struct candidate *candidate, struct buf *why)
{
    struct case_file c = {.view = view, .pool = pool, .candidate = candidate, .why = why};
    const struct gpu_slot slot = {.address = candidate->gpu->address};
    (void)gpu_facts(view, candidate->node, &slot, &c.gpu);
    (void)pci_address_format(slot.address, c.address);
    judge_card(&c);
    if (why->size == 0 && pool->type == POOL_GPU_PARTITION) {
        judge_parts(&c);
    } else if (why->size == 0) {
        judge_whole(&c);
    }
    return c.hint;
}
