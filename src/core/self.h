/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who this node is in the cluster: how it stands, and under which incarnation.
 *
 *             snapshot there
 *  JOINING ------------------> MEMBER            same boot, not fenced: goes on, VMs adopted
 *     |                        |    ^
 *     | other boot or fenced   |    | begun
 *     v                        v    |
 *  CLEARING -- all killed --> BEGINNING          heartbeats lost for the self-stop time,
 *     ^                        |                 or fenced: MEMBER -> CLEARING
 *     `--------- MEMBER -------'
 *
 *  MEMBER -- leave --> LEAVING --> LEFT
 *  CLEARING -- all killed, the host goes down --> BEGINNING --> MEMBER: without a VM, to say so
 *  JOINING, MEMBER -- the store contradicts us --> CONTRADICTED --> MEMBER, CLEARING, LEFT
 *  BEGINNING -- the store's format is not for us --> CONTRADICTED
 *  CONTRADICTED -- all that exists here was migrated here --> BEGINNING
 *
 * Only membership.c and its tools (heartbeat.c, leaving.c) move it, and only shutdown.c says that
 * the host goes down; everybody may ask.
 */
#pragma once

#include "core/ground.h"

#define MEMBERSHIP_LIST(X)                                                                         \
    X(MEMBERSHIP_JOINING, "joining")                                                               \
    X(MEMBERSHIP_CLEARING, "clearing")                                                             \
    X(MEMBERSHIP_BEGINNING, "beginning")                                                           \
    X(MEMBERSHIP_MEMBER, "member")                                                                 \
    X(MEMBERSHIP_CONTRADICTED, "contradicted")                                                     \
    X(MEMBERSHIP_LEAVING, "leaving")                                                               \
    X(MEMBERSHIP_LEFT, "left")
ENUM_DECLARE(membership_state, MEMBERSHIP_LIST)

/* False without memory. */
bool self_init(struct core *core);

enum membership_state self_state(const struct core *core);
/* Asserts that the drawing has that move. */
void self_move(struct core *core, enum membership_state to);
bool self_is_member(const struct core *core);

/* Under which it is a member, or will be. */
uint64_t self_incarnation(const struct core *core);
/* Takes that incarnation, as of the fence record that the store has now. */
void self_take_incarnation(struct core *core, uint64_t incarnation);
/* Of our own fence record when this incarnation began; 0: there was none. */
revision_t self_fence_revision(const struct core *core);

/* The host is being shut down in order: heartbeats say so, and nothing is begun here any more. */
void self_go_down(struct core *core, enum on_shutdown what);
void self_stay(struct core *core);
bool self_is_going_down(const struct core *core);
/* What becomes of our VMs then. */
enum on_shutdown self_on_shutdown(const struct core *core);

/* Whose VMs are ours: the id of the cluster that this boot joined; "": none yet. */
const char *self_cluster(const struct core *core);
/* Nothing of another cluster may be ours when it changes. */
void self_take_cluster(struct core *core, const char *cluster);

/* What the world has now is the first that this berthd saw of the store, all of it. */
void self_has_joined(struct core *core);
revision_t self_joined_revision(const struct core *core);

/* Our name, our records; NULL: there is none. */
const char *self_name(const struct core *core);
struct record_key self_key(const struct core *core, enum record_kind kind);
const struct record *self_spec_record(const struct core *core);
const struct record *self_inventory_record(const struct core *core);
const struct record *self_alive_record(const struct core *core);
const struct record *self_fence_record(const struct core *core);
/* Whether 'alive' was written under the present boot of this host. */
bool self_is_this_boot(const struct core *core, const struct record *alive);
/* Up to which incarnation of this node others were told that it is off; 0: none. */
uint64_t self_fenced_incarnation(const struct core *core);
