/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Since when a VM is as it is: every berthd notes when it saw a VM's state or order change, whether
 * it coordinates or not, so that the next coordinator need not count anew.
 */
#include "core/internal.h"

#include <stdio.h>
#include <string.h>

/* Where 'vm' stands, or would. */
static size_t place_of(const struct coordinator *c, const char *vm, bool *ret_is_there)
{
    size_t low = 0, high = c->sights.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(c->sights.items[middle].vm, vm) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_is_there = low < c->sights.len && strcmp(c->sights.items[low].vm, vm) == 0;
    return low;
}

static struct sight *get(struct core *core, const char *vm)
{
    bool is_there;
    size_t place = place_of(&core->coordinator, vm, &is_there);
    if (is_there) {
        return &core->coordinator.sights.items[place];
    }
    struct sight *sight = VEC_INSERT(&core->coordinator.sights, place);
    if (!sight) {
        core_out_of_memory();
    }
    *sight = (struct sight){0};
    (void)snprintf(sight->vm, sizeof(sight->vm), "%s", vm);
    return sight;
}

static void see(struct core *core, const struct record *record)
{
    if (record->key.kind == RECORD_VM_PLACEMENT) {
        struct sight *sight = get(core, record->key.name);
        if (sight->placement != record->revision) {
            sight->placement = record->revision;
            sight->placement_ms = core->now_ms;
        }
    } else if (record->key.kind == RECORD_VM_STATUS) {
        struct sight *sight = get(core, record->key.name);
        const struct vm_status *status = record->status;
        if (!sight->has_state || sight->epoch != status->epoch || sight->state != status->state) {
            sight->has_state = true;
            sight->epoch = status->epoch;
            sight->state = status->state;
            sight->state_ms = core->now_ms;
        }
    }
}

static void forget(struct core *core, const char *vm)
{
    bool is_there;
    size_t place = place_of(&core->coordinator, vm, &is_there);
    if (is_there) {
        VEC_REMOVE(&core->coordinator.sights, place);
    }
}

void sight_event(struct core *core, const struct core_event *event)
{
    if (event->kind == CORE_STORE_RECORD) {
        see(core, event->record);
    } else if (event->kind == CORE_STORE_REMOVED && event->key->kind == RECORD_VM_PLACEMENT) {
        forget(core, event->key->name);
    }
}

msec_t sight_state_ms(struct core *core, const char *vm)
{
    const struct sight *sight = get(core, vm);
    return sight->has_state ? sight->state_ms : core->now_ms;
}

msec_t sight_placement_ms(struct core *core, const char *vm)
{
    const struct sight *sight = get(core, vm);
    return sight->placement != 0 ? sight->placement_ms : core->now_ms;
}

uint32_t *sight_refusals(struct core *core, const char *vm)
{
    return &get(core, vm)->refusals;
}
