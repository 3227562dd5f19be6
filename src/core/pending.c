/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/pending.h"

#include "core/memory.h"

#include <assert.h>

enum { barrier_limit_ms = 2000, barrier_retry_ms = 500, refused_ms = 50, refused_max_ms = 1000 };

void pending_send(struct core *core, struct pending *pending, struct txn *txn, msec_t limit_ms)
{
    assert(pending->id == 0);
    if (txn->failed) {
        core_out_of_memory();
    }
    struct core_action *action = core_act(core, ACTION_TXN);
    action->txn = *txn;
    action->limit_ms = limit_ms;
    *txn = (struct txn){0};
    *pending = (struct pending){.id = action->id, .refusals = pending->refusals};
}

/* An answer says what the store has, the world what we know of it: between the two a decision would
 * be made on a picture without our own last write. So the subject stays busy until the world is as
 * new as the answer, or until a restored copy has begun another history. */
void pending_settle(const struct core *core, struct pending *pending, revision_t revision)
{
    assert(pending->id == 0);
    pending->until = revision;
    pending->history = core->history;
}

bool pending_is_idle(const struct core *core, const struct pending *pending)
{
    return pending->id == 0 && !pending->wants_barrier && core->now_ms >= pending->retry_ms &&
           (core->world.revision >= pending->until || core->history != pending->history);
}

/* Whether a write without an answer was made is not asked of its key, which others may have written
 * since: once the world holds all that was there when the barrier was answered, it shows it. */
static void send_barrier(struct core *core, struct pending *pending, msec_t limit_ms)
{
    assert(pending->id == 0); /* an answer still to come would be taken for the barrier's */
    struct core_action *action = core_act(core, ACTION_BARRIER);
    action->limit_ms = limit_ms;
    pending->id = action->id;
    pending->is_barrier = true;
    pending->wants_barrier = false;
}

void pending_look(struct core *core, struct pending *pending, msec_t limit_ms)
{
    assert(pending->id == 0);
    *pending = (struct pending){0};
    send_barrier(core, pending, limit_ms);
}

bool pending_done(struct core *core, struct pending *pending, const struct core_event *event,
                  enum txn_outcome *ret)
{
    if (event->id == 0 || event->id != pending->id) {
        return false;
    }
    bool was_barrier = pending->is_barrier;
    pending->id = 0;
    pending->is_barrier = false;
    core->is_dirty = true;
    switch (event->outcome) {
    case TXN_COMMITTED:
        pending_settle(core, pending, event->revision);
        pending->refusals = was_barrier ? pending->refusals : 0;
        break;
    case TXN_REFUSED: /* once is a race; again and again: something that we cannot see is in the way
                       */
        pending_settle(core, pending, event->revision);
        if (++pending->refusals > 1) {
            pending->retry_ms =
                core->now_ms +
                MIN((msec_t)refused_ms << MIN(pending->refusals - 2, 5U), (msec_t)refused_max_ms);
        }
        break;
    case TXN_UNKNOWN:
    case TXN_IMPOSSIBLE:
        if (was_barrier || event->outcome == TXN_IMPOSSIBLE) {
            pending->wants_barrier = true;
            pending->retry_ms = core->now_ms + barrier_retry_ms;
        } else {
            send_barrier(core, pending, barrier_limit_ms);
        }
        break;
    }
    if (was_barrier) {
        return false;
    }
    *ret = event->outcome;
    return true;
}

void pending_tick(struct core *core, struct pending *pending)
{
    if (!pending->wants_barrier) {
        if (core->now_ms < pending->retry_ms) {
            core_wake(core, pending->retry_ms);
        }
        return;
    }
    if (core->now_ms >= pending->retry_ms) {
        send_barrier(core, pending, barrier_limit_ms);
    } else {
        core_wake(core, pending->retry_ms);
    }
}
