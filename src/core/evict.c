/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preemption: running VMs are stopped so that one of higher priority has room. For one VM on one
 * node at a time; until it runs there, nothing of lower priority gets what is free on that node. A
 * new coordinator begins anew; what has stopped by then is free for whoever comes first by
 * priority.
 */
#include "core/change.h"

#include <stdio.h>
#include <string.h>

/* How long the room is kept if the VM does not come. */
enum { patience_ms = 10 * 60 * 1000 };

static bool is_making_room(const struct record *record)
{
    return record && record->placement->phase == PLACEMENT_STOP &&
           change_is_evicted(record->placement);
}

/* As the store has it, too: what a VM has given up is free only once that is there. */
bool evict_is_going_on(const struct core *core)
{
    WORLD_EACH(&core->world, RECORD_VM_PLACEMENT, each) {
        if (is_making_room(*each) || is_making_room(recover_placement(core, (*each)->key.name))) {
            return true;
        }
    }
    return false;
}

static bool still_waits(const struct core *core, const char *vm)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    const struct record *placement = recover_placement(core, vm);
    return spec && spec->vm_spec->desired == VM_STARTED &&
           (!placement ||
            (placement->placement->phase == PLACEMENT_NONE && !placement->placement->is_failed));
}

void evict_step(struct core *core)
{
    struct coordinator *c = &core->coordinator;
    if (c->room_vm[0] != '\0' &&
        (core->now_ms >= c->room_until_ms || !coordinator_takes_vms(core, c->room_node) ||
         !still_waits(core, c->room_vm))) {
        c->room_vm[0] = '\0';
    }
    if (c->room_vm[0] != '\0') {
        c->again_ms = c->room_until_ms;
    }
}

bool evict_was_refused(struct core *core, const struct view *view)
{
    const struct vm_placement *p = view->placement->placement;
    if (p->refusals == 0 || strcmp(p->cause, change_cause_kept) != 0) {
        return false;
    }
    msec_t since_ms = sight_placement_ms(core, view->name);
    msec_t forgotten_ms = since_ms + 2 * recover_refusal_pause(view, p->refusals);
    if (core->now_ms >= forgotten_ms) {
        return false;
    }
    change_again(core, forgotten_ms);
    return true;
}

bool evict_must_leave_alone(struct core *core, const char *vm)
{
    struct view view;
    change_look(core, vm, &view);
    return view.spec && view.placement && evict_was_refused(core, &view) &&
           recover_must_leave_alone(core, &view);
}

/* Stops one VM. */
static void evict(struct core *core, const struct eviction *eviction)
{
    struct view view;
    char cause[reason_size];
    change_look(core, eviction->vm, &view);
    bool runs = view.placement && view.placement->placement->phase == PLACEMENT_START;
    if (!runs || change_find(core, eviction->vm)) {
        return; /* the next plan will ask for it again */
    }
    (void)snprintf(cause, sizeof(cause), "%s%s, which has a higher priority", change_cause_evicted,
                   eviction->by);
    change_stop(core, &view, cause, false);
}

bool evict_order(struct core *core, const evictions_t *evictions)
{
    struct coordinator *c = &core->coordinator;
    bool has_any = false;
    VEC_EACH(evictions, eviction) {
        bool is_new = c->room_vm[0] == '\0' && still_waits(core, eviction->by);
        if (is_new) {
            memcpy(c->room_vm, eviction->by, sizeof(c->room_vm));
            c->room_until_ms = core->now_ms + patience_ms;
            change_again(core, c->room_until_ms);
        }
        if (strcmp(c->room_vm, eviction->by) == 0) {
            memcpy(c->room_node, eviction->node, sizeof(c->room_node));
            evict(core, eviction);
            has_any = true;
        }
    }
    return has_any;
}

void evict_look(struct core *core, const struct job *job, const struct placing *answer)
{
    struct coordinator *c = &core->coordinator;
    if (strcmp(c->room_vm, job->view.name) == 0 && !answer->is_placed) {
        c->room_vm[0] = '\0';
        c->again_ms = core->now_ms + 1; /* others may have it now */
    }
}

/* The VM that has room made for it; NULL: none. */
static const struct vm_spec *room_spec(const struct core *core)
{
    const char *vm = core->coordinator.room_vm;
    const struct record *spec = vm[0] ? world_find(&core->world, RECORD_VM_SPEC, vm) : NULL;
    return spec ? spec->vm_spec : NULL;
}

bool evict_comes_first(const struct core *core, const struct job *job)
{
    const struct vm_spec *room = room_spec(core);
    return room && job->view.spec->vm_spec->priority >= room->priority;
}

bool evict_must_leave_room(const struct core *core, const struct job *job,
                           const struct placing *answer)
{
    return room_spec(core) && !evict_comes_first(core, job) && answer->is_placed &&
           strcmp(answer->node, core->coordinator.room_node) == 0;
}
