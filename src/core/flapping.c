/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hosts that come and go: one that began anew three times within an hour gets no VMs for two hours,
 * unless an administrator writes its spec ('berth node resume'). What it has, it keeps. At most one
 * host in five at a time, so that a trouble of all of them does not stop everything.
 *
 * Everybody counts what it sees of everybody, as with silence; a berthd that starts counts anew.
 */
#include "core/internal.h"

#include <string.h>

enum { window_ms = 60 * 60 * 1000, quarantine_ms = 2 * 60 * 60 * 1000, one_in = 5 };

static bool is_quarantined_now(const struct core *core, const struct peer *peer)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, peer->name);
    return peer->shunned_until_ms > core->now_ms && spec &&
           spec->revision == peer->shunned_revision;
}

static size_t quarantined_count(const struct core *core)
{
    size_t count = 0;
    VEC_EACH(&core->coordinator.peers, peer) {
        count += is_quarantined_now(core, peer);
    }
    return count;
}

bool flapping_is_quarantined(const struct core *core, const char *node)
{
    const struct peer *peer = coordinator_peer(core, node);
    return peer && is_quarantined_now(core, peer);
}

void flapping_began_anew(struct core *core, struct peer *peer)
{
    const struct record *spec = world_find(&core->world, RECORD_NODE_SPEC, peer->name);
    size_t len = core->coordinator.peers.len;
    memmove(&peer->anew_ms[1], &peer->anew_ms[0], sizeof(peer->anew_ms) - sizeof(peer->anew_ms[0]));
    peer->anew_ms[0] = core->now_ms;
    peer->anew_len = MIN(peer->anew_len + 1, (uint32_t)ARRAY_LEN(peer->anew_ms));
    if (peer->anew_len < ARRAY_LEN(peer->anew_ms) || !spec ||
        core->now_ms - peer->anew_ms[ARRAY_LEN(peer->anew_ms) - 1] > window_ms || len < 3 ||
        quarantined_count(core) >= MAX(len / one_in, (size_t)1)) {
        return;
    }
    peer->anew_len = 0;
    peer->shunned_until_ms = core->now_ms + quarantine_ms;
    peer->shunned_revision = spec->revision;
    if (core->coordinator.is_leading) {
        core_note(core, SEVERITY_ERROR, "node-quarantined", peer->name,
                  "%s began anew three times within an hour: it gets no VMs for two hours. 'berth "
                  "node resume %s' ends that",
                  peer->name, peer->name);
    }
}

void flapping_step(struct core *core)
{
    VEC_EACH(&core->coordinator.peers, peer) {
        if (peer->shunned_until_ms > core->now_ms) {
            core_wake(core, peer->shunned_until_ms);
        } else if (peer->shunned_until_ms != 0) {
            peer->shunned_until_ms = 0;
            core->is_dirty = true;
        }
    }
}
