/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/core.h"

#include "core/agent.h"
#include "core/agent_gpu.h"
#include "core/beats.h"
#include "core/candidate.h"
#include "core/change.h"
#include "core/cold.h"
#include "core/contradiction.h"
#include "core/coordinator.h"
#include "core/disarm.h"
#include "core/evict.h"
#include "core/founding.h"
#include "core/ground.h"
#include "core/heartbeat.h"
#include "core/lead.h"
#include "core/leaving.h"
#include "core/local_vm.h"
#include "core/membership.h"
#include "core/memory.h"
#include "core/peer.h"
#include "core/pulse.h"
#include "core/recover.h"
#include "core/removal.h"
#include "core/self.h"
#include "core/shutdown.h"
#include "core/sight.h"
#include "core/sweep.h"
#include "core/visitor.h"
#include "core/arming.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool init_machines(struct core *core)
{
    return self_init(core) && arming_init(core) && heartbeat_init(core) && leaving_init(core) &&
           shutdown_init(core) && membership_init(core) && founding_init(core) &&
           local_vms_init(core) && agent_gpu_init(core) && visitors_init(core) &&
           beats_init(core) && candidate_init(core) && pulse_init(core) && peer_init(core) &&
           contradiction_init(core) && cold_init(core) && disarm_init(core) && lead_init(core) &&
           removal_init(core) && sweep_init(core) && sight_init(core) && change_init(core) &&
           evict_init(core);
}

struct core *core_new(const struct core_config *config)
{
    struct core *core = calloc(1, sizeof(*core));
    if (!core) {
        return NULL;
    }
    core->config = *config;
    core->is_dirty = true;
    if (!init_machines(core)) {
        return core_free(core);
    }
    return core;
}

struct core *core_free(struct core *core)
{
    if (!core) {
        return NULL;
    }
    core_clear_outbox(core);
    free(core->self);
    free(core->arming);
    free(core->heartbeat);
    free(core->leaving);
    free(core->shutdown);
    free(core->membership);
    free(core->contradiction);
    free(core->founding);
    local_vms_done(core);
    agent_gpu_done(core);
    peer_done(core);
    free(core->beats);
    free(core->candidate);
    pulse_done(core);
    free(core->cold);
    free(core->disarm);
    free(core->lead);
    free(core->removal);
    free(core->sweep);
    sight_done(core);
    visitors_done(core);
    change_done(core);
    free(core->evicting);
    world_done(&core->world);
    VEC_DONE(&core->actions);
    VEC_DONE(&core->notes);
    free(core);
    return NULL;
}

const struct world *core_world(const struct core *core)
{
    return &core->world;
}

bool core_is_coordinator(const struct core *core)
{
    return lead_is_ours(core);
}

enum cause_code core_contradiction(const struct core *core)
{
    return self_state(core) == MEMBERSHIP_CONTRADICTED ? contradiction_why(core) : CAUSE_NONE;
}

bool core_store_is_ours(const struct core *core)
{
    const char *cluster = founding_cluster(core);
    return cluster && strcmp(cluster, self_cluster(core)) == 0;
}

uint32_t core_shutdown_waits(const struct core *core)
{
    return shutdown_waits(core);
}

uint64_t core_incarnation(const struct core *core)
{
    return self_is_member(core) ? self_incarnation(core) : 0;
}

/* Heartbeats, the pulse and events come all the time and change no decision by themselves: anyone
 * who times heartbeats says when one does. */
static bool is_decisive(enum record_kind kind)
{
    return kind != RECORD_NODE_ALIVE && kind != RECORD_PULSE && kind != RECORD_BEAT_SUMMARY &&
           kind != RECORD_EVENT && kind != RECORD_NODE_USE;
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
        core->history += event->revision < core->told_revision;
        core->told_revision = event->revision;
        core->is_dirty = true;
        break;
    case CORE_STORE_PROGRESS:
        world_advance(world, event->revision);
        core->told_revision = event->revision;
        break;
    case CORE_TICK:
    case CORE_TXN_DONE:
    case CORE_ACTION_DONE:
    case CORE_VM_EXISTS:
    case CORE_VM_GONE:
    case CORE_VM_MOVING:
    case CORE_VM_GUEST:
    case CORE_VM_FOREIGN:
    case CORE_VMS_LISTED:
    case CORE_HYPERVISOR:
    case CORE_INVENTORY:
    case CORE_WATCHDOG_FOUND:
    case CORE_RESOLVE:
    case CORE_SHUTDOWN:
    case CORE_LEAVE:
        break;
    }
}

void core_step(struct core *core, const struct core_event *event, struct core_update *ret)
{
    assert(event->now_ms >= core->now_ms);
    core_clear_outbox(core);
    core->now_ms = event->now_ms;
    core->wake_ms = MSEC_NEVER;

    feed_world(core, event);
    beats_event(core, event);
    membership_event(core, event);
    agent_event(core, event);
    agent_gpu_event(core, event);
    coordinator_event(core, event);
    disarm_event(core, event);
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
        disarm_step(core);
        agent_step(core);
        agent_gpu_step(core);
        candidate_step(core);
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
