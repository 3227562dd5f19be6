/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/placing.h"

#include "core/change.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/refusal.h"

#include "model/live.h"
#include "plan/cluster.h"
#include "plan/why_not.h"

#include <stdio.h>
#include <string.h>

#define ADD(vec, value)                                                                            \
    do {                                                                                           \
        __typeof__((vec)->items) place_ = VEC_ADD(vec);                                            \
        if (!place_) {                                                                             \
            core_out_of_memory();                                                                  \
        }                                                                                          \
        *place_ = (value);                                                                         \
    } while (0)

/* ---- the question ---- */

static bool is_up(const void *context, const char *node, struct cause *ret_why)
{
    const struct core *core = context;
    if (!peer_is_up(core, node)) {
        *ret_why = cause_make(CAUSE_NODE_NO_ANSWER, NULL, NULL, NULL);
        return false;
    }
    return true;
}

static const struct record *placement_of(const void *context, const char *vm)
{
    return change_placement(context, vm);
}

typedef VEC(struct plan_cluster_vm) questions_t;

static void make_cluster(const struct core *core, const questions_t *vms, struct plan_cluster *ret)
{
    const struct plan_cluster_options options = {
        .context = core,
        .is_up = is_up,
        .placement = placement_of,
        .vms = vms->items,
        .vm_len = vms->len,
        .takes_any_card = MUTANT(CARD_UNCHECKED),
    };
    if (plan_cluster_make(&core->world, &options, ret) < 0) {
        core_out_of_memory();
    }
}

/* VMs that would not stop when they had to make room are no victims for a while; unmanaged ones
 * never are. */
static void pin(struct core *core, questions_t *questions)
{
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each) {
        const char *name = (*each)->key.name;
        const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, name);
        bool is_unmanaged = spec && spec->vm_spec->is_unmanaged;
        bool is_stubborn = (*each)->placement->refusals > 0 && refusal_forbids_eviction(core, name);
        if (is_unmanaged || is_stubborn) {
            ADD(questions, ((struct plan_cluster_vm){.name = name, .is_pinned = true}));
        }
    }
}

struct avoids {
    VEC(struct plan_avoid) list;
};

/* When it last failed there, counted in hosts; 0: it did not. So all that may take it are visited
 * before one is for a second time. */
static uint32_t tried_when(const struct placing *request, const char *node)
{
    if (request->failed_node && strcmp(node, request->failed_node) == 0) {
        return (uint32_t)request->tried_len + 1;
    }
    for (size_t i = request->tried_len; i > 0 && !MUTANT(TRIED_FORGOTTEN); i--) {
        if (strcmp(node, request->tried[i - 1].name) == 0) {
            return (uint32_t)i;
        }
    }
    return 0;
}

static void avoid(const struct core *core, const struct plan_cluster *cluster,
                  const struct placing *request, uint32_t vm, struct avoids *avoids)
{
    const char *vm_name = request->spec->key.name;
    bool is_kept = request->is_moving && live_shuns_stops(&core->world, vm_name, request->way);
    if (!is_kept && !request->only_node && !request->failed_node && request->tried_len == 0) {
        return; /* as most, of thousands on a thousand hosts */
    }
    for (uint32_t node = 0; node < cluster->nodes.len; node++) {
        const char *name = cluster->nodes.items[node];
        bool is_other = request->only_node && strcmp(name, request->only_node) != 0;
        bool would_stop = is_kept && !is_other && live_would_stop(&core->world, vm_name, name);
        bool is_hard = is_other || (would_stop && request->way == MIGRATION_LIVE);
        uint32_t weight = tried_when(request, name) + would_stop;
        if (is_hard || weight > 0) {
            ADD(&avoids->list, ((struct plan_avoid){vm, node, is_hard, would_stop, weight}));
        }
    }
}

/* ---- the answer ---- */

static void take_placement(const struct plan_cluster *cluster, const struct plan *plan,
                           const struct plan_placement *placement, struct placing *request)
{
    request->is_placed = true;
    (void)snprintf(request->node, sizeof(request->node), "%s",
                   cluster->nodes.items[placement->node]);
    for (uint32_t i = 0; i < placement->gpu_len; i++) {
        uint32_t gpu = plan->gpus.items[placement->gpu_first + i];
        ADD(&request->gpus, plan_cluster_hold(cluster, gpu));
    }
}

static void take_reasons(const struct plan_cluster *cluster,
                         const struct plan_request *plan_request,
                         const struct plan_waiting *waiting, struct placing *request)
{
    for (uint32_t node = 0; node < cluster->nodes.len && node < reasons_max; node++) {
        struct reason reason = {0};
        (void)snprintf(reason.node, sizeof(reason.node), "%s", cluster->nodes.items[node]);
        reason.cause = plan_cluster_why(cluster, plan_request, waiting->why, waiting->vm, node);
        ADD(&request->reasons, reason);
    }
}

static void take_evictions(const struct plan_cluster *cluster, const struct plan *plan,
                           evictions_t *ret)
{
    VEC_EACH(&plan->evictions, eviction) {
        struct eviction copy = {0};
        (void)snprintf(copy.vm, sizeof(copy.vm), "%s", cluster->vms.items[eviction->vm]);
        (void)snprintf(copy.node, sizeof(copy.node), "%s", cluster->nodes.items[eviction->node]);
        (void)snprintf(copy.by, sizeof(copy.by), "%s", cluster->vms.items[eviction->by]);
        ADD(ret, copy);
    }
}

/* Of each VM of the model, which request is about it; NULL: none. */
struct asked {
    VEC(struct placing *) by_vm;
};

static void find_asked(const struct plan_cluster *cluster, const struct plan_request *plan_request,
                       struct placing *requests, size_t len, struct asked *ret)
{
    for (size_t i = 0; i < cluster->vms.len; i++) {
        ADD(&ret->by_vm, NULL);
    }
    for (size_t i = 0; i < len; i++) {
        ret->by_vm.items[plan_request->vms[i]] = &requests[i];
    }
}

static void take_plan(const struct plan_cluster *cluster, const struct plan_request *plan_request,
                      const struct plan *plan, const struct asked *asked)
{
    VEC_EACH(&plan->placements, placement) {
        if (asked->by_vm.items[placement->vm]) {
            take_placement(cluster, plan, placement, asked->by_vm.items[placement->vm]);
        }
    }
    VEC_EACH(&plan->waiting, waiting) {
        if (asked->by_vm.items[waiting->vm]) {
            take_reasons(cluster, plan_request, waiting, asked->by_vm.items[waiting->vm]);
        }
    }
}

/* ---- room that is kept ---- */

/* For the most important ones: it takes a look at every node for each. */
static void take_hopes(const struct plan_cluster *cluster, const struct plan_request *plan_request,
                       const struct plan *plan, const struct asked *asked)
{
    enum { hopes_max = 16 };
    size_t hopes = 0;
    for (size_t k = 0; k < plan->waiting.len && hopes < hopes_max; k++) {
        uint32_t vm = plan->waiting.items[k].vm;
        struct placing *request = asked->by_vm.items[vm];
        if (request && request->wants_hope) {
            hopes++;
            uint32_t node = plan_hope(cluster->model, plan_request, vm);
            (void)snprintf(request->node, sizeof(request->node), "%s",
                           node == PLAN_NONE ? "" : cluster->nodes.items[node]);
        }
    }
}

/* The same by numbers. */
struct kept {
    uint32_t vm, node;
};

static struct kept keep(const struct plan_cluster *cluster, const struct kept_room *room)
{
    struct kept kept = {PLAN_NONE, PLAN_NONE};
    if (room) {
        kept.vm = plan_cluster_find_vm(cluster, room->vm);
        kept.node = plan_cluster_find_node(cluster, room->node);
    }
    if (kept.vm != PLAN_NONE && kept.node != PLAN_NONE) {
        plan_vm_keep(cluster->model, kept.vm, kept.node);
    }
    return kept;
}

/* Gives it free, and says of those who would fit there now what they wait for. */
static void unkeep(const struct plan_cluster *cluster, const struct plan_request *plan_request,
                   const struct kept *kept, struct placing *requests, size_t len)
{
    if (kept->vm == PLAN_NONE || kept->node == PLAN_NONE) {
        return;
    }
    plan_vm_unkeep(cluster->model, kept->vm, kept->node);
    for (size_t i = 0; i < len; i++) {
        if (kept->node < requests[i].reasons.len &&
            plan_explain(cluster->model, plan_request, plan_request->vms[i], kept->node).code ==
                PLAN_FITS) {
            requests[i].reasons.items[kept->node].cause =
                cause_make(CAUSE_ROOM_KEPT, NULL, cluster->vms.items[kept->vm], NULL);
        }
    }
}

void placing_plan(struct core *core, struct placing *requests, size_t len,
                  bool may_refuse_for_reserve, const struct kept_room *room,
                  evictions_t *ret_evictions)
{
    const struct cluster_settings *settings = world_settings(&core->world);
    struct plan_cluster cluster = {0};
    struct avoids avoids = {0};
    struct plan plan = {0};
    questions_t questions = {0};
    struct asked asked = {0};
    VEC(uint32_t) vms = {0};
    for (size_t i = 0; i < len; i++) {
        ADD(&questions, ((struct plan_cluster_vm){.name = requests[i].spec->key.name,
                                                  .prefer_node = requests[i].prefer_node,
                                                  .is_new_place = !requests[i].is_moving}));
    }
    if (ret_evictions) {
        pin(core, &questions);
    }
    make_cluster(core, &questions, &cluster);
    for (size_t i = 0; i < len; i++) {
        uint32_t vm = plan_cluster_find_vm(&cluster, questions.items[i].name);
        ADD(&vms, vm);
        avoid(core, &cluster, &requests[i], vm, &avoids);
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
    struct kept kept = keep(&cluster, room);
    if (plan_place(cluster.model, &request, &plan) < 0) {
        core_out_of_memory();
    }
    change_searched(core, plan.steps);
    find_asked(&cluster, &request, requests, len, &asked);
    take_plan(&cluster, &request, &plan, &asked);
    take_hopes(&cluster, &request, &plan, &asked);
    VEC_DONE(&asked.by_vm);
    unkeep(&cluster, &request, &kept, requests, len);
    if (ret_evictions) {
        take_evictions(&cluster, &plan, ret_evictions);
    }
    plan_done(&plan);
    VEC_DONE(&vms);
    VEC_DONE(&questions);
    VEC_DONE(&avoids.list);
    plan_cluster_done(&cluster);
}

void placing_done(struct placing *request)
{
    VEC_DONE(&request->gpus);
    VEC_DONE(&request->reasons);
}
