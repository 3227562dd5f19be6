/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs: one word for what spec, placement, status and the node's heartbeat say together. */
#include "api/facts.h"

#include "base/natural.h"
#include "model/words.h"

#include <stdio.h>
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

static void set(struct vm_facts *vm, enum vm_view state, const char *detail)
{
    vm->state = state;
    (void)snprintf(vm->detail, sizeof(vm->detail), "%s", detail);
}

/* Phase none, or no placement yet. */
static void unplaced_state(struct vm_facts *vm)
{
    const struct vm_placement *placement = vm->placement;
    char words[words_max];
    if (vm->spec->desired == VM_STOPPED) {
        set(vm, VM_VIEW_STOPPED, "");
    } else if (!placement || placement->start_order < vm->spec->start_order) {
        set(vm, VM_VIEW_STARTING, "the coordinator has not looked at it yet");
    } else if (placement->is_failed) {
        set(vm, VM_VIEW_FAILED, words_cause(&placement->cause, words));
    } else if (placement->reasons.len > 0 && placement->cause.code == CAUSE_NONE) {
        set(vm, VM_VIEW_WAITING, placement->reasons.items[0].text);
    } else {
        set(vm, VM_VIEW_WAITING, words_cause(&placement->cause, words));
    }
}

static void stopping_state(struct vm_facts *vm)
{
    char words[words_max];
    const struct vm_status *status = current_status(vm);
    if (status && status->is_stop_refused) {
        set(vm, VM_VIEW_STOPPING, status->reason[0] ? status->reason : "the guest does not stop");
    } else if (vm->placement->next_node[0]) {
        vm->state = VM_VIEW_STOPPING;
        (void)snprintf(vm->detail, sizeof(vm->detail), "moving to %s", vm->placement->next_node);
    } else {
        set(vm, VM_VIEW_STOPPING, words_cause(&vm->placement->cause, words));
    }
}

static void placed_state(struct vm_facts *vm)
{
    char words[words_max];
    const struct vm_status *status = current_status(vm);
    if (vm->placement->phase == PLACEMENT_STOP || vm->spec->desired == VM_STOPPED) {
        stopping_state(vm);
        return;
    }
    if (!status) {
        set(vm, VM_VIEW_STARTING, words_cause(&vm->placement->cause, words));
        return;
    }
    switch (status->state) {
    case VM_STATE_RUNNING:
        /* A cause with reasons: it was to leave and cannot. */
        set(vm, VM_VIEW_RUNNING,
            vm->placement->reasons.len > 0 ? words_cause(&vm->placement->cause, words)
                                           : status->reason);
        break;
    case VM_STATE_STARTING:
        set(vm, VM_VIEW_STARTING, status->reason);
        break;
    case VM_STATE_STOPPING:
        set(vm, VM_VIEW_STOPPING, status->reason);
        break;
    case VM_STATE_AWAY:
        set(vm, VM_VIEW_UNKNOWN, status->reason);
        break;
    case VM_STATE_STOPPED:
    case VM_STATE_FAILED:
        if (vm->spec->is_unmanaged) {
            set(vm, VM_VIEW_STOPPED, status->reason);
            return;
        }
        /* The coordinator has yet to decide what comes next; a cause with reasons: it waits a
         * while. */
        set(vm, VM_VIEW_STARTING,
            vm->placement->reasons.len > 0 ? words_cause(&vm->placement->cause, words)
            : status->reason[0]            ? status->reason
                                           : "to be started again");
        break;
    }
}

static void derive_state(const struct api_view *view, struct vm_facts *vm)
{
    if (!vm_is_placed(vm)) {
        unplaced_state(vm);
        return;
    }
    msec_t silent_ms;
    vm->node = vm->placement->node;
    placed_state(vm);
    if (liveness_pulse(view->liveness, vm->node, world_settings(view->world)->heartbeat_ms,
                       view->now_ms, &silent_ms) == PULSE_SILENT) {
        const struct record *standing = world_find(view->world, RECORD_NODE_STANDING, vm->node);
        const char *why = standing ? standing->standing->fence_error : "";
        vm->state = VM_VIEW_UNKNOWN;
        (void)snprintf(vm->detail, sizeof(vm->detail), "%s has not been heard of for %lld s%s%s",
                       vm->node, (long long)silent_ms / 1000,
                       why[0] ? "; turning it off failed: " : "", why);
    }
}

static void say_unmanaged(struct vm_facts *vm)
{
    char detail[reason_size];
    memcpy(detail, vm->detail, sizeof(detail));
    (void)snprintf(vm->detail, sizeof(vm->detail), "unmanaged%s%.*s", detail[0] ? "; " : "",
                   (int)sizeof(detail) - 16, detail);
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
    ret->detail[0] = '\0';
    derive_state(view, ret);
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

/* The record of 'name' among those of 'kind' from '*at' on, which moves there; NULL: none. */
static const struct record *walk_to(const struct world *world, enum record_kind kind,
                                    const char *name, size_t *at)
{
    struct record *const *items = world->records[kind].items;
    size_t len = world->records[kind].len;
    int order = -1;
    while (*at < len && (order = strcmp(items[*at]->key.name, name)) < 0) {
        ++*at;
    }
    return *at < len && order == 0 ? items[*at] : NULL;
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
            .placement = walk_to(world, RECORD_VM_PLACEMENT, name, &placement),
            .status = walk_to(world, RECORD_VM_STATUS, name, &status),
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
