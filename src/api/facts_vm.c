/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs: one word for what spec, placement, status and the node's heartbeat say together. */
#include "api/facts.h"

#include "base/natural.h"

#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(vm_view, VM_VIEW_LIST)

/* The status that speaks of the present place of a placed VM; NULL: none yet. */
static const struct vm_status *current_status(const struct vm_facts *vm)
{
    return vm->status && vm->status->epoch == vm->placement->epoch ? vm->status : NULL;
}

bool vm_is_placed(const struct vm_facts *vm)
{
    return vm->placement && vm->placement->phase != PLACEMENT_NONE;
}

bool vm_is_unkillable(const struct vm_facts *vm)
{
    return vm_is_placed(vm) && current_status(vm) && current_status(vm)->is_unkillable;
}

static const struct gpu_hold *find_failed(const struct world *world, const struct vm_facts *vm)
{
    for (size_t i = 0; vm->state == VM_VIEW_RUNNING && i < vm->placement->gpus.len; i++) {
        const struct gpu_hold *hold = &vm->placement->gpus.items[i];
        struct gpu_device device;
        if (world_find(world, RECORD_NODE_INVENTORY, vm->node) &&
            (!world_device(world, vm->node, &hold->slot, &device) ||
             device.health == GPU_QUARANTINED || device.verdict == GPU_OFF_BUS)) {
            return hold;
        }
    }
    return NULL;
}

static void set(struct vm_facts *vm, enum vm_view state, enum cause_code code)
{
    vm->state = state;
    vm->why = cause_make(code, NULL, NULL, NULL);
}

/* As the coordinator has it. */
static void set_ordered(struct vm_facts *vm, enum vm_view state)
{
    vm->state = state;
    vm->why = vm->placement->cause;
}

/* As its host reports it; 'code' if it gives no reason. */
static void set_reported(struct vm_facts *vm, enum vm_view state, const struct vm_status *status,
                         enum cause_code code)
{
    set(vm, state, code);
    if (status->cause.code != CAUSE_NONE) {
        vm->why = status->cause;
    }
}

/* Phase none, or no placement yet. */
static void unplaced_state(struct vm_facts *vm)
{
    const struct vm_placement *placement = vm->placement;
    if (vm->spec->desired == VM_STOPPED) {
        set(vm, VM_VIEW_STOPPED, CAUSE_NONE);
    } else if (!placement || placement->start_order < vm->spec->start_order) {
        set(vm, VM_VIEW_STARTING, CAUSE_VM_UNSEEN);
    } else if (placement->is_failed) {
        set_ordered(vm, VM_VIEW_FAILED);
    } else if (placement->reasons.len > 0 && placement->cause.code == CAUSE_NONE) {
        vm->state = VM_VIEW_WAITING;
        vm->why = placement->reasons.items[0].cause;
    } else {
        set_ordered(vm, VM_VIEW_WAITING);
    }
}

/* While it is copied: 'status' may be NULL, mostly says nothing of it, or of a move that is over.
 */
static void tell_progress(struct facts *facts, const struct vm_placement *placement,
                          const struct vm_status *status)
{
    if (status && status->moving.total_mib > 0 && placement->handover == HANDOVER_ORDERED) {
        facts->have = status->moving.left_mib;
        facts->total = status->moving.total_mib;
        facts->count = status->moving.rate_mib_s;
        facts->ms = status->moving.pause_ms;
    }
}

static void stopping_state(struct vm_facts *vm)
{
    const struct vm_status *status = current_status(vm);
    if (vm_is_unkillable(vm)) {
        set(vm, VM_VIEW_STOPPING, CAUSE_VM_CANNOT_BE_ENDED);
        (void)facts_set(&vm->why.facts, vm->placement->node, NULL, NULL);
    } else if (status && status->state == VM_STATE_AWAY) {
        set_reported(vm, VM_VIEW_AWAY, status, CAUSE_NONE);
    } else if (status && status->is_stop_refused) {
        set_reported(vm, VM_VIEW_STOPPING, status, CAUSE_VM_DOES_NOT_STOP);
    } else if (vm->placement->next_node[0]) {
        set(vm, VM_VIEW_STOPPING, CAUSE_VM_MOVING);
        tell_progress(facts_set(&vm->why.facts, vm->placement->next_node, NULL, NULL),
                      vm->placement, status);
    } else {
        set_ordered(vm, VM_VIEW_STOPPING);
    }
}

static void placed_state(struct vm_facts *vm)
{
    const struct vm_status *status = current_status(vm);
    bool has_reasons = vm->placement->reasons.len > 0;
    if (vm->placement->phase == PLACEMENT_STOP || vm->spec->desired == VM_STOPPED) {
        stopping_state(vm);
        return;
    }
    if (!status) {
        set_ordered(vm, VM_VIEW_STARTING);
        return;
    }
    switch (status->state) {
    case VM_STATE_RUNNING:
        set_reported(vm, VM_VIEW_RUNNING, status, CAUSE_NONE);
        if (has_reasons) { /* it was to leave and cannot */
            set_ordered(vm, VM_VIEW_RUNNING);
        }
        break;
    case VM_STATE_STARTING:
        set_reported(vm, VM_VIEW_STARTING, status, CAUSE_NONE);
        break;
    case VM_STATE_STOPPING:
        set_reported(vm, VM_VIEW_STOPPING, status, CAUSE_NONE);
        break;
    case VM_STATE_AWAY:
        set_reported(vm, VM_VIEW_AWAY, status, CAUSE_NONE);
        break;
    case VM_STATE_STOPPED:
    case VM_STATE_FAILED:
        if (vm->spec->is_unmanaged) {
            set_reported(vm, VM_VIEW_STOPPED, status, CAUSE_NONE);
            return;
        }
        /* The coordinator has yet to decide what comes next ... */
        set_reported(vm, VM_VIEW_STARTING, status, CAUSE_VM_STARTS_AGAIN);
        if (has_reasons) { /* ... and waits a while */
            set_ordered(vm, VM_VIEW_STARTING);
        }
        break;
    }
}

/* Some host sees it where it has no place. */
static void sighted_state(const struct api_view *view, struct vm_facts *vm)
{
    const char *seen_on;
    if (world_sighting(view->world, vm->name, &seen_on)) {
        set(vm, VM_VIEW_AWAY, CAUSE_VM_ELSEWHERE);
        (void)facts_set(&vm->why.facts, seen_on, NULL, NULL);
    }
}

static void derive_state(const struct api_view *view, struct vm_facts *vm)
{
    if (!vm_is_placed(vm)) {
        unplaced_state(vm);
        sighted_state(view, vm);
        return;
    }
    msec_t silent_ms;
    vm->node = vm->placement->node;
    placed_state(vm);
    sighted_state(view, vm);
    if (liveness_pulse(view->liveness, vm->node, world_settings(view->world), view->now_ms,
                       &silent_ms) == PULSE_SILENT &&
        vm->state != VM_VIEW_AWAY) {
        const struct record *standing = world_find(view->world, RECORD_NODE_STANDING, vm->node);
        bool is_tried = standing && standing->standing->fence_cause.code != CAUSE_NONE;
        set(vm, VM_VIEW_UNKNOWN, is_tried ? CAUSE_VM_HOST_FENCING_FAILED : CAUSE_VM_HOST_SILENT);
        if (is_tried) {
            vm->why.facts = standing->standing->fence_cause.facts;
        }
        facts_set(&vm->why.facts, vm->node, NULL, NULL)->ms = silent_ms;
    }
}

/* Its state comes first: the answer has a member for the rest. */
static void say_unmanaged(struct vm_facts *vm)
{
    if (vm->why.code == CAUSE_NONE) {
        vm->why = cause_make(CAUSE_VM_UNMANAGED, NULL, NULL, NULL);
    }
}

static void fill(const struct api_view *view, const struct record *spec,
                 const struct record *placement, const struct record *status, struct vm_facts *ret)
{
    ret->name = spec->key.name;
    ret->record = spec;
    ret->spec = spec->vm_spec;
    ret->placement = placement ? placement->placement : NULL;
    ret->status = status ? status->status : NULL;
    ret->node = "";
    ret->why = (struct cause){0};
    derive_state(view, ret);
    ret->failed_gpu = find_failed(view->world, ret);
    if (ret->spec->is_unmanaged) {
        say_unmanaged(ret);
    }
}

bool vm_facts(const struct api_view *view, const char *name, struct vm_facts *ret)
{
    const struct record *spec = world_find(view->world, RECORD_VM_SPEC, name);
    if (spec) {
        fill(view, spec, world_find(view->world, RECORD_VM_PLACEMENT, name),
             world_find(view->world, RECORD_VM_STATUS, name), ret);
    }
    return spec != NULL;
}

const char *vm_of_uuid(const struct world *world, const char *uuid)
{
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        if (uuid[0] && strcasecmp((*each)->vm_spec->uuid, uuid) == 0) {
            return (*each)->key.name;
        }
    }
    return NULL;
}

static int compare_rows(const void *a, const void *b)
{
    const struct vm_row *x = a, *y = b;
    return natural_compare(x->spec->key.name, y->spec->key.name);
}

bool vm_rows(const struct world *world, vm_rows_t *ret)
{
    size_t placement = 0, status = 0;
    if (!VEC_RESERVE(ret, world->records[RECORD_VM_SPEC].len)) {
        return false;
    }
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        const char *name = (*each)->key.name;
        ret->items[ret->len++] = (struct vm_row){
            .spec = *each,
            .placement = world_walk(world, RECORD_VM_PLACEMENT, name, &placement),
            .status = world_walk(world, RECORD_VM_STATUS, name, &status),
        };
    }
    if (ret->len > 0) {
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_rows);
    }
    return true;
}

void vm_row_facts(const struct api_view *view, const struct vm_row *row, struct vm_facts *ret)
{
    fill(view, row->spec, row->placement, row->status, ret);
}
