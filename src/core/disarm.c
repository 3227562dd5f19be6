/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/disarm.h"

#include "core/lead.h"
#include "core/memory.h"
#include "core/pending.h"

#include <assert.h>
#include <stdlib.h>

enum { write_limit_ms = 3000, refresh_ms = 60 * 1000, remind_ms = 10 * 60 * 1000 };

struct disarm_watch {
    bool is_disarmed;    /* as last seen */
    msec_t ended_ms;     /* when that was over; 0: never */
    msec_t remind_ms;    /* when to tell it again */
    revision_t revision; /* of what says how much is left, ... */
    msec_t seen_ms;      /* ... and when that was seen */
    struct pending pending;
};

bool disarm_init(struct core *core)
{
    core->disarm = calloc(1, sizeof(*core->disarm));
    return core->disarm != NULL;
}

msec_t disarm_ended_ms(const struct core *core)
{
    return core->disarm->ended_ms;
}

void disarm_event(struct core *core, const struct core_event *event)
{
    enum txn_outcome outcome;
    if (event->kind == CORE_TXN_DONE) {
        (void)pending_done(core, &core->disarm->pending, event, &outcome);
    }
}

/* The count of the present disarming; NULL: the coordinator has not begun to count. */
static const struct record *count_record(const struct core *core)
{
    const struct record *count = world_find(&core->world, RECORD_DISARM, "");
    uint64_t order = world_settings(&core->world)->disarm_order;
    return count && count->disarm->order == order ? count : NULL;
}

/* The end of a disarming is a revision of the store, the same for all hosts: so none of them fences
 * while another one still keeps the promise. */
static void write_count(struct core *core, msec_t left_ms)
{
    assert(lead_is_ours(core) && left_ms >= 0);
    struct record_key key = {.kind = RECORD_DISARM};
    struct record *next = record_new(RECORD_DISARM, NULL, NULL);
    struct txn txn = {0};
    if (!next) {
        core_out_of_memory();
    }
    next->disarm->order = world_settings(&core->world)->disarm_order;
    next->disarm->left_ms = left_ms;
    lead_guard(core, &txn);
    txn_guard(&txn, &key, world_revision(&core->world, &key));
    txn_put(&txn, next);
    pending_send(core, &core->disarm->pending, &txn, write_limit_ms);
}

/* The coordinator's: writes now and then how much is left, and at last that nothing is. */
static void count_down(struct core *core, msec_t left_ms)
{
    struct disarm_watch *d = core->disarm;
    msec_t passed_ms = core->now_ms - d->seen_ms;
    pending_tick(core, &d->pending);
    if (left_ms == 0 || !pending_is_idle(core, &d->pending) ||
        !core_is_readable(core, RECORD_DISARM, "")) {
        return;
    }
    if (!count_record(core) || passed_ms >= MIN(left_ms, (msec_t)refresh_ms)) {
        write_count(core, MAX(left_ms - passed_ms, (msec_t)0));
    } else {
        core_wake(core, d->seen_ms + MIN(left_ms, (msec_t)refresh_ms));
    }
}

/* It must not be forgotten: who reads the events later finds it, too. */
static void remind(struct core *core, msec_t left_ms)
{
    struct disarm_watch *d = core->disarm;
    if (core->now_ms >= d->remind_ms) {
        d->remind_ms = core->now_ms + remind_ms;
        core_note(core, left_ms > 0 ? NOTE_CLUSTER_DISARMED_FOR : NOTE_CLUSTER_DISARMED, "cluster")
            ->ms = left_ms;
    }
    core_wake(core, d->remind_ms);
}

static void look(struct core *core, bool is_disarmed)
{
    struct disarm_watch *d = core->disarm;
    const struct record_key key = {.kind = RECORD_CLUSTER};
    const struct record *count = count_record(core);
    revision_t revision = count ? count->revision : world_revision(&core->world, &key);
    if (revision != d->revision) {
        d->revision = revision;
        d->seen_ms = core->now_ms;
    }
    if (is_disarmed == d->is_disarmed) {
        return;
    }
    d->is_disarmed = is_disarmed;
    d->remind_ms = core->now_ms;
    core->is_dirty = true;
    if (!is_disarmed) {
        d->ended_ms = core->now_ms;
    }
    if (!is_disarmed && lead_is_ours(core)) {
        (void)core_note(core, NOTE_CLUSTER_ARMED, "cluster");
    }
}

void disarm_step(struct core *core)
{
    msec_t left_ms;
    bool is_disarmed = world_is_disarmed(&core->world, &left_ms);
    look(core, is_disarmed);
    if (is_disarmed && lead_is_ours(core)) {
        remind(core, left_ms);
        count_down(core, left_ms);
    }
}
