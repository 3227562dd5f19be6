/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/group.h"

#include "core/better.h"
#include "core/hold.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/refusal.h"
#include "core/sight.h"

#include <assert.h>
#include <string.h>

/* For how long the first VMs of a group wait for a host that takes all of it: hosts that boot
 * together come back within seconds. */
enum { group_wait_ms = 10000 };

static void add_ties(struct groups *groups, const struct record *spec, const struct vm_name *others,
                     size_t len, bool is_together)
{
    for (size_t i = 0; i < len; i++) {
        struct tie *tie = VEC_ADD(&groups->ties);
        if (!tie) {
            core_out_of_memory();
        }
        *tie = (struct tie){spec->key.name, others[i].name, is_together};
    }
}

void group_find(const struct core *core, struct groups *ret)
{
    *ret = (struct groups){0};
    WORLD_EACH(&core->world, RECORD_VM_SPEC, each) {
        const struct vm_spec *spec = (*each)->vm_spec;
        if (spec->is_affinity_enforced) {
            add_ties(ret, *each, spec->together.items, spec->together.len, true);
        }
        if (spec->is_apart_enforced) {
            add_ties(ret, *each, spec->apart.items, spec->apart.len, false);
        }
    }
}

/* The other VM of 'tie'; NULL: 'vm' is none of the two. */
static const char *partner(const struct tie *tie, const char *vm)
{
    return strcmp(tie->a, vm) == 0 ? tie->b : strcmp(tie->b, vm) == 0 ? tie->a : NULL;
}

static void add_member(members_t *members, const char *vm)
{
    VEC_EACH(members, known) {
        if (strcmp(*known, vm) == 0) {
            return;
        }
    }
    const char **place = VEC_ADD(members);
    if (!place) {
        core_out_of_memory();
    }
    *place = vm;
}

/* 'vm', and all that must be together with it, directly or through others. */
static void find_members(const struct groups *groups, const char *vm, members_t *ret)
{
    *ret = (members_t){0};
    add_member(ret, vm);
    for (size_t i = 0; i < ret->len; i++) {
        VEC_EACH(&groups->ties, tie) {
            const char *other = tie->is_together ? partner(tie, ret->items[i]) : NULL;
            if (other) {
                add_member(ret, other);
            }
        }
    }
}

/* Whether 'vm' runs and could be moved now; as it stands, into '*ret'. */
static bool is_movable(const struct core *core, const char *vm, struct view *ret)
{
    change_look(core, vm, ret);
    const struct vm_placement *p = ret->placement ? ret->placement->placement : NULL;
    return p && ret->wants_to_run && ret->status && p->phase == PLACEMENT_START &&
           ret->status->status->epoch == p->epoch &&
           strcmp(ret->status->status->node, p->node) == 0 &&
           ret->status->status->state == VM_STATE_RUNNING && !change_find(core, vm) &&
           !hold_is_unmanaged(ret);
}

static const char *node_of(const struct view *view)
{
    return view->placement->placement->node;
}

/* ---- moves ---- */

static bool has_job(const struct jobs *jobs, const char *vm)
{
    VEC_EACH(&jobs->list, job) {
        if (strcmp(job->view.name, vm) == 0) {
            return true;
        }
    }
    return false;
}

static void add_mates_of(struct core *core, const struct groups *groups, struct jobs *jobs,
                         size_t leader)
{
    members_t members;
    find_members(groups, jobs->list.items[leader].view.name, &members);
    VEC_EACH(&members, member) {
        struct view view;
        const struct job job = jobs->list.items[leader]; /* the list grows */
        if (has_job(jobs, *member) || !is_movable(core, *member, &view) ||
            strcmp(node_of(&view), node_of(&job.view)) != 0 ||
            refusal_must_leave_alone(core, &view)) {
            continue;
        }
        struct job *mate =
            jobs_add(jobs, &view, job.purpose, cause_make(CAUSE_GROUP, NULL, job.view.name, NULL));
        mate->is_mate = true;
        mate->only_node = job_target(&job);
    }
    VEC_DONE(&members);
}

void group_add_mates(struct core *core, const struct groups *groups, struct jobs *jobs)
{
    size_t len = jobs->list.len;
    for (size_t i = 0; i < len && groups->ties.len > 0; i++) {
        enum purpose purpose = jobs->list.items[i].purpose;
        if ((purpose == PURPOSE_MOVE || purpose == PURPOSE_DRAIN || purpose == PURPOSE_FAILBACK ||
             purpose == PURPOSE_REPAIR) &&
            !MUTANT(GROUP_SPLIT)) {
            add_mates_of(core, groups, jobs, i);
        }
    }
}

/* Whether the VM of spec 'a' has to give way to that of 'b'. */
static bool gives_way(const struct record *a, const struct record *b)
{
    uint32_t mine = a->vm_spec->priority, its = b->vm_spec->priority;
    return mine != its ? mine < its : strcmp(a->key.name, b->key.name) > 0;
}

/* Whether the VM of 'spec', somewhere in a group, would rather stay than go to 'to' with 'view'. */
static bool holds_back(const struct record *spec, const struct view *view, const char *to)
{
    const struct vm_spec *other = spec->vm_spec;
    const char *from = node_of(view);
    bool is_worse = better_rank(other, to) > better_rank(other, from);
    return other->desired == VM_STARTED &&
           (better_is_told(other, from) || (is_worse && gives_way(view->spec, spec)));
}

bool group_follows(const struct core *core, const struct groups *groups, const struct view *view,
                   const char *to)
{
    members_t members;
    bool follows = true;
    find_members(groups, view->name, &members);
    VEC_EACH(&members, member) {
        const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, *member);
        follows &= !spec || !holds_back(spec, view, to);
    }
    VEC_DONE(&members);
    return follows || MUTANT(FAILBACK_SPLIT);
}

/* ---- rules that what runs breaks ---- */

bool group_is_changing(const struct core *core, const struct groups *groups, const char *vm)
{
    members_t members;
    bool is_changing = false;
    if (groups->ties.len == 0) {
        return false;
    }
    find_members(groups, vm, &members);
    VEC_EACH(&members, member) {
        is_changing |= change_find(core, *member) != NULL;
    }
    VEC_DONE(&members);
    VEC_EACH(&groups->ties, tie) {
        const char *other = tie->is_together ? NULL : partner(tie, vm);
        is_changing |= other && change_find(core, other);
    }
    return is_changing;
}

/* The member of its group that runs and gives way to no other. False: none runs. */
static bool find_greatest(const struct core *core, const struct groups *groups, const char *vm,
                          struct view *ret)
{
    members_t members;
    bool is_found = false;
    find_members(groups, vm, &members);
    VEC_EACH(&members, member) {
        struct view view;
        if (is_movable(core, *member, &view) && (!is_found || gives_way(ret->spec, view.spec))) {
            *ret = view;
            is_found = true;
        }
    }
    VEC_DONE(&members);
    return is_found;
}

const char *group_home(const struct core *core, const struct groups *groups, const char *vm)
{
    struct view greatest;
    return find_greatest(core, groups, vm, &greatest) ? node_of(&greatest) : NULL;
}

const char *group_breaks(const struct core *core, const struct groups *groups, const char *vm,
                         bool *ret_is_together)
{
    struct view mine, other, greatest;
    if (groups->ties.len == 0 || !is_movable(core, vm, &mine)) {
        return NULL;
    }
    VEC_EACH(&groups->ties, tie) {
        const char *name = partner(tie, vm);
        if (!name || strcmp(name, vm) == 0 || !is_movable(core, name, &other)) {
            continue;
        }
        bool is_beside = strcmp(node_of(&mine), node_of(&other)) == 0;
        *ret_is_together = tie->is_together;
        if (!tie->is_together && is_beside && gives_way(mine.spec, other.spec)) {
            return name;
        }
        if (tie->is_together && find_greatest(core, groups, vm, &greatest) &&
            strcmp(node_of(&mine), node_of(&greatest)) != 0) {
            return greatest.name;
        }
    }
    return NULL;
}

/* ---- placed as one ---- */

/* The answer about 'vm'; NULL: it was not asked about. */
static const struct placing *answer_of(const struct placing *answers, size_t len, const char *vm)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(answers[i].spec->key.name, vm) == 0) {
            return &answers[i];
        }
    }
    return NULL;
}

/* The first of 'members' that was asked about and has no place; NULL: none, or one of them has its
 * place already, so that the others can only join it. */
static const char *find_left_out(const struct core *core, const members_t *members,
                                 const struct placing *answers, size_t len)
{
    const char *left_out = NULL;
    VEC_EACH(members, member) {
        const struct placing *answer = answer_of(answers, len, *member);
        const struct record *placement = change_placement(core, *member);
        if (!answer && placement && placement->placement->phase != PLACEMENT_NONE) {
            return NULL;
        }
        /* What is on its way to say that it waits is asked about in the next plan. */
        bool is_out = answer ? !answer->is_placed : change_find(core, *member) != NULL;
        left_out = !left_out && is_out ? *member : left_out;
    }
    return left_out;
}

bool group_is_torn(const struct core *core, const struct groups *groups, const struct job *job,
                   const struct placing *answers, size_t len)
{
    members_t members;
    bool is_torn = false;
    const struct placing *mine = answer_of(answers, len, job->view.name);
    assert(mine && mine->is_placed);
    find_members(groups, job->view.name, &members);
    VEC_EACH(&members, member) {
        const struct placing *answer = answer_of(answers, len, *member);
        const struct record *placement = change_placement(core, *member);
        const char *there = answer ? (answer->is_placed ? answer->node : "")
                            : placement && placement->placement->phase != PLACEMENT_NONE
                                ? placement->placement->node
                                : mine->node;
        is_torn |= strcmp(there, mine->node) != 0;
    }
    VEC_DONE(&members);
    return is_torn;
}

static void wait(struct core *core, const struct job *job, const char *other)
{
    struct record *next = job_draft_waiting(job);
    next->placement->cause = cause_make(CAUSE_GROUP_WAITS, NULL, other, NULL);
    (void)change_commit(core, &job->view, next);
}

bool group_must_wait(struct core *core, const struct groups *groups, const struct job *job,
                     const struct placing *answers, size_t len)
{
    const struct record *record = job->view.placement;
    const struct vm_placement *p = record ? record->placement : NULL;
    bool is_start = job->purpose == PURPOSE_START || job->purpose == PURPOSE_RECOVER;
    if (!is_start || groups->ties.len == 0 || MUTANT(GROUP_SPLIT)) {
        return false;
    }
    members_t members;
    find_members(groups, job->view.name, &members);
    const char *other = members.len > 1 ? find_left_out(core, &members, answers, len) : NULL;
    VEC_DONE(&members);
    if (!other) {
        return false;
    }
    bool waits = p && p->phase == PLACEMENT_NONE && p->cause.code == CAUSE_GROUP_WAITS;
    msec_t due_ms = waits ? sight_placement_ms(core, job->view.name) + group_wait_ms : MSEC_NEVER;
    if (core->now_ms >= due_ms) {
        return false; /* no host takes all of them, it seems: better some than none */
    }
    if (waits) {
        change_again(core, due_ms);
    } else {
        wait(core, job, other);
    }
    return true;
}
