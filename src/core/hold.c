/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/hold.h"

#include "core/elsewhere.h"
#include "core/mutant.h"
#include "core/peer.h"
#include "core/proof.h"

#include <string.h>

bool hold_is_unmanaged(const struct view *view)
{
    return view->spec && view->spec->vm_spec->is_unmanaged && !MUTANT(UNMANAGED_IGNORED);
}

static bool is_readable(const struct core *core, const char *vm)
{
    return core_is_readable(core, RECORD_VM_SPEC, vm) &&
           core_is_readable(core, RECORD_VM_PLACEMENT, vm) &&
           core_is_readable(core, RECORD_VM_STATUS, vm);
}

/* As its host last said, and nothing proves that it is over since: the host may live in a new
 * incarnation. */
static bool runs(const struct core *core, const struct view *view)
{
    const struct vm_placement *p = view->placement ? view->placement->placement : NULL;
    const struct vm_status *status = view->status ? view->status->status : NULL;
    return p && status && p->phase == PLACEMENT_START && status->epoch == p->epoch &&
           status->state == VM_STATE_RUNNING && peer_is_up(core, status->node) &&
           proof_instance_gone(&core->world, view->name, p) == GONE_NOT;
}

/*
 * Whether Berth is still to bring 'vm' up. Not if only a person can: a VM that failed for good, is
 * unmanaged or left its host past Berth would hold up others for ever. Those start without it.
 */
static bool is_coming(const struct core *core, const char *vm)
{
    struct view view;
    change_look(core, vm, &view);
    if (!view.wants_to_run || hold_is_unmanaged(&view) || !is_readable(core, vm)) {
        return false;
    }
    const struct vm_placement *p = view.placement ? view.placement->placement : NULL;
    bool is_given_up = p && p->is_failed && p->start_order == view.spec->vm_spec->start_order;
    return !is_given_up && !elsewhere_is(core, &view) && !runs(core, &view);
}

/* The first VM that must run before this one starts; NULL: it may start. */
static const char *find_first(const struct core *core, const struct vm_spec *spec)
{
    VEC_EACH(&spec->start_after, other) {
        if (is_coming(core, other->name) && !MUTANT(ORDER_IGNORED)) {
            return other->name;
        }
    }
    return NULL;
}

bool hold_for_another(struct core *core, const struct job *job)
{
    const struct view *view = &job->view;
    const struct vm_placement *p = view->placement ? view->placement->placement : NULL;
    bool is_start = job->purpose == PURPOSE_START || job->purpose == PURPOSE_RECOVER;
    const char *first = is_start ? find_first(core, view->spec->vm_spec) : NULL;
    if (!first) {
        return false;
    }
    uint64_t start_order = view->spec->vm_spec->start_order;
    const char *told = p && p->phase == PLACEMENT_NONE && p->cause.code == CAUSE_START_AFTER
                           ? p->cause.facts.who
                           : "";
    if (p && !p->is_failed && p->start_order == start_order && strcmp(told, first) == 0) {
        return true;
    }
    struct record *next = job_draft_waiting(job);
    next->placement->cause = cause_make(CAUSE_START_AFTER, NULL, first, NULL);
    struct intent *intent = change_commit(core, view, next);
    (void)facts_set(change_note(intent, NOTE_VM_WAITS_FOR_VM, NULL), NULL, first, NULL);
    return true;
}
