/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/self.h"

#include "base/parse.h"
#include "base/sm.h"

#include <stdlib.h>
#include <string.h>

ENUM_DEFINE(membership_state, MEMBERSHIP_LIST)

struct self {
    enum membership_state state;
    uint64_t incarnation;
    revision_t fence_revision;
    revision_t joined_revision;
    bool is_going_down;
    enum on_shutdown on_shutdown;
    char cluster[cluster_id_size];
};

static const sm_moves_t moves[membership_state_count] = {
    [MEMBERSHIP_JOINING] = SM_TO(MEMBERSHIP_MEMBER) | SM_TO(MEMBERSHIP_CLEARING) |
                           SM_TO(MEMBERSHIP_LEFT) | SM_TO(MEMBERSHIP_CONTRADICTED),
    [MEMBERSHIP_CLEARING] = SM_TO(MEMBERSHIP_BEGINNING) | SM_TO(MEMBERSHIP_LEFT),
    [MEMBERSHIP_BEGINNING] =
        SM_TO(MEMBERSHIP_MEMBER) | SM_TO(MEMBERSHIP_LEFT) | SM_TO(MEMBERSHIP_CONTRADICTED),
    [MEMBERSHIP_MEMBER] =
        SM_TO(MEMBERSHIP_CLEARING) | SM_TO(MEMBERSHIP_LEAVING) | SM_TO(MEMBERSHIP_CONTRADICTED),
    [MEMBERSHIP_CONTRADICTED] = SM_TO(MEMBERSHIP_MEMBER) | SM_TO(MEMBERSHIP_CLEARING) |
                                SM_TO(MEMBERSHIP_BEGINNING) | SM_TO(MEMBERSHIP_LEFT),
    [MEMBERSHIP_LEAVING] = SM_TO(MEMBERSHIP_LEFT),
    [MEMBERSHIP_LEFT] = 0,
};

bool self_init(struct core *core)
{
    core->self = calloc(1, sizeof(*core->self));
    if (core->self) {
        memcpy(core->self->cluster, core->config.cluster, sizeof(core->self->cluster));
    }
    return core->self != NULL;
}

enum membership_state self_state(const struct core *core)
{
    return core->self->state;
}

void self_move(struct core *core, enum membership_state to)
{
    SM_MOVE(&core->self->state, moves, to);
    core->is_dirty = true;
}

bool self_is_member(const struct core *core)
{
    return core->self->state == MEMBERSHIP_MEMBER;
}

uint64_t self_incarnation(const struct core *core)
{
    return core->self->incarnation;
}

void self_take_incarnation(struct core *core, uint64_t incarnation)
{
    const struct record *fence = self_fence_record(core);
    assert(incarnation > self_fenced_incarnation(core)); /* else it counts as off already */
    core->self->incarnation = incarnation;
    core->self->fence_revision = fence ? fence->revision : 0;
}

revision_t self_fence_revision(const struct core *core)
{
    return core->self->fence_revision;
}

void self_go_down(struct core *core, enum on_shutdown what)
{
    core->self->is_going_down = true;
    core->self->on_shutdown = what;
    core->is_dirty = true;
}

void self_stay(struct core *core)
{
    core->self->is_going_down = false;
    core->is_dirty = true;
}

bool self_is_going_down(const struct core *core)
{
    return core->self->is_going_down;
}

enum on_shutdown self_on_shutdown(const struct core *core)
{
    return core->self->on_shutdown;
}

const char *self_cluster(const struct core *core)
{
    return core->self->cluster;
}

void self_take_cluster(struct core *core, const char *cluster)
{
    if (strcmp(core->self->cluster, cluster) != 0) {
        struct core_action *action = core_act(core, ACTION_CLUSTER);
        (void)copy_text(core->self->cluster, sizeof(core->self->cluster), cluster);
        (void)copy_text(action->name, sizeof(action->name), cluster);
        action->id = 0;
    }
}

void self_has_joined(struct core *core)
{
    core->self->joined_revision = core->world.revision;
}

revision_t self_joined_revision(const struct core *core)
{
    return core->self->joined_revision;
}

const char *self_name(const struct core *core)
{
    return core->config.node;
}

struct record_key self_key(const struct core *core, enum record_kind kind)
{
    struct record_key key = {.kind = kind};
    memcpy(key.name, core->config.node, sizeof(key.name));
    return key;
}

const struct record *self_spec_record(const struct core *core)
{
    return world_find(&core->world, RECORD_NODE_SPEC, core->config.node);
}

const struct record *self_inventory_record(const struct core *core)
{
    return world_find(&core->world, RECORD_NODE_INVENTORY, core->config.node);
}

const struct record *self_alive_record(const struct core *core)
{
    return world_find(&core->world, RECORD_NODE_ALIVE, core->config.node);
}

const struct record *self_fence_record(const struct core *core)
{
    return world_find(&core->world, RECORD_NODE_FENCE, core->config.node);
}

bool self_is_this_boot(const struct core *core, const struct record *alive)
{
    return strcmp(alive->alive->boot_id, core->config.boot_id) == 0;
}

uint64_t self_fenced_incarnation(const struct core *core)
{
    const struct record *fence = self_fence_record(core);
    return fence && fence->fence->proof != PROOF_NONE ? fence->fence->incarnation : 0;
}
