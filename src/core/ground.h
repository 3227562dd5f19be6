/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ground on which every machine of the core stands: who we are, the picture of the store, the
 * time, and the outbox of actions and notes. It knows the machines by name only; anyone who wants
 * to look into one includes that machine's header.
 */
#pragma once

#include "core/action.h"
#include "core/event.h"

#include "base/vec.h"
#include "model/world.h"

struct core {
    struct core_config config;
    struct world world;
    msec_t now_ms;
    msec_t wake_ms;
    uint64_t last_id;
    bool is_dirty;            /* something changed that decisions depend on */
    revision_t told_revision; /* up to which the store has told everything */
    uint64_t history;         /* grows when the store goes back, as to a backup */
    VEC(struct core_action) actions;
    VEC(struct note) notes;

    /* This node: its standing in the cluster, its VMs, its GPUs. */
    struct self *self;
    struct arming *arming;
    struct heartbeat *heartbeat;
    struct leaving *leaving;
    struct shutdown *shutdown;
    struct membership *membership;
    struct contradiction *contradiction;
    struct founding *founding;
    struct agent *agent;
    struct gpus *gpus;
    struct quarantines *quarantines;
    struct rebinds *rebinds;
    struct vgpus *vgpus;
    struct clean *clean;
    struct fabric *fabric;
    struct watch *watch;
    struct visitors *visitors;
    /* The coordinator: the other nodes, the term, each VM. */
    struct beats *beats;
    struct candidate *candidate;
    struct pulse_writer *pulse;
    struct peers *peers;
    struct lead *lead;
    struct cold *cold;
    struct disarm_watch *disarm;
    struct removal *removal;
    struct sweep *sweep;
    struct sights *sights;
    struct changes *changes;
    struct evicting *evicting;
};

/* Tells people; the facts are to be filled in, lent until the next note. */
struct facts *core_note(struct core *core, enum note_code code, const char *subject);
/* The same with a cause (copied), on 'node' (may be NULL). */
struct facts *core_note_because(struct core *core, enum note_code code, const char *subject,
                                const struct cause *cause, const char *node);
/* Which device of this node a note is about, into the facts of that note. */
void core_tell_device(const struct core *core, struct facts *facts, const struct gpu_slot *slot);
/* An action with a new id, to be filled in; lent until the next one. */
struct core_action *core_act(struct core *core, enum core_action_kind kind);
/* An action that no one answers. */
void core_act_quietly(struct core *core, enum core_action_kind kind);
/* Be called again at 'at_ms'. */
void core_wake(struct core *core, msec_t at_ms);
/* Whether the record, or its absence, in our world is what the store holds. */
bool core_is_readable(const struct core *core, enum record_kind kind, const char *name);

/* Whether the cluster is disarmed: nothing happens by itself. */
bool core_is_disarmed(const struct core *core);
/* Drops actions and notes: the step before is over. */
void core_clear_outbox(struct core *core);
