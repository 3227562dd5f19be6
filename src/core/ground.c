/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/ground.h"

#include "core/mutant.h"

#include "core/memory.h"

#include "base/parse.h"

#include <stdio.h>

ENUM_DEFINE(core_event_kind, CORE_EVENT_LIST)
ENUM_DEFINE(core_action_kind, CORE_ACTION_LIST)
ENUM_DEFINE(core_result, CORE_RESULT_LIST)

struct facts *core_note(struct core *core, enum note_code code, const char *subject)
{
    struct note *note = VEC_ADD(&core->notes);
    if (!note) {
        core_out_of_memory();
    }
    note->code = code;
    (void)copy_text(note->subject, sizeof(note->subject), subject);
    return &note->facts;
}

struct facts *core_note_because(struct core *core, enum note_code code, const char *subject,
                                const struct cause *cause, const char *node)
{
    struct facts *facts = core_note(core, code, subject);
    core->notes.items[core->notes.len - 1].cause = *cause;
    return facts_set(facts, node, NULL, NULL);
}

void core_tell_device(const struct core *core, struct facts *facts, const struct gpu_slot *slot)
{
    (void)gpu_slot_format(slot, facts->who);
    facts->is_other = world_is_other(&core->world, core->config.node, slot->address);
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

bool core_is_readable(const struct core *core, enum record_kind kind, const char *name)
{
    struct record_key key = {.kind = kind};
    (void)snprintf(key.name, sizeof(key.name), "%s", name);
    return world_is_readable(&core->world, &key);
}

void core_clear_outbox(struct core *core)
{
    VEC_EACH(&core->actions, action) {
        txn_done(&action->txn);
        record_unref(action->spec);
        record_unref(action->placement);
    }
    core->actions.len = 0;
    core->notes.len = 0;
}

bool core_is_disarmed(const struct core *core)
{
    return world_is_disarmed(&core->world, NULL) && !MUTANT(DISARM_UNHEEDED);
}
