/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/fit.h"

#include "plan/sets.h"

#include <assert.h>

enum {
    /* How many nodes with equally many free GPUs are compared by CPU and memory. More than a usual
     * cluster has; in a huge one it keeps the cost of a VM flat. */
    compared_max = 64,
};

/* The parts of a score, the most important on top; counts stay far below the next part. */
static const int64_t score_avoid = (int64_t)1 << 48, score_avoid_weight = (int64_t)1 << 49;
static const int64_t score_apart = (int64_t)1 << 32;
static const int64_t score_together = (int64_t)1 << 16;

static const struct vm *wish_vm(const struct wish *wish)
{
    return &wish->model->vms.items[wish->vm];
}

/* ---- what is said about nodes ---- */

static void flag_add(struct wish *wish, uint32_t node, enum wish_flag flag)
{
    wish->model->scratch.flags[node] |= (uint8_t)flag;
    wish->has_flags = true;
}

static void score_add(struct wish *wish, uint32_t node, int64_t change)
{
    wish->model->scratch.score[node] += change;
}

static void add_relation(struct wish *wish, const struct relation *relation)
{
    uint32_t place = vm_place(wish->model, &wish->model->vms.items[relation->other]);
    if (place == PLAN_NONE) {
        return;
    }
    switch (relation->kind) {
    case PLAN_APART:
        if (relation->is_enforced) {
            flag_add(wish, place, WISH_FORBIDDEN);
        } else {
            score_add(wish, place, score_apart);
        }
        break;
    case PLAN_TOGETHER:
        if (relation->is_enforced) {
            wish->is_torn |= wish->only != PLAN_NONE && wish->only != place;
            wish->only = place;
        } else {
            /* Every node pays for a partner elsewhere, so this one gets that back. */
            wish->base_score += score_together;
            score_add(wish, place, -score_together);
        }
        break;
    }
}

static void add_owners(struct wish *wish)
{
    const struct vm *vm = wish_vm(wish);
    const uint32_t *owners = wish->model->owners.items;
    for (uint32_t i = 0; i < vm->possible_len; i++) {
        flag_add(wish, owners[vm->possible + i], WISH_POSSIBLE);
    }
    wish->base_score += vm->preferred_len;
    for (uint32_t i = 0; i < vm->preferred_len; i++) {
        score_add(wish, owners[vm->preferred + i], (int64_t)i - vm->preferred_len);
    }
}

static void add_avoided(struct wish *wish)
{
    for (uint32_t i = 0; wish->request && i < wish->request->avoid_len; i++) {
        const struct plan_avoid *avoid = &wish->request->avoid[i];
        if (avoid->vm == wish->vm && avoid->is_hard) {
            flag_add(wish, avoid->node, WISH_FORBIDDEN);
        } else if (avoid->vm == wish->vm) {
            score_add(wish, avoid->node, score_avoid + avoid->weight * score_avoid_weight);
        }
    }
}

/* Calls 'visit' for each node that the VM or the request says something about. */
static void each_touched(struct wish *wish, void (*visit)(struct wish *wish, uint32_t node))
{
    struct plan_model *model = wish->model;
    const struct vm *vm = wish_vm(wish);
    for (uint32_t i = vm->relation_first; i != PLAN_NONE; i = model->relations.items[i].after) {
        uint32_t place = vm_place(model, &model->vms.items[model->relations.items[i].other]);
        if (place != PLAN_NONE) {
            visit(wish, place);
        }
    }
    for (uint32_t i = 0; i < vm->possible_len; i++) {
        visit(wish, model->owners.items[vm->possible + i]);
    }
    for (uint32_t i = 0; i < vm->preferred_len; i++) {
        visit(wish, model->owners.items[vm->preferred + i]);
    }
    for (uint32_t i = 0; wish->request && i < wish->request->avoid_len; i++) {
        if (wish->request->avoid[i].vm == wish->vm) {
            visit(wish, wish->request->avoid[i].node);
        }
    }
    if (vm->node != PLAN_NONE) {
        visit(wish, vm->node);
    }
}

static void visit_best(struct wish *wish, uint32_t node)
{
    wish->best_score = MIN(wish->best_score, wish_score(wish, node));
}

static void visit_clear(struct wish *wish, uint32_t node)
{
    wish->model->scratch.flags[node] = 0;
    wish->model->scratch.score[node] = 0;
}

void wish_begin(struct wish *wish, struct plan_model *model, const struct plan_request *request,
                uint32_t vm)
{
    *wish = (struct wish){.model = model, .vm = vm, .request = request, .only = PLAN_NONE};
    const struct vm *item = wish_vm(wish);
    for (uint32_t i = item->relation_first; i != PLAN_NONE; i = model->relations.items[i].after) {
        add_relation(wish, &model->relations.items[i]);
    }
    add_owners(wish);
    add_avoided(wish);
    if (item->node != PLAN_NONE) {
        flag_add(wish, item->node, WISH_FORBIDDEN);
    }
    wish->best_score = wish->base_score;
    each_touched(wish, visit_best);
}

void wish_end(struct wish *wish)
{
    each_touched(wish, visit_clear);
}

/* ---- a node ---- */

int64_t wish_score(const struct wish *wish, uint32_t node)
{
    return wish->base_score + wish->model->scratch.score[node];
}

bool wish_allows(const struct wish *wish, uint32_t node)
{
    const struct vm *vm = wish_vm(wish);
    const struct node *item = &wish->model->nodes.items[node];
    if (item->mode != PLAN_ACTIVE || wish->is_torn ||
        (wish->only != PLAN_NONE && wish->only != node) || (vm->labels & ~item->labels) != 0) {
        return false;
    }
    if (!wish->has_flags) {
        return true;
    }
    uint8_t flags = wish->model->scratch.flags[node];
    return !(flags & WISH_FORBIDDEN) && (vm->possible_len == 0 || (flags & WISH_POSSIBLE));
}

bool wish_fits(const struct wish *wish, uint32_t node)
{
    const struct vm *vm = wish_vm(wish);
    const struct node *item = &wish->model->nodes.items[node];
    if (item->cpus_free < vm->cpus || item->memory_free[vm->memory] < (int64_t)vm->memory_mib) {
        return false;
    }
    for (uint32_t i = 0; i < vm->need_len; i++) {
        if (free_in_pool(wish->model, node, vm->needs[i].pool) < vm->needs[i].count ||
            (item->has_fabric && !sets_have(wish->model, item, &vm->needs[i], NULL))) {
            return false;
        }
    }
    return wish_allows(wish, node);
}

/* What would be left of CPUs and memory, as shares of the whole: the less, the tighter. */
static uint64_t waste_of(const struct wish *wish, const struct node *node)
{
    const struct vm *vm = wish_vm(wish);
    uint64_t cpus = (uint64_t)(node->cpus_free - vm->cpus);
    uint64_t memory = (uint64_t)(node->memory_free[vm->memory] - (int64_t)vm->memory_mib);
    return cpus * node->cpu_share + ((memory * node->memory_share[vm->memory]) >> 10);
}

/* ---- the best node ---- */

struct best {
    uint32_t node;
    int64_t score;
    uint32_t level; /* free GPUs of the leading pool */
    uint64_t waste;
};

static bool best_is_beaten(const struct best *best, const struct best *by)
{
    if (best->node == PLAN_NONE || by->score != best->score) {
        return best->node == PLAN_NONE || by->score < best->score;
    }
    if (by->level != best->level) {
        return by->level < best->level;
    }
    return by->waste < best->waste || (by->waste == best->waste && by->node < best->node);
}

static bool consider(const struct wish *wish, uint32_t node, uint32_t level, struct best *best)
{
    if (!wish_fits(wish, node)) {
        return false;
    }
    struct best mine = {node, wish_score(wish, node), level,
                        waste_of(wish, &wish->model->nodes.items[node])};
    if (best_is_beaten(best, &mine)) {
        *best = mine;
    }
    return true;
}

/* Looks at the nodes of one level, in order, until enough of them fit. */
static void consider_level(const struct wish *wish, const struct shelf *shelf, uint32_t level,
                           struct best *best)
{
    const uint64_t *bits = &shelf->bits[(size_t)level * wish->model->words];
    uint32_t left = shelf->len[level], fitting = 0;
    bool is_plain = wish->best_score == wish->base_score;
    for (uint32_t word = 0; left > 0; word++) {
        for (uint64_t rest = bits[word]; rest != 0; rest &= rest - 1) {
            uint32_t node = word * 64 + (uint32_t)__builtin_ctzll(rest);
            left--;
            fitting += consider(wish, node, level, best);
            /* With preferences among nodes all must be seen: the one that is wanted may be last. */
            if (fitting >= compared_max && is_plain && best->score == wish->best_score) {
                return;
            }
        }
    }
}

/* The pool to walk along, and how many it must have: the VM's largest need, since few nodes have
 * that many. PLAN_NONE pool: none needed, walk over all nodes by free GPUs of any kind. */
static struct need leading_need(const struct plan_model *model, const struct vm *vm)
{
    struct need lead = {(uint16_t)model->pools.len, 0};
    for (uint32_t i = 0; i < vm->need_len; i++) {
        if (vm->needs[i].count > lead.count) {
            lead = vm->needs[i];
        }
    }
    return lead;
}

static uint32_t level_of(const struct plan_model *model, uint32_t pool, uint32_t node)
{
    return pool < model->pools.len ? free_in_pool(model, node, pool)
                                   : model->nodes.items[node].free_total;
}

uint32_t wish_best_node(const struct wish *wish)
{
    const struct plan_model *model = wish->model;
    const struct vm *vm = wish_vm(wish);
    struct need lead = leading_need(model, vm);
    struct best best = {.node = PLAN_NONE};
    if (wish->is_torn) {
        return PLAN_NONE;
    }
    if (wish->only != PLAN_NONE) {
        consider(wish, wish->only, 0, &best);
        return best.node;
    }
    for (uint32_t i = 0; i < vm->possible_len; i++) {
        uint32_t node = model->owners.items[vm->possible + i];
        consider(wish, node, level_of(model, lead.pool, node), &best);
    }
    const struct shelf *shelf = &model->shelf[lead.pool];
    for (uint32_t level = lead.count; vm->possible_len == 0 && level < shelf->levels; level++) {
        if (shelf->len[level] > 0) {
            consider_level(wish, shelf, level, &best);
            if (best.node != PLAN_NONE && best.score == wish->best_score) {
                break;
            }
        }
    }
    return best.node;
}
