/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The nodes of the cluster as this one hears them. A candidate times every other node's heartbeat
 * from the moment it saw it, whether it coordinates or not, so that a new coordinator does not
 * begin to count again. A node that is no candidate hears no other.
 */
#pragma once

#include "core/event.h"
#include "core/ground.h"
#include "core/pending.h"

struct peer {
    char name[name_size];
    revision_t alive_revision;
    uint64_t incarnation;
    uint64_t lost_incarnation; /* the one before, ... */
    msec_t lost_ms;            /* ... and when its last heartbeat was seen; MSEC_NEVER: unknown */
    bool has_gone_down;        /* ... and whether that said that the host went down in order */
    bool is_going_down;        /* as its last heartbeat says, ... */
    bool has_left;             /* ... the same */
    bool has_beat;             /* more than one heartbeat was seen: 'seen_ms' is the time of one */
    struct pending standing;
    revision_t standing_revision; /* of the record last seen, ... */
    msec_t standing_ms;           /* ... and when */
    bool is_quarantined;          /* as last noted */
    bool has_fence_news;          /* not in the record yet */
    uint64_t fence_news_incarnation;
    struct cause fence_news;
    msec_t seen_ms; /* 'o' of docs/SAFETY.md: when we saw that heartbeat */
    bool is_silent; /* as last noted */
    bool is_told;   /* the cluster's events say so already, for any coordinator */
    struct pending fence;
    uint64_t power_id;
    msec_t power_retry_ms;
    bool has_looked;          /* the store was asked whether it is silent still ... */
    revision_t look_revision; /* ... after this heartbeat of it */
    bool is_power_asked;      /* 'power_id' only asks whether it is off */
    bool is_power_proven;     /* agent said off, for 'power_incarnation', ... */
    uint64_t power_incarnation;
    uint32_t power_level;      /* of its fence agents: under way, or to be tried next */
    struct cause power_why;    /* why the level before it could not, in this round */
    revision_t power_revision; /* ... when this was its last heartbeat: a later one refutes it */
};

struct peers {
    VEC(struct peer) list; /* by name */
};

/* False without memory. */
bool peer_init(struct core *core);
void peer_done(struct core *core);
void peer_event(struct core *core, const struct core_event *event);
/* Looks who has fallen silent, and who is heard again; notes it if 'is_leading': one voice is
 * enough. */
void peer_step(struct core *core, bool is_leading);
/* Takes those for heard whose silence no coordinator has noted yet, until the next step finds and
 * notes it. */
void peer_forget_silence(struct core *core);

/* Times every host from now on: what was seen before no longer counts. */
void peer_listen_again(struct core *core);

/* NULL: no heartbeat of it was seen. */
struct peer *peer_find(const struct core *core, const char *node);
/* How long 'node' has been silent for us. */
msec_t peer_silence(const struct core *core, const char *node);
/* Alive, and not declared off in this incarnation. */
bool peer_is_up(const struct core *core, const char *node);
/* Up, active, with a hypervisor and room on its disk: VMs may be started there. */
bool peer_takes_vms(const struct core *core, const char *node);
/* Whether 'peer' is heard, or proven off: no one needs to turn it off. */
bool peer_is_settled(const struct core *core, const struct peer *peer);
/* When the last heartbeat of that incarnation of it was seen; MSEC_NEVER: no one here knows. */
msec_t peer_lost_ms(const struct peer *peer, uint64_t incarnation);
/* Whether that incarnation of it was shut down in order, as far as anybody here knows. */
bool peer_went_down(const struct peer *peer, uint64_t incarnation);
/* Whether another host than 'peer' was lost at about 'lost_ms', too. */
bool peer_lost_others(const struct core *core, const struct peer *peer, msec_t lost_ms);
