/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/internal.h"

#include "base/parse.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(core_event_kind, CORE_EVENT_LIST)
ENUM_DEFINE(core_action_kind, CORE_ACTION_LIST)
ENUM_DEFINE(core_result, CORE_RESULT_LIST)

enum { barrier_limit_ms = 2000, barrier_retry_ms = 500, refused_ms = 50, refused_max_ms = 1000 };

struct core *core_new(const struct core_config *config)
{
    struct core *core = calloc(1, sizeof(*core));
    if (core) {
        core->config = *config;
        core->is_dirty = true;
    }
    return core;
}

static void clear_update(struct core *core)
{
    VEC_EACH(&core->actions, action) {
        txn_done(&action->txn);
        record_unref(action->spec);
        record_unref(action->placement);
    }
    core->actions.len = 0;
    core->notes.len = 0;
}

struct core *core_free(struct core *core)
{
    if (core) {
        clear_update(core);
        agent_done(core);
        coordinator_done(core);
        world_done(&core->world);
        VEC_DONE(&core->actions);
        VEC_DONE(&core->notes);
        free(core);
    }
    return NULL;
}

const struct world *core_world(const struct core *core)
{
    return &core->world;
}

bool core_is_coordinator(const struct core *core)
{
    return core->coordinator.is_leading;
}

uint64_t core_incarnation(const struct core *core)
{
    return membership_is_member(core) ? core->membership.incarnation : 0;
}

void core_note(struct core *core, enum severity severity, const char *code, const char *subject,
               const char *format, ...)
{
    struct core_note *note = VEC_ADD(&core->notes);
    if (!note) {
        core_out_of_memory();
    }
    note->severity = severity;
    note->code = code;
    (void)copy_text(note->subject, sizeof(note->subject), subject);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(note->text, sizeof(note->text), format, args);
    va_end(args);
}

struct core_action *core_act(struct core *core, enum core_action_kind kind)
{
    struct core_action *action = VEC_ADD(&core->actions);
    if (!action) {
        core_out_of_memory();
    }
    action->kind = kind;
    action->id = ++core->last_id;
    return action;
}

void core_act_quietly(struct core *core, enum core_action_kind kind)
{
    core_act(core, kind)->id = 0;
}

void core_wake(struct core *core, msec_t at_ms)
{
    core->wake_ms = MIN(core->wake_ms, at_ms);
}

/* ---- pending ---- */

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

bool pending_is_idle(const struct core *core, const struct pending *pending)
{
    return pending->id == 0 && !pending->wants_barrier && core->now_ms >= pending->retry_ms &&
           core->world.revision >= pending->until;
}

static void send_barrier(struct core *core, struct pending *pending)
{
    struct core_action *action = core_act(core, ACTION_BARRIER);
    action->limit_ms = barrier_limit_ms;
    pending->id = action->id;
    pending->is_barrier = true;
    pending->wants_barrier = false;
}

void pending_look(struct core *core, struct pending *pending)
{
    assert(pending->id == 0);
    *pending = (struct pending){0};
    send_barrier(core, pending);
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
        pending->until = event->revision;
        pending->refusals = was_barrier ? pending->refusals : 0;
        break;
    case TXN_REFUSED: /* once is a race; again and again: something that we cannot see is in the way
                       */
        pending->until = event->revision;
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
            send_barrier(core, pending);
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
        send_barrier(core, pending);
    } else {
        core_wake(core, pending->retry_ms);
    }
}

/* ---- the door ---- */

/* Heartbeats and events come all the time and change no decision by themselves: whoever times
 * heartbeats says when one does. */
static bool is_decisive(enum record_kind kind)
{
    return kind != RECORD_NODE_ALIVE && kind != RECORD_EVENT;
}

bool core_is_readable(const struct core *core, enum record_kind kind, const char *name)
{
    struct record_key key = {.kind = kind};
    (void)snprintf(key.name, sizeof(key.name), "%s", name);
    return world_is_readable(&core->world, &key);
}

/* Brings the world up to date with a store event. */
static void feed_world(struct core *core, const struct core_event *event)
{
    struct world *world = &core->world;
    switch (event->kind) {
    case CORE_STORE_RESET:
        world_snapshot_begin(world);
        break;
    case CORE_STORE_UNREADABLE:
        if (!world_mark_unreadable(world, event->key)) {
            core_out_of_memory();
        }
        core->is_dirty |= is_decisive(event->key->kind);
        break;
    case CORE_STORE_RECORD:
        if (!world_put(world, event->record)) {
            core_out_of_memory();
        }
        core->is_dirty |= is_decisive(event->record->key.kind);
        break;
    case CORE_STORE_REMOVED:
        world_remove(world, event->key, event->revision);
        core->is_dirty |= is_decisive(event->key->kind);
        break;
    case CORE_STORE_SYNCED:
        world_snapshot_end(world, event->revision);
        core->is_dirty = true;
        break;
    case CORE_STORE_PROGRESS:
        world_advance(world, event->revision);
        break;
    case CORE_TICK:
    case CORE_TXN_DONE:
    case CORE_ACTION_DONE:
    case CORE_VM_EXISTS:
    case CORE_VM_GONE:
    case CORE_VMS_LISTED:
    case CORE_HYPERVISOR:
    case CORE_INVENTORY:
    case CORE_WATCHDOG_FOUND:
    case CORE_LEAVE:
        break;
    }
}

void core_step(struct core *core, const struct core_event *event, struct core_update *ret)
{
    assert(event->now_ms >= core->now_ms);
    clear_update(core);
    core->now_ms = event->now_ms;
    core->wake_ms = MSEC_NEVER;

    feed_world(core, event);
    membership_event(core, event);
    agent_event(core, event);
    agent_gpu_event(core, event);
    coordinator_event(core, event);
    recover_event(core, event);

    /* Between the records of a snapshot or of one revision the world is not whole. */
    bool is_part = event->kind == CORE_STORE_RECORD || event->kind == CORE_STORE_UNREADABLE;
    bool is_whole = core->world.is_complete && !is_part && event->kind != CORE_STORE_REMOVED;
    bool is_snapshot_part =
        !core->world.is_complete && (is_part || event->kind == CORE_STORE_RESET);
    if (!is_snapshot_part) { /* no time passes within one, and the settings may not be in yet */
        membership_step(core);
    }
    if (is_whole) {
        agent_step(core);
        agent_gpu_step(core);
        coordinator_step(core);
        recover_step(core);
    }
    *ret = (struct core_update){
        .actions = core->actions.items,
        .action_len = core->actions.len,
        .notes = core->notes.items,
        .note_len = core->notes.len,
        .wake_ms = core->wake_ms,
    };
}
