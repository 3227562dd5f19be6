/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * This node's heartbeat: when it is sent, what it says, and since when the store has taken it. The
 * times and why they suffice are in docs/SAFETY.md. The rules kept here:
 *
 *  - a heartbeat is a transaction that demands that no fence record came and that no one else wrote
 *    our heartbeat;
 *  - while instances may exist the watchdog is petted on an acknowledged heartbeat and never
 *    otherwise;
 *  - others are told "armed" only while the watchdog is ticking.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"

/* False without memory. */
bool heartbeat_init(struct core *core);
void heartbeat_event(struct core *core, const struct core_event *event);

/* We are a member, and this process has had a heartbeat of this incarnation acknowledged: what we
 * order is ours to order. */
bool heartbeat_is_heard(const struct core *core);
/* Since when the store has taken our own heartbeats, one after the other; MSEC_NEVER: it does not
 * now. */
msec_t heartbeat_steady_ms(const struct core *core);

/* They were refused several times in a row: what the store has is not what we believe. */
bool heartbeat_is_doubted(const struct core *core);

/* ---- for membership.c and leaving.c ---- */

/* Goes on from the stored record 'alive' of this boot. */
void heartbeat_adopt(struct core *core, const struct record *alive);
/* Goes on over whatever the store has of us now, which an administrator vouches for. */
void heartbeat_take_over(struct core *core);
/* The revision of our heartbeat, as far as we know; 0: none of ours is in the store. */
revision_t heartbeat_revision(const struct core *core);
/* Whether one was acknowledged to this process, in this incarnation, member or not. */
bool heartbeat_has_ack(const struct core *core);
/* A majority, asked at 'asked_ms', has no heartbeat of ours at all: as good as an acknowledgement
 * (contradiction.c says why). */
void heartbeat_count_absence(struct core *core, msec_t asked_ms);
/* No acknowledgement counts any more: not of this incarnation, nor of our leaving. */
void heartbeat_forget(struct core *core);

/* Whether it is time for the next one. */
bool heartbeat_is_due(const struct core *core);
/* Asks to be called when it is. */
void heartbeat_wake(struct core *core);
/* None is in flight. */
bool heartbeat_is_idle(const struct core *core);
/* None is in flight, and the world is as new as the answer to the last. */
bool heartbeat_is_settled(const struct core *core);
/* The next one is due at once. */
void heartbeat_hurry(struct core *core);
/* Sends the first one of an incarnation, over the stored one of 'alive_revision'. */
void heartbeat_begin(struct core *core, revision_t alive_revision);
/* Sends the next one. */
void heartbeat_send(struct core *core);
/* Sends the next one if it is time, and asks to be called when it is. */
void heartbeat_step(struct core *core);
/* Takes over what the world knows of our own key, once it is as new as a refusal. */
void heartbeat_learn(struct core *core);

/* Whether the store's heartbeat of this node is newer than our last one, and not ours: another host
 * took the name, or one came through late that a berthd before us sent to begin with. */
bool heartbeat_is_usurped(const struct core *core);
/* Whether they have gone unacknowledged for so long that our VMs must end; notes that, and before
 * it that they are lost. */
bool heartbeat_must_stop(struct core *core);
/* Whether the store has a heartbeat that says that we leave. */
bool heartbeat_has_said_goodbye(const struct core *core);
/* ... or that our host goes down. */
bool heartbeat_has_said_descent(const struct core *core);
