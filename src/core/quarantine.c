/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/quarantine.h"

#include "core/clean.h"
#include "core/memory.h"
#include "core/self.h"

#include <stdlib.h>

struct quarantine {
    struct gpu_slot slot; /* a partition alone, or a card with all that it is divided into */
    struct cause why;
    revision_t spec_revision; /* of the node's spec then: only a newer one can lift it */
};

struct quarantines {
    VEC(struct quarantine) list;
    bool are_taken_over; /* from the store */
};

bool quarantine_init(struct core *core)
{
    core->quarantines = calloc(1, sizeof(*core->quarantines));
    return core->quarantines != NULL;
}

void quarantine_done(struct core *core)
{
    if (core->quarantines) {
        VEC_DONE(&core->quarantines->list);
    }
    free(core->quarantines);
}

static struct quarantine *find_quarantine(const struct core *core, const struct gpu_slot *slot)
{
    VEC_EACH(&core->quarantines->list, quarantine) {
        if (gpu_slot_equal(&quarantine->slot, slot)) {
            return quarantine;
        }
    }
    return NULL;
}

bool quarantine_has(const struct core *core, const struct gpu_slot *slot)
{
    return find_quarantine(core, slot) != NULL;
}

bool quarantine_add(struct core *core, const struct gpu_slot *slot, const struct cause *why)
{
    if (find_quarantine(core, slot)) {
        return false;
    }
    const struct record *spec = self_spec_record(core);
    struct quarantine *new = VEC_ADD(&core->quarantines->list);
    if (!new) {
        core_out_of_memory();
    }
    new->slot = *slot;
    new->why = *why;
    new->spec_revision = spec ? spec->revision : 0;
    return true;
}

/* A card that made a VM fail is not given to the next one because berthd was restarted. */
void quarantine_take_over(struct core *core, const struct node_inventory *stored)
{
    if (core->quarantines->are_taken_over) {
        return;
    }
    core->quarantines->are_taken_over = true;
    if (!stored) {
        return;
    }
    clean_take_over(core, stored);
    VEC_EACH(&stored->gpus, gpu) {
        if (gpu->health == GPU_QUARANTINED) {
            (void)quarantine_add(core, &(struct gpu_slot){.address = gpu->address},
                                 &gpu->health_cause);
        }
    }
    VEC_EACH(&stored->partitions, partition) {
        if (partition->health == GPU_QUARANTINED) {
            (void)quarantine_add(core, &partition->slot, &partition->health_cause);
        }
    }
}

static bool is_released(const struct node_spec *spec, const struct gpu_slot *slot)
{
    VEC_EACH(&spec->released, release) {
        if (gpu_slot_equal(&release->slot, slot)) {
            return true;
        }
    }
    return false;
}

/* Only an order that an administrator gave after the quarantine ends it. An older one was about an
 * earlier trouble of the card. */
bool quarantine_lift(struct core *core)
{
    const struct record *spec = self_spec_record(core);
    struct quarantines *quarantines = core->quarantines;
    size_t before = quarantines->list.len;
    for (size_t i = quarantines->list.len; spec && i-- > 0;) {
        const struct quarantine *q = &quarantines->list.items[i];
        if (spec->revision > q->spec_revision && is_released(spec->node_spec, &q->slot)) {
            core_tell_device(core, core_note(core, NOTE_GPU_RELEASED, core->config.node), &q->slot);
            clean_release(core, &q->slot);
            VEC_REMOVE(&quarantines->list, i);
        }
    }
    return quarantines->list.len < before;
}

void quarantine_judge(const struct core *core, const struct gpu_slot *slot, enum gpu_health *ret,
                      struct cause *ret_why)
{
    const struct quarantine *q = find_quarantine(core, slot);
    *ret = q ? GPU_QUARANTINED : GPU_HEALTHY;
    *ret_why = q ? q->why : (struct cause){0};
}
