/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/refusal.h"

#include "core/sight.h"

#include <assert.h>
#include <string.h>

/* How long a guest that would not stop is left alone before it is asked again: its time limit, but
 * at least a minute, doubled each time. */
msec_t refusal_pause(const struct view *view, uint32_t refusals)
{
    const msec_t least_ms = 60000, most_ms = 3600000;
    assert(view->spec); /* one that was removed is turned off, and cannot refuse */
    msec_t first_ms = MAX(view->spec->vm_spec->offline_timeout_ms, least_ms);
    return refusals == 0 ? 0 : MIN(first_ms << MIN(refusals - 1, 6U), MAX(most_ms, first_ms));
}

bool refusal_must_leave_alone(struct core *core, const struct view *view)
{
    uint32_t refusals = view->placement->placement->refusals;
    msec_t due_ms = sight_placement_ms(core, view->name) + refusal_pause(view, refusals);
    if (refusals == 0 || core->now_ms >= due_ms) {
        return false;
    }
    change_again(core, due_ms);
    return true;
}

bool refusal_of_room(struct core *core, const struct view *view)
{
    const struct vm_placement *p = view->placement->placement;
    if (p->refusals == 0 || p->cause.code != CAUSE_EVICTION_REFUSED) {
        return false;
    }
    msec_t since_ms = sight_placement_ms(core, view->name);
    msec_t forgotten_ms = since_ms + 2 * refusal_pause(view, p->refusals);
    if (core->now_ms >= forgotten_ms) {
        return false;
    }
    change_again(core, forgotten_ms);
    return true;
}

bool refusal_forbids_eviction(struct core *core, const char *vm)
{
    struct view view;
    change_look(core, vm, &view);
    return view.spec && view.placement && refusal_of_room(core, &view) &&
           refusal_must_leave_alone(core, &view);
}
