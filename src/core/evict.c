/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/evict.h"

#include "core/memory.h"
#include "core/peer.h"

#include "plan/priority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long the room is kept if the VM does not come. */
enum { patience_ms = 10 * 60 * 1000 };

/* The room that is being made. */
struct evicting {
    char vm[name_size];   /* for it; "": none is being made */
    char node[name_size]; /* there */
    msec_t until_ms;      /* not longer than this */
};

bool evict_init(struct core *core)
{
    core->evicting = calloc(1, sizeof(*core->evicting));
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
        if (is_making_room(*each) || is_making_room(change_placement(core, (*each)->key.name))) {
            return true;
        }
    }
    return false;
}

static bool still_waits(const struct core *core, const char *vm)
{
    const struct record *spec = world_find(&core->world, RECORD_VM_SPEC, vm);
    const struct record *placement = change_placement(core, vm);
    return spec && spec->vm_spec->desired == VM_STARTED &&
           (!placement ||
            (placement->placement->phase == PLACEMENT_NONE && !placement->placement->is_failed));
}

void evict_step(struct core *core)
{
    struct evicting *room = core->evicting;
    if (room->vm[0] != '\0' &&
        (core->now_ms >= room->until_ms || !peer_takes_vms(core, room->node) ||
         !still_waits(core, room->vm))) {
        room->vm[0] = '\0';
    }
    if (room->vm[0] != '\0') {
        change_again(core, room->until_ms);
    }
}

/* Stops one VM. The planner chose it, and takes only from VMs of lower priority. What it has stays
 * its own until it is proven gone: the VM that gets the room is planned again then. */
static void evict(struct core *core, const struct eviction *eviction)
{
    struct view view;
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
        bool is_new = room->vm[0] == '\0' && still_waits(core, eviction->by);
        if (is_new) {
            memcpy(room->vm, eviction->by, sizeof(room->vm));
            room->until_ms = core->now_ms + patience_ms;
            change_again(core, room->until_ms);
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
    if (strcmp(room->vm, job->view.name) == 0 && !answer->is_placed) {
        room->vm[0] = '\0';
        change_again(core, core->now_ms + 1); /* others may have it now */
    }
}

/* The VM that has room made for it; NULL: none. */
static const struct record *room_vm(const struct core *core)
{
    const char *vm = core->evicting->vm;
    return vm[0] ? world_find(&core->world, RECORD_VM_SPEC, vm) : NULL;
}

bool evict_comes_first(const struct core *core, const struct job *job)
{
    const struct record *room = room_vm(core);
    inherited_priorities_t inherited = {0};
    if (!room) {
        return false;
    }
    if (!priority_inherit(&core->world, &inherited)) {
        core_out_of_memory();
    }
    bool comes_first = priority_of(&inherited, job->view.spec) >= priority_of(&inherited, room);
    VEC_DONE(&inherited);
    return comes_first;
}

bool evict_must_leave_room(const struct core *core, const struct job *job,
                           const struct placing *answer)
{
    return room_vm(core) && answer->is_placed && strcmp(answer->node, core->evicting->node) == 0 &&
           !evict_comes_first(core, job);
}
