/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/planning.h"

#include "core/answer.h"
#include "core/evict.h"
#include "core/group.h"
#include "core/handing.h"
#include "core/hold.h"
#include "core/lead.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/placing.h"

#include <assert.h>
#include <stdlib.h>

static void ask(const struct core *core, const struct job *job, struct placing *request)
{
    const struct vm_placement *old = job->view.placement ? job->view.placement->placement : NULL;
    request->spec = job->view.spec;
    request->is_moving = job->purpose == PURPOSE_MOVE || job->purpose == PURPOSE_DRAIN ||
                         job->purpose == PURPOSE_FAILBACK || job->purpose == PURPOSE_REPAIR;
    request->way = request->is_moving ? handing_way(core, job) : MIGRATION_RESTART;
    request->only_node = job_target(job);
    request->prefer_node = job->purpose == PURPOSE_MEND ? old->node : NULL;
    if (old && job->tally.failovers > 0) {
        request->failed_node = job->tally.failed_node;
        request->tried = old->tried.items;
        request->tried_len = old->tried.len;
    }
    if (job->purpose == PURPOSE_RECOVER && old && old->node[0] != '\0') {
        request->prefer_node = job->tally.failed_node[0] == '\0' ? old->node : NULL;
    }
    request->wants_hope = evict_wants_hope(core, job);
}

/* Whether it comes after those that must run again: what is comfort, and, where a reserve has to be
 * kept, starts that someone asked for. Else starts and recoveries go by priority alone. */
static bool can_wait(const struct core *core, const struct job *job)
{
    const struct cluster_settings *settings = world_settings(&core->world);
    bool has_reserve = settings->reserve > 0 && settings->reserve_policy == RESERVE_REFUSE;
    return job->purpose == PURPOSE_MOVE || job->purpose == PURPOSE_FAILBACK ||
           job->purpose == PURPOSE_REPAIR || (job->purpose == PURPOSE_START && has_reserve);
}

typedef VEC(struct job *) asked_t;

static void add_asked(asked_t *asked, struct job *job)
{
    struct job **slot = VEC_ADD(asked);
    if (!slot) {
        core_out_of_memory();
    }
    *slot = job;
}

/* What one request is about. */
struct round {
    asked_t asked;
    bool is_asked;    /* someone asked for them */
    bool is_kept_out; /* from the room that there is for another */
};

/* Whether the job at 'a' is to be carried out before that at 'b'. */
static int compare_importance(const void *a, const void *b, void *context)
{
    const asked_t *asked = context;
    const size_t *x = a, *y = b;
    uint32_t p = asked->items[*x]->view.spec->vm_spec->priority;
    uint32_t q = asked->items[*y]->view.spec->vm_spec->priority;
    return p != q ? (p > q ? -1 : 1) : *x < *y ? -1 : *x > *y;
}

/* Of what cannot all be done at once, the most important is done first. */
static void carry_out(struct core *core, struct jobs *jobs, const asked_t *asked,
                      struct placing *answers)
{
    VEC(size_t) order = {0};
    if (!VEC_RESERVE(&order, asked->len)) {
        core_out_of_memory();
    }
    for (size_t i = 0; i < asked->len; i++) {
        order.items[order.len++] = i;
    }
    if (order.len > 0) {
        qsort_r(order.items, order.len, sizeof(size_t), compare_importance,
                (void *)(uintptr_t)asked);
    }
    VEC_EACH(&order, each) {
        size_t i = *each;
        if (change_is_full(core)) {
            break; /* the rest is planned again when some of these have arrived */
        }
        if (change_find(core, asked->items[i]->view.name)) {
            continue; /* it has just been told to make room, by an earlier round */
        }
        if (answers[i].is_placed && asked->items[i]->is_held) {
            continue;
        }
        /* Comfort is for the whole group or none: else a rule would have to bring it back. */
        if (answers[i].is_placed && asked->items[i]->purpose == PURPOSE_FAILBACK &&
            !MUTANT(GROUP_SPLIT) &&
            group_is_torn(core, jobs->groups, asked->items[i], answers, asked->len)) {
            continue;
        }
        bool waits = answers[i].is_placed &&
                     group_must_wait(core, jobs->groups, asked->items[i], answers, asked->len);
        if (!waits) {
            answer_apply(core, asked->items[i], &answers[i]);
        }
    }
    VEC_DONE(&order);
}

/* Plans those jobs in one request and carries out the answers. False: nothing was done, since room
 * is to be kept from some of them. */
static bool plan_round(struct core *core, struct jobs *jobs, const struct round *round)
{
    const asked_t *asked = &round->asked;
    evictions_t evictions = {0};
    VEC(struct placing) requests = {0};
    VEC_EACH(asked, job) {
        struct placing *request = VEC_ADD(&requests);
        if (!request) {
            core_out_of_memory();
        }
        ask(core, *job, request);
    }
    bool may_evict = world_settings(&core->world)->preemption && !jobs->is_evicting &&
                     !round->is_asked && !core_is_disarmed(core);
    struct kept_room kept;
    bool is_kept_out = round->is_kept_out && evict_room(core, &kept);
    if (requests.len > 0) {
        placing_plan(core, requests.items, requests.len, round->is_asked,
                     is_kept_out ? &kept : NULL, may_evict ? &evictions : NULL);
    }
    bool is_again = evict_keep(core, asked->items, requests.items, requests.len);
    if (may_evict && !is_again) {
        jobs->is_evicting |= evict_order(core, &evictions);
        for (size_t i = 0; i < requests.len && !jobs->is_evicting; i++) {
            evict_look(core, asked->items[i], &requests.items[i]);
        }
    }
    if (!is_again) {
        carry_out(core, jobs, asked, requests.items);
    }
    VEC_EACH(&requests, request) {
        placing_done(request);
    }
    VEC_DONE(&evictions);
    VEC_DONE(&requests);
    return !is_again;
}

/* In this order: first those for whom no room is kept out of reach. */
enum { RECOVERING, RECOVERING_LATER, STARTING, STARTING_LATER, round_count };

static void sort_jobs(struct core *core, struct jobs *jobs, struct round *rounds, asked_t *mending)
{
    struct precedence precedence = {0};
    VEC_EACH(&jobs->list, job) {
        if (change_is_full(core)) {
            break;
        }
        if (change_find(core, job->view.name) || hold_for_another(core, job)) {
            continue; /* on its way, by an earlier round perhaps */
        }
        precedence_look(core, &precedence);
        job->is_held = evict_must_wait(&precedence, job);
        size_t later = evict_comes_first(&precedence, job) ? 0 : 1;
        add_asked(job->purpose == PURPOSE_MEND ? mending
                  : can_wait(core, job)        ? &rounds[STARTING + later].asked
                                               : &rounds[RECOVERING + later].asked,
                  job);
    }
    precedence_done(&precedence);
}

/* False: room is to be kept, so the rest is to be sorted again. */
static bool plan_all(struct core *core, struct jobs *jobs)
{
    struct round rounds[round_count] = {
        [RECOVERING_LATER] = {.is_kept_out = true},
        [STARTING] = {.is_asked = true},
        [STARTING_LATER] = {.is_asked = true, .is_kept_out = true},
    };
    asked_t mending = {0};
    bool is_done = true;
    sort_jobs(core, jobs, rounds, &mending);
    for (size_t i = 0; i < round_count; i++) {
        is_done = is_done && (change_is_full(core) || plan_round(core, jobs, &rounds[i]));
        VEC_DONE(&rounds[i].asked);
    }
    VEC_EACH(&mending, job) {
        struct precedence precedence = {0};
        precedence_look(core, &precedence);
        struct round alone = {.is_kept_out = !evict_comes_first(&precedence, *job)};
        precedence_done(&precedence);
        add_asked(&alone.asked, *job);
        is_done = is_done && (change_is_full(core) || plan_round(core, jobs, &alone));
        VEC_DONE(&alone.asked);
    }
    VEC_DONE(&mending);
    return is_done;
}

void planning_do(struct core *core, struct jobs *jobs)
{
    assert(lead_is_ours(core) &&
           core->world.is_complete); /* a plan of a part gives away the rest */
    while (!plan_all(core, jobs)) {
        /* Room is kept for one VM only, so this is not asked for twice. */
    }
    if (!change_is_full(core)) { /* else perhaps not everyone had the chance */
        evict_done(core);
    }
}
