/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/beats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct beats {
    bool are_asked;      /* all of them, as the store was last told */
    bool are_coming;     /* in the picture that is being told */
    bool are_watched;    /* in the one that is whole */
    revision_t own_told; /* watching our own only: what is known of its key is as new as this */
    bool is_pulse_timed; /* 'pulse_ms' holds something */
    msec_t pulse_ms;     /* when the pulse last moved, or we began to wait for that */
    revision_t pulse_revision;
    uint64_t heard_term; /* of the last pulse that moved while we looked; 0: none did */
};

bool beats_init(struct core *core)
{
    core->beats = calloc(1, sizeof(*core->beats));
    return core->beats != NULL;
}

bool beats_are_watched(const struct core *core)
{
    return core->beats->are_watched && core->world.is_complete;
}

bool beats_are_asked(const struct core *core)
{
    return core->beats->are_asked;
}

void beats_ask(struct core *core, bool all)
{
    if (core->beats->are_asked != all) {
        core->beats->are_asked = all;
        struct core_action *action = core_act(core, ACTION_WATCH_BEATS);
        action->id = 0;
        action->count = all;
    }
}

/*
 * A host that watches all keys has them as of one revision. Our own heartbeat is watched apart from
 * the rest otherwise, so that the rest may be told of later revisions while a change of ours is on
 * its way: then only a picture, or a change of that very key, says how far we know it.
 */
revision_t beats_told_revision(const struct core *core)
{
    return beats_are_watched(core) ? core->world.revision : core->beats->own_told;
}

msec_t beats_pulse_ms(const struct core *core)
{
    return core->beats->is_pulse_timed ? core->beats->pulse_ms : core->now_ms;
}

bool beats_heard_term(const struct core *core, uint64_t term)
{
    return core->beats->heard_term == term;
}

static void hear_pulse(struct core *core, const struct record *pulse)
{
    struct beats *beats = core->beats;
    if (pulse->revision != beats->pulse_revision) {
        /* The first one that is seen may be old: it is a word of the store, not of a coordinator.
         */
        if (beats->pulse_revision != 0) {
            beats->heard_term = pulse->pulse->term;
            beats->pulse_ms = core->now_ms;
        }
        beats->pulse_revision = pulse->revision;
    }
}

static bool is_own(const struct core *core, const struct record_key *key)
{
    return key->kind == RECORD_NODE_ALIVE && strcmp(key->name, core->config.node) == 0;
}

void beats_event(struct core *core, const struct core_event *event)
{
    struct beats *beats = core->beats;
    if (event->kind == CORE_STORE_RESET) {
        beats->are_coming = event->is_up;
        beats->own_told = 0;
    } else if (event->kind == CORE_STORE_SYNCED) {
        beats->are_watched = beats->are_coming;
        beats->own_told = event->revision;
        if (!beats->is_pulse_timed) {
            beats->is_pulse_timed = true;
            beats->pulse_ms = core->now_ms;
        }
    } else if (event->kind == CORE_STORE_RECORD) {
        if (event->record->key.kind == RECORD_PULSE) {
            hear_pulse(core, event->record);
        } else if (is_own(core, &event->record->key)) {
            beats->own_told = MAX(beats->own_told, event->record->revision);
        }
    } else if (event->kind == CORE_STORE_REMOVED && is_own(core, event->key)) {
        beats->own_told = MAX(beats->own_told, event->revision);
    }
}
