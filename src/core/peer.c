/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/peer.h"

#include "core/beats.h"
#include "core/memory.h"
#include "core/mutant.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool peer_init(struct core *core)
{
    core->peers = calloc(1, sizeof(*core->peers));
    return core->peers != NULL;
}

void peer_done(struct core *core)
{
    if (core->peers) {
        VEC_DONE(&core->peers->list);
    }
    free(core->peers);
}

/* Where 'node' stands in the list, or would. */
static size_t place_of(const struct peers *peers, const char *node, bool *ret_is_there)
{
    size_t place = VEC_BISECT(&peers->list, each, strcmp(each->name, node) < 0);
    *ret_is_there = place < peers->list.len && strcmp(peers->list.items[place].name, node) == 0;
    return place;
}

struct peer *peer_find(const struct core *core, const char *node)
{
    bool is_there;
    size_t place = place_of(core->peers, node, &is_there);
    return is_there ? &core->peers->list.items[place] : NULL;
}

/* On our own clock, since we saw its last heartbeat, which is after it was sent: a host is silent
 * for at least as long as this says. */
msec_t peer_silence(const struct core *core, const char *node)
{
    if (strcmp(node, core->config.node) == 0) {
        return 0;
    }
    const struct peer *peer = peer_find(core, node);
    assert(!peer || peer->seen_ms <= core->now_ms);
    return peer ? core->now_ms - peer->seen_ms : MSEC_NEVER;
}

bool peer_is_up(const struct core *core, const char *node)
{
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, node);
    if (!alive || world_is_proven_off(&core->world, node, alive->alive->incarnation)) {
        return false;
    }
    return peer_silence(core, node) < world_settings(&core->world)->leader_silence_ms;
}

bool peer_takes_vms(const struct core *core, const char *node)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, node);
    return peer_is_up(core, node) && world_has_hypervisor(&core->world, node) &&
           !world_is_going_down(&core->world, node) && world_has_space(&core->world, node, NULL) &&
           world_has_gpus_ready(&core->world, node, NULL) &&
           !world_is_quarantined(&core->world, node) &&
           (!spec || spec->node_spec->mode == NODE_ACTIVE);
}

bool peer_is_settled(const struct core *core, const struct peer *peer)
{
    if (!peer->is_silent) {
        return true;
    }
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, peer->name);
    return !alive || world_is_proven_off(&core->world, peer->name, alive->alive->incarnation);
}

msec_t peer_lost_ms(const struct peer *peer, uint64_t incarnation)
{
    if (peer->incarnation == incarnation) {
        return peer->has_beat ? peer->seen_ms : MSEC_NEVER;
    }
    return peer->lost_incarnation == incarnation ? peer->lost_ms : MSEC_NEVER;
}

bool peer_went_down(const struct peer *peer, uint64_t incarnation)
{
    return peer->incarnation == incarnation
               ? peer->is_going_down
               : peer->lost_incarnation == incarnation && peer->has_gone_down;
}

static bool is_close(msec_t a, msec_t b, msec_t span_ms)
{
    return a != MSEC_NEVER && b != MSEC_NEVER && a - b < span_ms && b - a < span_ms;
}

bool peer_lost_others(const struct core *core, const struct peer *peer, msec_t lost_ms)
{
    msec_t span_ms = world_settings(&core->world)->power_fence_ms;
    VEC_EACH(&core->peers->list, other) {
        bool is_silent = other->is_silent && other->has_beat;
        if (other != peer &&
            ((is_silent && is_close(other->seen_ms, lost_ms, span_ms)) ||
             (other->lost_incarnation != 0 && is_close(other->lost_ms, lost_ms, span_ms)))) {
            return true;
        }
    }
    return false;
}

/* ---- hearing ---- */

static struct peer *add_peer(struct core *core, const char *node)
{
    bool is_there;
    size_t place = place_of(core->peers, node, &is_there);
    struct peer *peer = VEC_INSERT(&core->peers->list, place);
    assert(!is_there);
    if (!peer) {
        core_out_of_memory();
    }
    *peer = (struct peer){0};
    (void)snprintf(peer->name, sizeof(peer->name), "%s", node);
    return peer;
}

static void hear(struct core *core, const struct record *alive)
{
    struct peer *peer = peer_find(core, alive->key.name);
    bool is_new = !peer;
    if (!peer) {
        peer = add_peer(core, alive->key.name);
        core->is_dirty = true;
    }
    assert(peer->seen_ms <= core->now_ms);
    if (alive->revision != peer->alive_revision) {
        core->is_dirty |= peer->is_silent || peer->incarnation != alive->alive->incarnation ||
                          peer->is_going_down != alive->alive->is_going_down ||
                          peer->has_left != alive->alive->has_left;
        peer->alive_revision = alive->revision;
        peer->power_retry_ms = 0;
        if (peer->incarnation != 0 && alive->alive->incarnation > peer->incarnation) {
            peer->lost_incarnation = peer->incarnation;
            peer->lost_ms = peer->has_beat ? peer->seen_ms : MSEC_NEVER;
            peer->has_gone_down = peer->is_going_down;
        }
        peer->is_going_down = alive->alive->is_going_down;
        peer->has_left = alive->alive->has_left;
        peer->has_beat |= peer->incarnation != 0;
        peer->incarnation = alive->alive->incarnation;
        peer->seen_ms = is_new && MUTANT(UNWATCHED_COUNTS) ? beats_pulse_ms(core) : core->now_ms;
        /* From now on its silence is timed, not from when it was sent: we cannot know that, and
         * our clock is the only one that we trust. So it seems silent for less than it is. */
        peer->is_power_proven = false; /* it is heard: whatever its agent said, it is not off */
    }
}

/* An orderly end: told as an alarm only if VMs are left there. */
static void note_left(struct core *core, const struct peer *peer)
{
    uint32_t vms = world_vms_left(&core->world, peer->name);
    enum note_code code = vms > 0               ? NOTE_NODE_LEFT_VMS
                          : peer->is_going_down ? NOTE_NODE_DOWN
                                                : NOTE_NODE_LEFT;
    core_note(core, code, peer->name)->count = vms;
}

static bool is_proven_off(const struct core *core, const struct peer *peer)
{
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, peer->name);
    return alive && world_is_proven_off(&core->world, peer->name, alive->alive->incarnation);
}

/* Whether the store says why it is silent, and a coordinator that is heard has noted that, or one
 * before our time: then it is no news. */
static bool is_told_by_others(const struct core *core, const struct peer *peer)
{
    const struct record *leader = world_find(&core->world, RECORD_LEADER, "");
    const char *node = leader ? leader->leader->node : core->config.node;
    bool has_voice = strcmp(node, core->config.node) != 0 && strcmp(node, peer->name) != 0 &&
                     peer_is_up(core, node);
    return (peer->has_left || is_proven_off(core, peer)) && (has_voice || !peer->has_beat);
}

/* Notes silence and its end; asks to be woken when it begins. */
static void watch_silence(struct core *core, struct peer *peer, bool is_leading, msec_t limit_ms)
{
    if (strcmp(peer->name, core->config.node) == 0) {
        return;
    }
    bool is_silent = core->now_ms - peer->seen_ms >= limit_ms;
    if (!is_silent) {
        core_wake(core, peer->seen_ms + limit_ms);
    }
    if (is_silent == peer->is_silent) {
        return;
    }
    peer->is_silent = is_silent;
    core->is_dirty = true;
    bool is_known = is_silent && is_told_by_others(core, peer);
    peer->is_told = is_silent && (is_leading || is_known);
    if (!is_leading || is_known) {
        return; /* one voice is enough; a new coordinator notes what it finds untold */
    }
    const struct record *alive = world_find(&core->world, RECORD_NODE_ALIVE, peer->name);
    if (is_silent && alive && alive->alive->has_left) {
        note_left(core, peer);
    } else if (is_silent) {
        core_note(core, NOTE_NODE_SILENT, peer->name)->ms = core->now_ms - peer->seen_ms;
    } else {
        (void)core_note(core, NOTE_NODE_HEARD, peer->name);
    }
}

/* A heartbeat that vanished and comes back, as a restored copy brings it, is timed from then on. */
static void forget_absent(struct core *core)
{
    VEC_EACH(&core->peers->list, peer) {
        if (!world_find(&core->world, RECORD_NODE_ALIVE, peer->name)) {
            peer->alive_revision = 0;
        }
    }
}

void peer_event(struct core *core, const struct core_event *event)
{
    if (event->kind == CORE_STORE_RESET && !event->is_up) {
        core->peers->list.len = 0; /* not watched from now on: to be timed afresh, if ever again */
    }
    if (event->kind == CORE_STORE_SYNCED || event->kind == CORE_STORE_REMOVED) {
        forget_absent(core);
    }
    if (event->kind == CORE_STORE_RECORD && event->record->key.kind == RECORD_NODE_ALIVE) {
        hear(core, event->record);
    }
}

void peer_step(struct core *core, bool is_leading)
{
    msec_t limit_ms = world_settings(&core->world)->leader_silence_ms;
    VEC_EACH(&core->peers->list, peer) {
        watch_silence(core, peer, is_leading, limit_ms);
    }
}

void peer_forget_silence(struct core *core)
{
    VEC_EACH(&core->peers->list, peer) {
        peer->is_silent = peer->is_silent && (peer->is_told || is_proven_off(core, peer));
    }
}

void peer_listen_again(struct core *core)
{
    VEC_EACH(&core->peers->list, peer) {
        peer->seen_ms = core->now_ms;
        peer->has_beat = peer->is_silent = false;
    }
}
