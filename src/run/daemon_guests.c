/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks the agents in the guests that are to be restarted if they stand still (core/guest.h). */
#include "run/daemon_internal.h"

#include <string.h>

enum { ask_ms = 10 * 1000 };

static bool is_watched(const struct daemon *d, const struct record *status)
{
    const struct vm_status *s = status->status;
    const struct record *spec = world_find(core_world(d->core), RECORD_VM_SPEC, status->key.name);
    return spec && spec->vm_spec->guest_watch != GUEST_WATCH_OFF && s->state == VM_STATE_RUNNING &&
           strcmp(s->node, d->config->node) == 0;
}

static void ask_guests(void *userdata)
{
    struct daemon *d = userdata;
    WORLD_EACH(core_world(d->core), RECORD_VM_STATUS, each) {
        if (is_watched(d, *each)) {
            virt_ask_guest(d->virt, (*each)->key.name, (*each)->status->epoch);
        }
    }
    loop_timer_after(&d->guests, ask_ms);
}

int daemon_watch_guests(struct daemon *d)
{
    int r = loop_timer_init(&d->guests, d->event, CLOCK_MONOTONIC, ask_guests, d);
    if (r >= 0) {
        loop_timer_after(&d->guests, ask_ms);
    }
    return r;
}

void daemon_heard_guest(void *userdata, const char *vm, uint64_t epoch, enum virt_guest answer)
{
    daemon_step(userdata, (struct core_event){.kind = CORE_VM_GUEST,
                                              .name = vm,
                                              .epoch = epoch,
                                              .is_up = answer == VIRT_GUEST_ANSWERS,
                                              .is_silent = answer == VIRT_GUEST_SILENT});
}
