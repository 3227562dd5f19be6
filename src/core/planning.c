/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/planning.h"

#include "core/answer.h"
#include "core/evict.h"
#include "core/group.h"
#include "core/hold.h"
#include "core/memory.h"
#include "core/placing.h"

static void ask(const struct job *job, struct placing *request)
{
    const struct vm_placement *old = job->view.placement ? job->view.placement->placement : NULL;
    request->spec = job->view.spec;
    request->is_moving = job->purpose == PURPOSE_MOVE || job->purpose == PURPOSE_DRAIN ||
                         job->purpose == PURPOSE_FAILBACK || job->purpose == PURPOSE_REPAIR;
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
}

/* Whether it comes after those that must run again: what is comfort, and, where a reserve has to be
 * kept, starts that somebody asked for. Else starts and recoveries go by priority alone. */
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

/* Plans those jobs in one request and carries out the answers. */
static void plan_together(struct core *core, struct jobs *jobs, const asked_t *asked, bool is_asked)
{
    evictions_t evictions = {0};
    VEC(struct placing) requests = {0};
    VEC_EACH(asked, job) {
        struct placing *request = VEC_ADD(&requests);
        if (!request) {
            core_out_of_memory();
        }
        ask(*job, request);
    }
    bool may_evict = world_settings(&core->world)->preemption && !jobs->is_evicting && !is_asked &&
                     !core_is_disarmed(core);
    if (requests.len > 0) {
        placing_plan(core, requests.items, requests.len, is_asked, may_evict ? &evictions : NULL);
    }
    if (may_evict) {
        jobs->is_evicting |= evict_order(core, &evictions);
        for (size_t i = 0; i < requests.len && !jobs->is_evicting; i++) {
            evict_look(core, asked->items[i], &requests.items[i]);
        }
    }
    for (size_t i = 0; i < requests.len; i++) {
        bool waits =
            requests.items[i].is_placed &&
            group_must_wait(core, jobs->groups, asked->items[i], requests.items, requests.len);
        if (!waits && !evict_must_leave_room(core, asked->items[i], &requests.items[i])) {
            answer_apply(core, asked->items[i], &requests.items[i]);
        }
        placing_done(&requests.items[i]);
    }
    VEC_DONE(&evictions);
    VEC_DONE(&requests);
}

void planning_do(struct core *core, struct jobs *jobs)
{
    asked_t first = {0}, recovering = {0}, starting = {0}, mending = {0};
    VEC_EACH(&jobs->list, job) {
        if (hold_for_another(core, job)) {
            continue;
        }
        add_asked(job->purpose == PURPOSE_MEND   ? &mending
                  : can_wait(core, job)          ? &starting
                  : evict_comes_first(core, job) ? &first
                                                 : &recovering,
                  job);
    }
    plan_together(core, jobs, &first, false);
    plan_together(core, jobs, &recovering, false);
    plan_together(core, jobs, &starting, true);
    VEC_EACH(&mending, job) {
        asked_t alone = {0};
        add_asked(&alone, *job);
        plan_together(core, jobs, &alone, false);
        VEC_DONE(&alone);
    }
    VEC_DONE(&first);
    VEC_DONE(&recovering);
    VEC_DONE(&starting);
    VEC_DONE(&mending);
}
