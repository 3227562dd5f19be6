/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/watch.h"

#include "core/memory.h"

#include <stdlib.h>

struct watch {
    VEC(struct pci_address) told;
};

bool watch_init(struct core *core)
{
    core->watch = calloc(1, sizeof(*core->watch));
    return core->watch != NULL;
}

void watch_done(struct core *core)
{
    if (core->watch) {
        VEC_DONE(&core->watch->told);
    }
    free(core->watch);
}

static bool is_told(const struct watch *watch, const struct node_spec *spec)
{
    if (watch->told.len != spec->watched.len) {
        return false;
    }
    for (size_t i = 0; i < spec->watched.len; i++) {
        if (pci_address_compare(watch->told.items[i], spec->watched.items[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool watch_tell(struct core *core)
{
    struct watch *watch = core->watch;
    struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, core->config.node);
    if (!spec || is_told(watch, spec->node_spec)) {
        return false;
    }
    watch->told.len = 0;
    VEC_EACH(&spec->node_spec->watched, address) {
        struct pci_address *place = VEC_ADD(&watch->told);
        if (!place) {
            core_out_of_memory();
        }
        *place = *address;
    }
    struct core_action *action = core_act(core, ACTION_WATCH);
    action->id = 0;
    action->spec = record_ref(spec);
    return true;
}
