/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One store transaction at a time about one subject, and how its outcome is learned. */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/*
 * A store transaction of ours about one subject, from its sending until this process's world is as
 * new as its outcome: only then may that subject be decided on again.
 *
 *     idle -> in flight -> settling -> idle
 *                 `-> (reply lost) barrier in flight -> settling
 */
struct pending {
    uint64_t id;        /* action in flight; 0: none */
    bool is_barrier;    /* the action is a barrier after a lost reply */
    bool wants_barrier; /* the barrier itself was lost: again at retry_ms */
    revision_t until;   /* idle once the world has this revision, ... */
    uint64_t history;   /* ... or the store has gone back to before it */
    msec_t retry_ms;    /* not before then; 0: at once */
    uint32_t refusals;  /* in a row */
};

/* Sends 'txn' (emptied) for the subject of 'pending', which must be idle. */
void pending_send(struct core *core, struct pending *pending, struct txn *txn, msec_t limit_ms);
/* Not idle before the world has 'revision', at which the store answered. */
void pending_settle(const struct core *core, struct pending *pending, revision_t revision);
bool pending_is_idle(const struct core *core, const struct pending *pending);
/* Makes 'pending', of which nothing is in flight, busy until the world shows what a majority of the
 * store has now; each try has 'limit_ms', and pending_tick() tries again until a majority answers.
 */
void pending_look(struct core *core, struct pending *pending, msec_t limit_ms);
/* Whether 'event' (CORE_TXN_DONE) answers 'pending'; if so its state moves on. '*ret' then says
 * how the transaction went (not set by a barrier's answer: false then too). */
bool pending_done(struct core *core, struct pending *pending, const struct core_event *event,
                  enum txn_outcome *ret);
/* Sends the barriers that wait for their time. */
void pending_tick(struct core *core, struct pending *pending);
