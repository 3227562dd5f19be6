/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/visitor.h"

#include "core/memory.h"
#include "core/mutant.h"
#include "core/self.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct visitors {
    VEC(struct vm_sighting) list;
    bool are_known;
    bool have_changed;
};

bool visitors_init(struct core *core)
{
    core->visitors = calloc(1, sizeof(*core->visitors));
    return core->visitors != NULL;
}

void visitors_done(struct core *core)
{
    if (core->visitors) {
        VEC_DONE(&core->visitors->list);
        free(core->visitors);
    }
}

/*
 * Ordered is what the store orders here, in this epoch and to the letter. Two doubts are decided in
 * opposite ways: a placement that cannot be read leaves the VM alone, because no one was told that
 * it ended; a VM that we reported as ended is not ordered any more, because others may have started
 * it on that word.
 */
bool visitor_is_ordered(const struct core *core, const struct vm_sighting *what)
{
    assert(core->world.is_complete); /* an order that has not been read yet is no missing order */
    const struct record *placement = world_find(&core->world, RECORD_VM_PLACEMENT, what->vm);
    const struct record *record = world_find(&core->world, RECORD_VM_STATUS, what->vm);
    const struct vm_status *status = record ? record->status : NULL;
    if (!core_is_readable(core, RECORD_VM_PLACEMENT, what->vm)) {
        return true; /* no one knows; a healthy VM is not ended for that */
    }
    if (status && status->epoch == what->epoch && strcmp(status->node, core->config.node) == 0 &&
        (status->state == VM_STATE_STOPPED || status->state == VM_STATE_FAILED)) {
        return false; /* it came up after all, and others count on its end */
    }
    return placement && placement->placement->phase != PLACEMENT_NONE &&
           placement->placement->epoch == what->epoch &&
           strcmp(placement->placement->node, core->config.node) == 0;
}

/*
 * Ours to end is a copy of what was begun again since, as only that one is ordered; and what we
 * started ourselves and are no longer to run. The one copy there is of what is ordered elsewhere
 * is a visitor, and so is what another node started: to end it would end what users work with.
 */
bool visitor_is_one(const struct core *core, const struct vm_sighting *what)
{
    const struct record *record = world_find(&core->world, RECORD_VM_PLACEMENT, what->vm);
    const struct record *status = world_find(&core->world, RECORD_VM_STATUS, what->vm);
    assert(core->world.is_complete); /* to end it for want of an order takes all orders */
    const struct vm_placement *p =
        record && record->placement->phase != PLACEMENT_NONE ? record->placement : NULL;
    if (MUTANT(VISITOR_ENDED) ||
        (p && p->epoch > what->epoch && status && status->status->epoch == p->epoch)) {
        return false;
    }
    bool has_left =
        status && status->status->epoch == what->epoch && status->status->state == VM_STATE_AWAY;
    bool is_only = p && p->epoch == what->epoch && (p->elsewhere_order > 0 || has_left);
    return is_only || strcmp(what->node, core->config.node) != 0;
}

static size_t visitor_at(const struct visitors *visitors, const char *vm)
{
    size_t i = 0;
    while (i < visitors->list.len && strcmp(visitors->list.items[i].vm, vm) != 0) {
        i++;
    }
    return i;
}

void visitor_tell(struct core *core, const struct vm_sighting *what, bool is_one)
{
    struct visitors *visitors = core->visitors;
    size_t at = visitor_at(visitors, what->vm);
    bool was_one = at < visitors->list.len;
    if (is_one == was_one && (!is_one || visitors->list.items[at].epoch == what->epoch)) {
        return;
    }
    visitors->have_changed = true;
    if (!is_one) {
        VEC_REMOVE(&visitors->list, at);
        return;
    }
    struct vm_sighting *place = was_one ? &visitors->list.items[at] : VEC_ADD(&visitors->list);
    if (!place) {
        core_out_of_memory();
    }
    *place = *what;
    facts_set(core_note(core, NOTE_VM_ELSEWHERE, what->vm), core->config.node, what->node, NULL)
        ->count = what->epoch;
}

void visitors_are_known(struct core *core)
{
    core->visitors->have_changed |= !core->visitors->are_known;
    core->visitors->are_known = true;
}

bool visitors_have_changed(struct core *core)
{
    bool have_changed = core->visitors->have_changed;
    core->visitors->have_changed = false;
    return have_changed;
}

static void sighting_add(struct node_inventory *inventory, const struct vm_sighting *sighting)
{
    if (inventory->sightings.len >= sightings_max) {
        return;
    }
    struct vm_sighting *place = VEC_ADD(&inventory->sightings);
    if (!place) {
        core_out_of_memory();
    }
    *place = *sighting;
}

void visitors_write(struct core *core, struct node_inventory *inventory)
{
    const struct record *stored = self_inventory_record(core);
    assert(inventory->sightings.len == 0);
    if (!core->visitors->are_known && stored &&
        stored->inventory->incarnation == self_incarnation(core)) {
        VEC_EACH(&stored->inventory->sightings, sighting) {
            sighting_add(inventory, sighting);
        }
    }
    VEC_EACH(&core->visitors->list, sighting) {
        sighting_add(inventory, sighting);
    }
}
