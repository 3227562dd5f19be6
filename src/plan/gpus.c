/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/gpus.h"

#include "plan/sets.h"

#include <assert.h>

/* The free GPUs of one pool on one node, by position. */
struct choice {
    struct plan_model *model;
    uint32_t node;
    uint32_t vm;
    uint32_t free[devices_per_node_max];
    uint32_t free_len;
    int32_t numa_wanted; /* of what the VM already got; INT32_MIN: nothing yet */
};

/* Cards and NUMA nodes are both groups of neighbouring cards. */
typedef int64_t group_of_t(const struct gpu_entry *gpu);

static int64_t group_numa(const struct gpu_entry *gpu)
{
    return gpu->numa;
}

static int64_t group_card(const struct gpu_entry *gpu)
{
    return gpu->card;
}

static const struct gpu_entry *entry(const struct choice *choice, uint32_t i)
{
    return &choice->model->gpus.items[choice->free[i]];
}

struct group {
    int64_t id;
    uint32_t len;
};

/* The groups of the free GPUs, in the order in which they come, into 'ret'; how many. */
static uint32_t groups_count(const struct choice *choice, group_of_t *group_of,
                             struct group ret[devices_per_node_max])
{
    uint32_t len = 0;
    for (uint32_t i = 0; i < choice->free_len; i++) {
        int64_t id = group_of(entry(choice, i));
        uint32_t at = len;
        while (at > 0 && ret[at - 1].id != id) { /* from the end: neighbours come together */
            at--;
        }
        if (at == 0) {
            ret[len++] = (struct group){id, 1};
        } else {
            ret[at - 1].len++;
        }
    }
    return len;
}

/* The group to take from next: the wanted one if it is enough, else the one with the fewest that
 * are enough, else the one with the most. */
static int64_t group_best(const struct choice *choice, group_of_t *group_of, uint32_t count)
{
    UNCLEARED struct group groups[devices_per_node_max];
    struct group best = {0, 0};
    uint32_t len = groups_count(choice, group_of, groups);
    for (uint32_t i = 0; i < len; i++) {
        bool is_enough = groups[i].len >= count;
        if (group_of == group_numa && groups[i].id == choice->numa_wanted && is_enough) {
            return groups[i].id;
        }
        if (best.len == 0 ||
            (is_enough ? best.len < count || groups[i].len < best.len : groups[i].len > best.len)) {
            best = groups[i];
        }
    }
    return best.id;
}

/* Moves the members of 'group' to the front, both parts in order; how many there are. */
static uint32_t group_to_front(struct choice *choice, group_of_t *group_of, int64_t group)
{
    UNCLEARED uint32_t others[devices_per_node_max];
    uint32_t len = 0, other_len = 0;
    for (uint32_t i = 0; i < choice->free_len; i++) {
        if (group_of(entry(choice, i)) == group) {
            choice->free[len++] = choice->free[i];
        } else {
            others[other_len++] = choice->free[i];
        }
    }
    for (uint32_t i = 0; i < other_len; i++) {
        choice->free[len + i] = others[i];
    }
    return len;
}

/* Where the best 'count' neighbours begin among the first 'len': shortest span, then the loneliest.
 * Cards that could still be partitioned come last. */
static uint32_t window_best(const struct choice *choice, uint32_t len, uint32_t count)
{
    uint32_t best = 0;
    uint64_t best_span = UINT64_MAX, best_gap = 0;
    for (uint32_t i = 0; i + count <= len; i++) {
        uint32_t first = entry(choice, i)->position;
        uint32_t last = entry(choice, i + count - 1)->position;
        uint64_t before = i > 0 ? first - entry(choice, i - 1)->position : UINT32_MAX;
        uint64_t after = i + count < len ? entry(choice, i + count)->position - last : UINT32_MAX;
        uint64_t gap = MIN(before, after);
        uint64_t span = last - first;
        for (uint32_t k = i; k < i + count; k++) {
            span += (uint64_t)entry(choice, k)->is_shared_card << 40;
        }
        if (span < best_span || (span == best_span && gap > best_gap)) {
            best = i;
            best_span = span;
            best_gap = gap;
        }
    }
    return best;
}

/* Takes 'count' of the free ones from 'first' on. */
static void take_range(struct choice *choice, uint32_t first, uint32_t count)
{
    assert(first + count <= choice->free_len);
    for (uint32_t i = first; i < first + count; i++) {
        gpu_set_holder(choice->model, choice->node, choice->free[i], choice->vm);
    }
    choice->numa_wanted = entry(choice, first)->numa;
    for (uint32_t i = first + count; i < choice->free_len; i++) {
        choice->free[i - count] = choice->free[i];
    }
    choice->free_len -= count;
}

/* Takes 'count' from the first 'len', which are of one NUMA node. */
static void take_near(struct choice *choice, uint32_t len, uint32_t count)
{
    if (count == len) {
        take_range(choice, 0, count);
    } else if (!entry(choice, 0)->is_partition) {
        take_range(choice, window_best(choice, len, count), count);
    } else {
        struct choice near = *choice;
        near.free_len = len;
        while (count > 0) {
            uint32_t there =
                group_to_front(&near, group_card, group_best(&near, group_card, count));
            uint32_t take = MIN(there, count);
            take_range(&near, 0, take);
            count -= take;
        }
        choice->numa_wanted = near.numa_wanted;
    }
}

static void find_free(struct choice *choice, uint32_t pool)
{
    const struct node *node = &choice->model->nodes.items[choice->node];
    choice->free_len = 0;
    for (uint32_t gpu = node->gpu_first; gpu < node->gpu_first + node->gpu_len; gpu++) {
        const struct gpu_entry *each = &choice->model->gpus.items[gpu];
        if (each->pool == pool && gpu_is_free(choice->model, node, each)) {
            choice->free[choice->free_len++] = gpu;
        }
    }
}

/* Takes 'count' of the free ones; false, nothing taken, if they are fewer. */
static bool take_all(struct choice *choice, uint32_t count)
{
    if (choice->free_len < count) {
        return false;
    }
    if (choice->free_len == count) {
        take_range(choice, 0, count);
        return true;
    }
    while (count > 0) {
        uint32_t there = group_to_front(choice, group_numa, group_best(choice, group_numa, count));
        uint32_t take = MIN(there, count);
        take_near(choice, there, take);
        count -= take;
    }
    return true;
}

/* On a fabric only some will do. */
static void keep_sets(struct choice *choice, const struct need *need)
{
    const struct node *node = &choice->model->nodes.items[choice->node];
    UNCLEARED uint32_t chosen[devices_per_node_max];
    if (sets_rule(choice->model, node, need->pool)) {
        choice->free_len = sets_choose(choice->model, node, need, choice->free, choice->free_len,
                                       choice->numa_wanted, chosen);
        for (uint32_t i = 0; i < choice->free_len; i++) {
            choice->free[i] = chosen[i];
        }
    }
}

bool gpus_take(struct plan_model *model, uint32_t vm, uint32_t node)
{
    const struct vm *item = &model->vms.items[vm];
    UNCLEARED struct choice choice;
    choice.model = model;
    choice.node = node;
    choice.vm = vm;
    choice.numa_wanted = INT32_MIN;
    /* All of them or none: half a set would keep others from what no one uses. */
    for (uint32_t i = 0; i < item->need_len; i++) {
        find_free(&choice, item->needs[i].pool);
        keep_sets(&choice, &item->needs[i]);
        if (!take_all(&choice, item->needs[i].count)) {
            vm_give_gpus(model, vm, node);
            return false;
        }
    }
    return true;
}

uint32_t plan_choose_gpus(struct plan_model *model, uint32_t vm, uint32_t node,
                          uint32_t ret[gpus_per_vm_max])
{
    if (!gpus_take(model, vm, node)) {
        return PLAN_NONE;
    }
    uint32_t len = vm_gpus_on(model, vm, node, ret);
    vm_give_gpus(model, vm, node);
    return len;
}
