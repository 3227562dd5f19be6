/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/sight.h"

#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* When this process saw a VM become what it is. */
struct sight {
    char vm[name_size];
    bool has_state;
    uint64_t epoch; /* its status' ... */
    enum vm_state state;
    msec_t state_ms;      /* ... since then */
    revision_t placement; /* its placement's ... */
    msec_t placement_ms;  /* ... since then */
    uint32_t refusals;    /* of our changes of it, in a row */
};

struct sights {
    VEC(struct sight) list; /* by VM name */
};

bool sight_init(struct core *core)
{
    core->sights = calloc(1, sizeof(*core->sights));
    return core->sights != NULL;
}

void sight_done(struct core *core)
{
    if (core->sights) {
        VEC_DONE(&core->sights->list);
    }
    free(core->sights);
}

/* Where 'vm' stands, or would. */
static size_t place_of(const struct sights *sights, const char *vm, bool *ret_is_there)
{
    size_t place = VEC_BISECT(&sights->list, each, strcmp(each->vm, vm) < 0);
    *ret_is_there = place < sights->list.len && strcmp(sights->list.items[place].vm, vm) == 0;
    return place;
}

static struct sight *get(struct core *core, const char *vm)
{
    bool is_there;
    size_t place = place_of(core->sights, vm, &is_there);
    if (is_there) {
        return &core->sights->list.items[place];
    }
    struct sight *sight = VEC_INSERT(&core->sights->list, place);
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

static void sight_forget(struct core *core, const char *vm)
{
    bool is_there;
    size_t place = place_of(core->sights, vm, &is_there);
    if (is_there) {
        VEC_REMOVE(&core->sights->list, place);
    }
}

void sight_event(struct core *core, const struct core_event *event)
{
    if (event->kind == CORE_STORE_RECORD) {
        see(core, event->record);
    } else if (event->kind == CORE_STORE_REMOVED && event->key->kind == RECORD_VM_PLACEMENT) {
        sight_forget(core, event->key->name);
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
