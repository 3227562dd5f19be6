/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/question.h"

#include "model/live.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

ENUM_DEFINE(plan_ask, PLAN_ASK_LIST)

typedef VEC(struct plan_cluster_vm) questions_t;
typedef VEC(const char *) names_t;

static bool is_named(const struct plan_question *question, const char *name)
{
    for (size_t i = 0; i < question->len; i++) {
        if (strcmp(question->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

const char *plan_question_unknown(const struct world *world, const struct plan_question *question)
{
    enum record_kind kind =
        question->ask == PLAN_ASK_START ? RECORD_VM_SPEC : RECORD_NODE_INVENTORY;
    for (size_t i = 0; i < question->len; i++) {
        if (!world_find(world, kind, question->names[i])) {
            return question->names[i];
        }
    }
    return NULL;
}

/* ---- which VMs the question is about ---- */

enum lot {
    LOT_STAYS,
    LOT_WAITS,  /* has no place */
    LOT_LEAVES, /* keeps its place until it has another */
    LOT_LOST,   /* its node is gone: it is placed again, where it was going if it was on the way */
};

/* What becomes of the VMs of 'node' if nothing but the cluster as it is was asked about. */
static enum lot lot_on(const struct world *world, const struct plan_cluster_options *options,
                       const char *node)
{
    struct cause why;
    const struct record *spec = world_find(world, RECORD_NODE_SPEC, node);
    if (!options->is_up(options->context, node, &why)) {
        return LOT_LOST;
    }
    return spec && spec->node_spec->mode == NODE_DRAIN ? LOT_LEAVES : LOT_STAYS;
}

/* 'p': its placement if it has a place, else NULL. */
static enum lot lot_of(const struct world *world, const struct plan_cluster_options *options,
                       const struct plan_question *question, const char *vm,
                       const struct vm_placement *p)
{
    switch (question->ask) {
    case PLAN_ASK_WAITING:
        return p ? lot_on(world, options, p->node) : LOT_WAITS;
    case PLAN_ASK_FAIL:
        return p && is_named(question, p->node) ? LOT_LOST : LOT_STAYS;
    case PLAN_ASK_DRAIN:
        return p && is_named(question, p->node) ? LOT_LEAVES : LOT_STAYS;
    case PLAN_ASK_START:
        return !p && is_named(question, vm) ? LOT_WAITS : LOT_STAYS;
    }
    return LOT_STAYS;
}

/* Whether the coordinator would look for a place for it. A start is asked for here and now, whether
 * or not the VM should run. */
static bool wants_place(const struct plan_question *question, enum lot lot,
                        const struct vm_spec *spec, const struct vm_placement *placement)
{
    if (question->ask == PLAN_ASK_START) {
        return lot == LOT_WAITS;
    }
    if (spec->desired != VM_STARTED || spec->is_unmanaged) {
        return false;
    }
    switch (lot) {
    case LOT_STAYS:
        return false;
    case LOT_WAITS:
        return !placement || !placement->is_failed;
    case LOT_LEAVES:
        return placement->phase == PLACEMENT_START;
    case LOT_LOST:
        return spec->priority != priority_no_auto;
    }
    return false;
}

/* Those that lose their place, and those that are to get one; false without memory. */
static bool find_concerned(const struct world *world, const struct plan_cluster_options *options,
                           const struct plan_question *question, questions_t *ret_lost,
                           names_t *ret_asked)
{
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        const char *name = (*each)->key.name;
        const struct record *record = options->placement(options->context, name);
        const struct vm_placement *last = record ? record->placement : NULL;
        const struct vm_placement *p = last && last->phase != PLACEMENT_NONE ? last : NULL;
        enum lot lot = lot_of(world, options, question, name, p);
        struct plan_cluster_vm *lost = lot == LOT_LOST ? VEC_ADD(ret_lost) : NULL;
        bool is_asked = wants_place(question, lot, (*each)->vm_spec, last);
        const char **asked = is_asked ? VEC_ADD(ret_asked) : NULL;
        if ((lot == LOT_LOST && !lost) || (is_asked && !asked)) {
            return false;
        }
        if (lost) {
            *lost = (struct plan_cluster_vm){
                .name = name,
                .prefer_node = p->next_node[0] ? p->next_node : NULL,
                .is_new_place = true,
            };
        }
        if (asked) {
            *asked = name;
        }
    }
    return true;
}

/* ---- how they go ---- */

/* What orders the move of a VM of 'node' says of that. */
static enum migration ordered_on(const struct plan_question *question, const struct world *world,
                                 const char *node)
{
    return question->ask == PLAN_ASK_DRAIN ? question->migration : live_drain_order(world, node);
}

/* The placement of a VM that leaves its place by the plan; NULL: it has none, or lost it. */
static const struct vm_placement *leaves(const struct plan_outcome *outcome, const char *vm)
{
    const struct plan_cluster *cluster = &outcome->cluster;
    const struct record *record = cluster->options.placement(cluster->options.context, vm);
    const struct vm_placement *p = record ? record->placement : NULL;
    bool is_moved =
        p && p->phase == PLACEMENT_START &&
        lot_of(cluster->world, &cluster->options, &outcome->question, vm, p) == LOT_LEAVES;
    return is_moved ? p : NULL;
}

static enum migration way_of(const struct plan_outcome *outcome, const char *vm,
                             const struct vm_placement *p)
{
    const struct world *world = outcome->cluster.world;
    const struct record *spec = world_find(world, RECORD_VM_SPEC, vm);
    return live_way(spec->vm_spec, ordered_on(&outcome->question, world, p->node));
}

enum migration plan_outcome_way(const struct plan_outcome *outcome, const char *vm, const char *to,
                                struct cause *ret_why)
{
    const struct vm_placement *p = leaves(outcome, vm);
    *ret_why = (struct cause){0};
    if (!p) {
        return MIGRATION_DEFAULT;
    }
    return live_comes_of(outcome->cluster.world, vm, to, way_of(outcome, vm, p), ret_why);
}

/* As the coordinator does: core/placing.c. */
static int avoid_stops(struct plan_outcome *outcome, const char *name, uint32_t vm)
{
    const struct world *world = outcome->cluster.world;
    const struct vm_placement *p = leaves(outcome, name);
    enum migration way = p ? way_of(outcome, name, p) : MIGRATION_RESTART;
    bool is_kept = p && live_shuns_stops(world, name, way);
    for (uint32_t node = 0; is_kept && node < outcome->cluster.nodes.len; node++) {
        if (live_would_stop(world, name, outcome->cluster.nodes.items[node])) {
            struct plan_avoid *avoid = VEC_ADD(&outcome->avoid);
            if (!avoid) {
                return -ENOMEM;
            }
            *avoid = (struct plan_avoid){vm, node, way == MIGRATION_LIVE, true, 1};
        }
    }
    return 0;
}

/* ---- the answer ---- */

/* The named nodes are gone, or give up what they have. */
static void set_modes(struct plan_outcome *outcome)
{
    const struct plan_question *question = &outcome->question;
    if (question->ask != PLAN_ASK_FAIL && question->ask != PLAN_ASK_DRAIN) {
        return;
    }
    for (size_t i = 0; i < question->len; i++) {
        uint32_t node = plan_cluster_find_node(&outcome->cluster, question->names[i]);
        assert(node != PLAN_NONE); /* plan_question_unknown() */
        plan_node_set_mode(outcome->cluster.model, node,
                           question->ask == PLAN_ASK_FAIL ? PLAN_DOWN : PLAN_DRAIN);
    }
}

static int make_plan(struct plan_outcome *outcome, const names_t *asked)
{
    const struct cluster_settings *settings = world_settings(outcome->cluster.world);
    VEC_EACH(asked, name) {
        uint32_t *vm = VEC_ADD(&outcome->vms);
        if (!vm) {
            return -ENOMEM;
        }
        *vm = plan_cluster_find_vm(&outcome->cluster, *name);
        if (avoid_stops(outcome, *name, *vm) < 0) {
            return -ENOMEM;
        }
    }
    outcome->request = (struct plan_request){
        .vms = outcome->vms.items,
        .vm_len = (uint32_t)outcome->vms.len,
        .avoid = outcome->avoid.items,
        .avoid_len = (uint32_t)outcome->avoid.len,
        .may_preempt = settings->preemption,
        /* Only a start that someone asks for may be refused for the reserve's sake. */
        .reserve =
            outcome->question.ask == PLAN_ASK_START && settings->reserve_policy == RESERVE_REFUSE
                ? settings->reserve
                : 0,
    };
    return plan_place(outcome->cluster.model, &outcome->request, &outcome->plan);
}

int plan_question_answer(const struct world *world, const struct plan_cluster_options *options,
                         const struct plan_question *question, struct plan_outcome *ret)
{
    struct plan_cluster_options asking = *options;
    questions_t lost = {0};
    names_t asked = {0};
    *ret = (struct plan_outcome){.question = *question};
    int r = find_concerned(world, options, question, &lost, &asked) ? 0 : -ENOMEM;
    if (r == 0) {
        asking.vms = lost.items;
        asking.vm_len = lost.len;
        r = plan_cluster_make(world, &asking, &ret->cluster);
        ret->cluster.options.vms = NULL; /* they were for the making */
        ret->cluster.options.vm_len = 0;
    }
    if (r == 0) {
        set_modes(ret);
        r = make_plan(ret, &asked);
    }
    VEC_DONE(&lost);
    VEC_DONE(&asked);
    return r;
}

void plan_outcome_done(struct plan_outcome *outcome)
{
    plan_done(&outcome->plan);
    VEC_DONE(&outcome->vms);
    VEC_DONE(&outcome->avoid);
    plan_cluster_done(&outcome->cluster);
}
