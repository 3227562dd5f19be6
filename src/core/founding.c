/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/founding.h"

#include "core/beats.h"
#include "base/parse.h"
#include "core/memory.h"
#include "core/mutant.h"
#include "core/pending.h"
#include "core/self.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { found_limit_ms = 2000, found_pause_ms = 1000 };

struct founding {
    struct pending pending;
    bool is_noted;
    msec_t next_ms; /* not before then: a store that refuses is not asked all the time */
};

bool founding_init(struct core *core)
{
    core->founding = calloc(1, sizeof(*core->founding));
    return core->founding != NULL;
}

void founding_event(struct core *core, const struct core_event *event)
{
    struct founding *f = core->founding;
    enum txn_outcome outcome;
    if (event->kind == CORE_TXN_DONE) {
        (void)pending_done(core, &f->pending, event, &outcome);
    } else if (event->kind == CORE_STORE_RECORD && event->record->key.kind == RECORD_FORMAT &&
               strcmp(event->record->format->cluster, core->config.fresh_cluster) == 0 &&
               !f->is_noted) {
        f->is_noted = true; /* it is in the store, whatever became of the reply */
        (void)facts_set(core_note(core, NOTE_CLUSTER_MADE, self_name(core)), NULL,
                        core->config.fresh_cluster, NULL);
    }
}

static const struct store_format *founding_format(const struct core *core)
{
    const struct record *record = world_find(&core->world, RECORD_FORMAT, "");
    return record ? record->format : NULL;
}

const char *founding_cluster(const struct core *core)
{
    const struct store_format *format = founding_format(core);
    return format ? format->cluster : NULL;
}

bool founding_is_other(const struct core *core)
{
    const struct store_format *format = founding_format(core);
    const char *ours = self_cluster(core);
    return format && ours[0] && strcmp(format->cluster, ours) != 0 && !MUTANT(CLUSTER_UNCOMPARED);
}

/* Whether hosts have been here. What administrators want, and events, say nothing of that. */
static bool has_traces(const struct core *core)
{
    static const enum record_kind traces[] = {RECORD_NODE_ALIVE, RECORD_NODE_FENCE, RECORD_LEADER,
                                              RECORD_VM_PLACEMENT, RECORD_CLAIM};
    for (size_t i = 0; i < ARRAY_LEN(traces); i++) {
        if (core->world.records[traces[i]].len > 0) {
            return true;
        }
    }
    return false;
}

/* The store has our own heartbeat of this boot, so it is the one that we joined, and we know whose
 * that is. */
static bool knows_us(const struct core *core)
{
    const struct record *alive = self_alive_record(core);
    return alive && self_cluster(core)[0] && self_is_this_boot(core, alive);
}

/* It must fit into the marker of a VM, or no VM would be found again (domain_marker_parse()). */
static bool is_id(const char *cluster)
{
    return cluster[0] && cluster[strspn(cluster, "0123456789abcdef-")] == '\0';
}

enum cause_code founding_refusal(const struct core *core)
{
    const struct store_format *format = founding_format(core);
    if (!core->world.is_complete || !core_is_readable(core, RECORD_FORMAT, "")) {
        return CAUSE_NONE; /* it is not known yet */
    }
    if (!format) {
        return has_traces(core) && self_cluster(core)[0] == '\0' ? CAUSE_STORE_UNNAMED : CAUSE_NONE;
    }
    if (format->oldest > (uint32_t)format_number) {
        return CAUSE_STORE_TOO_NEW;
    }
    if (format->number < (uint32_t)format_oldest) {
        return CAUSE_STORE_TOO_OLD;
    }
    return is_id(format->cluster) ? CAUSE_NONE : CAUSE_STORE_NO_ID;
}

static void founding_make(struct core *core, const char *cluster)
{
    struct record *format = record_new(RECORD_FORMAT, NULL, NULL);
    struct record_key leader = {.kind = RECORD_LEADER};
    struct record_key alive = self_key(core, RECORD_NODE_ALIVE);
    struct txn txn = {0};
    if (!format) {
        core_out_of_memory();
    }
    assert(is_id(cluster));
    (void)copy_text(format->format->cluster, sizeof(format->format->cluster), cluster);
    format->format->number = format_number;
    format->format->oldest = format_oldest;
    /* No one writes a heartbeat or a term before there is a format, so with these three an empty
     * store is still empty; and what has been restored meanwhile has a format. */
    txn_guard(&txn, &format->key, 0);
    txn_guard(&txn, &alive, world_revision(&core->world, &alive));
    if (!knows_us(core)) {
        txn_guard(&txn, &leader, world_revision(&core->world, &leader));
    }
    txn_put(&txn, format);
    pending_send(core, &core->founding->pending, &txn, found_limit_ms);
    core->founding->next_ms = core->now_ms + found_pause_ms;
}

bool founding_is_done(struct core *core)
{
    struct founding *f = core->founding;
    if (founding_format(core)) {
        return true;
    }
    pending_tick(core, &f->pending);
    if (!core->world.is_complete || !core_is_readable(core, RECORD_FORMAT, "") ||
        !pending_is_idle(core, &f->pending)) {
        return false; /* its answer, or the world, wakes us */
    }
    if (core->now_ms < f->next_ms) {
        core_wake(core, f->next_ms);
    } else if (knows_us(core)) {
        founding_make(core, self_cluster(core));
    } else if (beats_are_watched(core) && !has_traces(core)) {
        founding_make(core, core->config.fresh_cluster);
    }
    return false;
}
