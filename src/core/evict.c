/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/evict.h"

#include "core/memory.h"
#include "core/mutant.h"
#include "core/peer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    patience_ms = 10 * 60 * 1000, /* for a VM for which room was made, if it does not come */
    keep_ms = 2 * 60 * 1000,      /* room is kept so long at first, ... */
    keep_max_ms = 64 * 60 * 1000, /* ... and each time that it lapsed twice as long */
};

struct evicting {
    char vm[name_size];   /* for it; "": no room is made or kept */
    char node[name_size]; /* there */
    bool is_made;         /* others were stopped for it */
    bool has_lapsed;      /* just now: for once, all may have what there is */
    msec_t until_ms;      /* not longer than this */
    msec_t span_ms;       /* how long the next room is kept */
};

bool evict_init(struct core *core)
{
    core->evicting = calloc(1, sizeof(*core->evicting));
    if (core->evicting) {
        core->evicting->span_ms = keep_ms;
    }
    return core->evicting != NULL;
}

static bool is_making_room(const struct record *record)
{
    return record && record->placement->phase == PLACEMENT_STOP &&
           record->placement->cause.code == CAUSE_EVICTED;
}

/* As the store has it, too: what a VM has given up is free only once that is there. */
bool evict_is_going_on(const struct core *core)
{
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each) {
        const struct intent *next = change_find(core, (*each)->key.name);
        if (is_making_room(*each) || (next && is_making_room(next->placement))) {
            return true;
        }
    }
    return false;
}

static bool still_waits(const struct core *core, const char *vm)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    const struct record *placement = change_placement(core, vm);
    return spec && spec->vm_spec->desired == VM_STARTED && !spec->vm_spec->is_unmanaged &&
           (!placement ||
            (placement->placement->phase == PLACEMENT_NONE && !placement->placement->is_failed));
}

/* No one needs the room any more, or not there. */
static void drop(struct core *core)
{
    struct evicting *room = core->evicting;
    room->vm[0] = '\0';
    room->span_ms = keep_ms;
}

/* It was kept long enough. */
static void lapse(struct core *core)
{
    struct evicting *room = core->evicting;
    room->vm[0] = '\0';
    room->has_lapsed = true;
    room->span_ms = MIN(2 * room->span_ms, (msec_t)keep_max_ms);
}

void evict_step(struct core *core)
{
    struct evicting *room = core->evicting;
    if (room->vm[0] == '\0') {
        return;
    }
    bool is_over = core->now_ms >= room->until_ms;
    if (!still_waits(core, room->vm) || !peer_takes_vms(core, room->node) ||
        (is_over && room->is_made)) {
        drop(core);
    } else if (is_over) {
        lapse(core);
    } else {
        change_again(core, room->until_ms);
    }
}

static void begin(struct core *core, const char *vm, const char *node, bool is_made, msec_t span_ms)
{
    struct evicting *room = core->evicting;
    (void)snprintf(room->vm, sizeof(room->vm), "%s", vm);
    (void)snprintf(room->node, sizeof(room->node), "%s", node);
    room->is_made = is_made;
    room->until_ms = core->now_ms + span_ms;
    change_again(core, room->until_ms);
}

/* Stops one VM. The planner chose it, and takes only from VMs of lower priority. What it has stays
 * its own until it is proven gone: the VM that gets the room is planned again then. */
static void evict(struct core *core, const struct eviction *eviction)
{
    struct view view;
    assert(strcmp(eviction->vm, eviction->by) != 0); /* it would stop to make room for itself */
    change_look(core, eviction->vm, &view);
    bool runs = view.placement && view.placement->placement->phase == PLACEMENT_START;
    if (!runs || change_find(core, eviction->vm)) {
        return; /* the next plan will ask for it again */
    }
    change_stop(core, &view, cause_make(CAUSE_EVICTED, NULL, eviction->by, NULL), false);
}

bool evict_order(struct core *core, const evictions_t *evictions)
{
    struct evicting *room = core->evicting;
    bool has_any = false;
    VEC_EACH(evictions, eviction) {
        bool is_free = room->vm[0] == '\0' || !room->is_made; /* to stop VMs is to be sure of it */
        if (is_free && still_waits(core, eviction->by)) {
            begin(core, eviction->by, eviction->node, true, patience_ms);
        }
        if (strcmp(room->vm, eviction->by) == 0) {
            memcpy(room->node, eviction->node, sizeof(room->node));
            evict(core, eviction);
            has_any = true;
        }
    }
    return has_any;
}

void evict_look(struct core *core, const struct job *job, const struct placing *answer)
{
    struct evicting *room = core->evicting;
    if (room->is_made && strcmp(room->vm, job->view.name) == 0 && !answer->is_placed) {
        drop(core);
        change_again(core, core->now_ms + 1); /* others may have it now */
    }
}

/* ---- room that is kept ---- */

/* It has no place, nor had one until now: it is new, or has waited. What was on a lost host, or
 * ended, starts again whatever others wait for. */
static bool is_taker(const struct job *job)
{
    const struct record *placement = job->view.placement;
    return (job->purpose == PURPOSE_START || job->purpose == PURPOSE_RECOVER) &&
           (!placement || placement->placement->phase == PLACEMENT_NONE);
}

/* The priorities that count; VEC_DONE() them. */
static inherited_priorities_t priorities(const struct core *core)
{
    inherited_priorities_t inherited = {0};
    if (!priority_inherit(&core->world, &inherited)) {
        core_out_of_memory();
    }
    return inherited;
}

/* Whether it waits for a host, and its reasons are being written again. */
static bool is_rewritten(const struct core *core, const struct intent *intent)
{
    const struct record *stored = world_find(&core->world, RECORD_VM_PLACEMENT, intent->vm);
    return stored && stored->placement->phase == PLACEMENT_NONE &&
           stored->placement->cause.code == CAUSE_NO_HOST && intent->placement &&
           still_waits(core, intent->vm);
}

void precedence_done(struct precedence *precedence)
{
    VEC_DONE(&precedence->inherited);
}

void precedence_look(const struct core *core, struct precedence *ret)
{
    const struct evicting *room = core->evicting;
    if (ret->is_known && ret->change_len == core->changes->intents.len) {
        return;
    }
    precedence_done(ret);
    *ret = (struct precedence){
        .is_known = true,
        .change_len = core->changes->intents.len,
        .inherited = priorities(core),
        .kept = room->vm[0] ? world_find(&core->world, RECORD_VM_SPEC, room->vm) : NULL,
        .is_made = room->is_made,
    };
    VEC_EACH(&core->changes->intents, intent) {
        if (is_rewritten(core, intent) && !MUTANT(ROOM_NOT_KEPT)) {
            const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, intent->vm);
            ret->rewritten = MAX(ret->rewritten, priority_of(&ret->inherited, spec));
        }
    }
}

bool evict_comes_first(const struct precedence *precedence, const struct job *job)
{
    const struct record *vm = precedence->kept;
    return !vm || (!precedence->is_made && !is_taker(job)) ||
           priority_of(&precedence->inherited, job->view.spec) >=
               priority_of(&precedence->inherited, vm);
}

/* While a change of it is on its way a VM is not planned, but it may be waited for. */
bool evict_must_wait(const struct precedence *precedence, const struct job *job)
{
    return is_taker(job) &&
           precedence->rewritten > priority_of(&precedence->inherited, job->view.spec);
}

bool evict_room(const struct core *core, struct kept_room *ret)
{
    *ret = (struct kept_room){core->evicting->vm, core->evicting->node};
    return core->evicting->vm[0] != '\0' && still_waits(core, core->evicting->vm);
}

/* The store says that it waits for a host. What is placed together with it for the first time goes
 * by priority alone. */
bool evict_wants_hope(const struct core *core, const struct job *job)
{
    const struct evicting *room = core->evicting;
    const struct vm_placement *p = job->view.placement ? job->view.placement->placement : NULL;
    bool is_free = room->vm[0] == '\0' || strcmp(room->vm, job->view.name) == 0;
    return is_free && !room->has_lapsed && is_taker(job) && p && p->cause.code == CAUSE_NO_HOST &&
           p->start_order == job->view.spec->vm_spec->start_order && !MUTANT(ROOM_NOT_KEPT);
}

/* What the rounds below look at. */
struct outlook {
    struct job *const *jobs;
    const struct placing *answers;
    size_t len;
    inherited_priorities_t inherited;
};

static uint32_t priority_at(const struct outlook *outlook, size_t i)
{
    return priority_of(&outlook->inherited, outlook->jobs[i]->view.spec);
}

/* Whether a VM that matters less than the one at 'waiting' would begin where that one has hope. */
static bool has_taker(const struct outlook *outlook, size_t waiting)
{
    for (size_t i = 0; i < outlook->len; i++) {
        const struct placing *answer = &outlook->answers[i];
        if (answer->is_placed && strcmp(answer->node, outlook->answers[waiting].node) == 0 &&
            is_taker(outlook->jobs[i]) && priority_at(outlook, i) < priority_at(outlook, waiting)) {
            return true;
        }
    }
    return false;
}

/* The most important VM that is to have room kept; 'len': none. */
static size_t find_kept(const struct outlook *outlook)
{
    size_t best = outlook->len;
    for (size_t i = 0; i < outlook->len; i++) {
        const struct placing *answer = &outlook->answers[i];
        if (!answer->is_placed && answer->node[0] != '\0' &&
            (best == outlook->len || priority_at(outlook, i) > priority_at(outlook, best)) &&
            has_taker(outlook, i)) {
            best = i;
        }
    }
    return best;
}

/* Where the VM for which room is kept has hope now: what runs there may have changed. */
static void follow(struct core *core, const struct job *job, const struct placing *answer)
{
    struct evicting *room = core->evicting;
    if (!room->is_made && answer->wants_hope && !answer->is_placed && answer->node[0] == '\0') {
        drop(core); /* what it lacks is something else by now */
    } else if (!room->is_made && answer->wants_hope && !answer->is_placed) {
        assert(strcmp(job->view.name, room->vm) == 0);
        memcpy(room->node, answer->node, sizeof(room->node));
    }
}

bool evict_keep(struct core *core, struct job *const *jobs, const struct placing *answers,
                size_t len)
{
    struct evicting *room = core->evicting;
    if (room->vm[0] != '\0') {
        for (size_t i = 0; i < len; i++) {
            if (strcmp(jobs[i]->view.name, room->vm) == 0) {
                follow(core, jobs[i], &answers[i]);
                break;
            }
        }
        return false;
    }
    struct outlook outlook = {jobs, answers, len, priorities(core)};
    size_t kept = find_kept(&outlook);
    VEC_DONE(&outlook.inherited);
    if (kept == len) {
        return false;
    }
    begin(core, jobs[kept]->view.name, answers[kept].node, false, room->span_ms);
    return true;
}

void evict_done(struct core *core)
{
    core->evicting->has_lapsed = false;
}
