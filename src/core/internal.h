/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the core share. Nobody else includes this. */
#pragma once

#include "core/core.h"
#include "core/mutant.h"

/*
 * A store transaction of ours about one subject, from its sending until this process's world is as
 * new as its outcome: only then may that subject be decided upon again.
 *
 *     idle -> in flight -> settling -> idle
 *                 `-> (reply lost) barrier in flight -> settling
 */
struct pending {
    uint64_t id;        /* action in flight; 0: none */
    bool is_barrier;    /* the action is a barrier after a lost reply */
    bool wants_barrier; /* the barrier itself was lost: again at retry_ms */
    revision_t until;   /* idle once the world has this revision */
    msec_t retry_ms;    /* not before then; 0: at once */
    uint32_t refusals;  /* in a row */
};

/* ---- membership ---- */

/*
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
 */
#define MEMBERSHIP_LIST(X)                                                                         \
    X(MEMBERSHIP_JOINING, "joining")                                                               \
    X(MEMBERSHIP_CLEARING, "clearing")                                                             \
    X(MEMBERSHIP_BEGINNING, "beginning")                                                           \
    X(MEMBERSHIP_MEMBER, "member")                                                                 \
    X(MEMBERSHIP_LEAVING, "leaving")                                                               \
    X(MEMBERSHIP_LEFT, "left")
ENUM_DECLARE(membership_state, MEMBERSHIP_LIST)

struct membership {
    enum membership_state state;
    uint64_t incarnation;
    uint64_t counter;
    revision_t joined_revision; /* what the store had when this berthd first saw all of it */
    revision_t alive_revision;  /* of our own heartbeat's key, as far as we know */
    revision_t fence_revision;  /* of our own fence record when this incarnation began */
    struct pending heartbeat;
    msec_t sent_ms;       /* when the heartbeat in flight was sent */
    msec_t next_ms;       /* when the next one is due */
    bool has_ack;         /* in this incarnation, by this process */
    msec_t acked_sent_ms; /* when the last acknowledged one was sent: 's' of docs/SAFETY.md */
    msec_t steady_ms;     /* since when one after the other has been acknowledged */
    bool is_lost_noted;
    uint64_t kill_id; /* kill-all in flight */
    msec_t kill_retry_ms;
    uint32_t leave_tries;
    revision_t foreign_revision; /* heartbeat of our name from another boot, as last seen */
    msec_t foreign_ms;           /* when we began to look at it, or it last moved */
    bool is_foreign_noted;
    bool is_refused;     /* the last heartbeat was: perhaps an earlier one came through after all */
    msec_t empty_pet_ms; /* BEGINNING: when to pet next */

    bool has_watchdog;         /* the host has a usable one */
    bool is_ticking;           /* armed, by us or by a predecessor of this boot */
    bool is_ours;              /* we hold it open */
    msec_t watchdog_ms;        /* its time-out; 0 while not ticking */
    bool sent_armed;           /* what the heartbeat in flight tells the others */
    bool said_armed;           /* what the last acknowledged one told them */
    bool sent_left, said_left; /* likewise, of our leaving */
    uint64_t arm_id;
    msec_t arming_ms; /* with what it is being armed */
    msec_t arm_retry_ms;
};

/* Since when the store has taken our own heartbeats, one after the other; MSEC_NEVER: it does not
 * now. */
msec_t membership_steady_ms(const struct core *core);

/* ---- node agent ---- */

enum vm_op { VM_OP_NONE, VM_OP_START, VM_OP_STOP, VM_OP_KILL };

/* One VM on this node: what exists here, and what we are doing about it. */
struct local_vm {
    char name[name_size];
    bool exists;
    bool is_up;     /* its guest runs */
    uint64_t epoch; /* of the one that exists */
    bool has_ended; /* 'ended_epoch' existed or was tried here, and is no more */
    uint64_t ended_epoch;
    bool was_up;
    bool is_beginning; /* the status last told was 'starting' */
    char ended_reason[reason_size];
    bool has_culprit;
    struct gpu_slot culprit;
    bool is_stop_refused;
    uint64_t refused_epoch;
    enum vm_op op;
    uint64_t op_id;
    uint64_t op_epoch;
    uint64_t late_epoch; /* whose start was not answered in time, and is to be undone */
    bool is_op_forced;   /* the stop under way turns it off */
    msec_t op_retry_ms;
    struct pending status;
};

struct quarantine {
    struct gpu_slot slot; /* a partition alone, or a card with all that it is divided into */
    char reason[reason_size];
    revision_t spec_revision; /* of the node's spec then: only a newer one can lift it */
};

struct agent {
    VEC(struct local_vm) vms; /* by name */
    bool is_listed;           /* 'vms' holds all that exists */
    struct record *found;     /* the host's inventory as it last told us */
    VEC(struct quarantine) quarantines;
    bool has_quarantines;      /* taken over from the store */
    uint64_t told_incarnation; /* in which it was last written */
    bool is_stale;             /* the store's inventory is to be written anew */
    struct pending inventory;
    VEC(struct pci_address) dismounted; /* that the spec listed since we run */
    bool has_hypervisor;
    char hypervisor_text[reason_size];
    uint64_t gpu_id;       /* dismount, mount or split in flight */
    bool awaits_inventory; /* one was done: 'found' does not show it yet */
    enum core_action_kind gpu_action;
    struct pci_address gpu_address;
    uint32_t gpu_count;
    msec_t gpu_retry_ms;
};

/* ---- coordinator ---- */

struct peer {
    char name[name_size];
    revision_t alive_revision;
    uint64_t incarnation;
    uint64_t lost_incarnation; /* the one before, ... */
    msec_t lost_ms;            /* ... and when its last heartbeat was seen; MSEC_NEVER: unknown */
    bool has_beat;             /* more than one heartbeat was seen: 'seen_ms' is the time of one */
    struct pending standing;
    revision_t standing_revision; /* of the record last seen, ... */
    msec_t standing_ms;           /* ... and when */
    bool is_quarantined;          /* as last noted */
    bool has_fence_news;          /* not in the record yet */
    uint64_t fence_news_incarnation;
    char fence_news[reason_size];
    msec_t seen_ms; /* 'o' of docs/SAFETY.md: when we saw that heartbeat */
    bool is_silent; /* as last noted */
    struct pending fence;
    uint64_t power_id;
    msec_t power_retry_ms;
    bool has_looked;          /* the store was asked whether it is silent still ... */
    revision_t look_revision; /* ... after this heartbeat of it */
    bool is_power_proven;     /* agent said off, for 'power_incarnation' */
    uint64_t power_incarnation;
};

/* A placement on its way to the store: planning counts with it already. */
struct intent {
    char vm[name_size];
    struct pending pending;
    struct record *placement; /* NULL: will be deleted */
    struct core_note note;    /* told when it is committed; code NULL: nothing */
};

/* When this process saw a VM become what it is. */
struct sight {
    char vm[name_size];
    bool has_state;
    uint64_t epoch; /* its status' ... */
    enum vm_state state;
    msec_t state_ms;      /* ... since then */
    revision_t placement; /* its placement's ... */
    msec_t placement_ms;  /* ... since then */
    uint32_t refusals;    /* of our changes of it, in a row */
};

struct coordinator {
    VEC(struct peer) peers; /* by name; everybody times everybody, coordinator or not */
    struct pending lead;
    VEC(struct intent) intents; /* by VM name */
    VEC(struct sight) sights;   /* by VM name */
    msec_t again_ms;            /* decide again then although nothing changed; 0: no need */
    char room_vm[name_size];    /* room is being made for it, ...; "": for none */
    char room_node[name_size];  /* ... here, ... */
    msec_t room_until_ms;       /* ... not longer than this */
    struct pending sweep;       /* claims and events that belong to nobody */
    struct pending removal;     /* of a node that an administrator took out */
    bool is_leading;
};

struct core {
    struct core_config config;
    struct world world;
    struct membership membership;
    struct agent agent;
    struct coordinator coordinator;
    msec_t now_ms;
    msec_t wake_ms;
    uint64_t last_id;
    bool is_dirty; /* something changed that decisions depend on */
    VEC(struct core_action) actions;
    VEC(struct core_note) notes;
};

/* core.c */
void core_note(struct core *core, enum severity severity, const char *code, const char *subject,
               const char *format, ...) PRINTF_LIKE(5, 6);
struct core_action *core_act(struct core *core, enum core_action_kind kind); /* with a new id */
void core_act_quietly(struct core *core, enum core_action_kind kind);        /* without answer */
/* Be called again at 'at_ms'. */
void core_wake(struct core *core, msec_t at_ms);
/* Whether the record, or its absence, in our world is what the store holds. */
bool core_is_readable(const struct core *core, enum record_kind kind, const char *name);

/* Sends 'txn' (emptied) for the subject of 'pending', which must be idle. */
void pending_send(struct core *core, struct pending *pending, struct txn *txn, msec_t limit_ms);
bool pending_is_idle(const struct core *core, const struct pending *pending);
/* Makes 'pending', which must be idle, busy until the world shows what a majority of the store has
 * now; tried again by pending_tick() until a majority answers. */
void pending_look(struct core *core, struct pending *pending);
/* Whether 'event' (CORE_TXN_DONE) answers 'pending'; if so its state moves on. '*ret' then says
 * how the transaction went (not set by a barrier's answer: false then too). */
bool pending_done(struct core *core, struct pending *pending, const struct core_event *event,
                  enum txn_outcome *ret);
/* Sends the barriers that wait for their time. */
void pending_tick(struct core *core, struct pending *pending);

/* memory.c: ends the process */
void core_out_of_memory(void) __attribute__((noreturn));

/* membership.c */
void membership_event(struct core *core, const struct core_event *event);
void membership_step(struct core *core);
bool membership_is_member(const struct core *core);

/* agent.c */
void agent_done(struct core *core);
void agent_event(struct core *core, const struct core_event *event);
void agent_step(struct core *core);

/* agent_gpu.c */
void agent_gpu_event(struct core *core, const struct core_event *event);
void agent_gpu_step(struct core *core);
/* Before an incarnation begins: whether its inventory is in the store. */
bool agent_gpu_tell(struct core *core);
void agent_gpu_quarantine(struct core *core, const struct gpu_slot *slot, const char *reason);

/* coordinator.c: who leads, who is silent, who is off */
void coordinator_done(struct core *core);
void coordinator_event(struct core *core, const struct core_event *event);
void coordinator_step(struct core *core);
/* Guards that we still lead. */
void coordinator_guard(const struct core *core, struct txn *txn);
struct peer *coordinator_peer(const struct core *core, const char *node);
/* How long 'node' has been silent for us. */
msec_t coordinator_silence(const struct core *core, const char *node);
bool coordinator_is_up(const struct core *core, const char *node);
/* Up, active, with a hypervisor and room on its disk: VMs may be started there. */
bool coordinator_takes_vms(const struct core *core, const char *node);

/* recover.c: each VM, by level */
void recover_event(struct core *core, const struct core_event *event);
void recover_step(struct core *core);
/* The placement that counts: the one on its way, else the store's; NULL: none. */
const struct record *recover_placement(const struct core *core, const char *vm);

/* Whether 'peer' is heard, or proven off: nobody needs to turn it off. */
bool coordinator_is_settled(const struct core *core, const struct peer *peer);
/* When the last heartbeat of that incarnation of it was seen; MSEC_NEVER: nobody here knows. */
msec_t coordinator_lost_ms(const struct peer *peer, uint64_t incarnation);
/* Whether another host than 'peer' was lost at about 'lost_ms', too. */
bool coordinator_lost_others(const struct core *core, const struct peer *peer, msec_t lost_ms);

/* standing.c: what is remembered of each node */
void standing_seen(struct core *core, const struct record *record);
/* The fence agent could not turn it off; whether that is news. */
bool standing_fence_failed(struct core *core, struct peer *peer, const char *why);
/* Whether turning it off in its present incarnation has failed before. */
bool standing_has_fence_error(const struct core *core, const struct peer *peer);
void standing_step(struct core *core);

/* sight.c: since when; now, if it is not known */
void sight_event(struct core *core, const struct core_event *event);
/* Its status says the same state of the same epoch. */
msec_t sight_state_ms(struct core *core, const char *vm);
/* How often in a row our changes of it were refused; lent until the next call. */
uint32_t *sight_refusals(struct core *core, const char *vm);
/* Its placement is this one. */
msec_t sight_placement_ms(struct core *core, const char *vm);

/* proof.c: the one place that says when an instance is gone (docs/SAFETY.md) */
#define GONE_LIST(X)                                                                               \
    X(GONE_NOT, "may run")                                                                         \
    X(GONE_NOT_BEGUN, "never begun") /* guard the status' revision */                              \
    X(GONE_REPORTED, "reported stopped")                                                           \
    X(GONE_FENCED, "host fenced")                                                                  \
    X(GONE_HOST_ANEW, "host began anew")
ENUM_DECLARE(gone, GONE_LIST)
enum gone proof_instance_gone(const struct world *world, const char *vm,
                              const struct vm_placement *placement);

/* evict.c: whether 'vm' would not make room, and is not to be asked again yet */
bool evict_must_leave_alone(struct core *core, const char *vm);

/* placing.c: requests to the planner, and its answers */
struct placing {
    const struct record *spec;
    const char *avoid_node;  /* not there if it can be helped; NULL: none */
    const char *prefer_node; /* there if it can be; NULL: none */
    const char *only_node;   /* nowhere else; NULL: any */
    bool is_moving;          /* it keeps its present place until it has the next */
    /* out: */
    bool is_placed;
    char node[name_size];
    gpu_holds_t gpus; /* the caller's, as are the reasons */
    VEC(struct reason) reasons;
};
/* A running VM that has to go so that another, of higher priority, has room. */
struct eviction {
    char vm[name_size];
    char node[name_size]; /* where it runs */
    char by[name_size];
};
typedef VEC(struct eviction) evictions_t;

/* Plans all of them together; 'may_refuse_for_reserve' for starts that somebody asked for;
 * 'ret_evictions' NULL: nothing that runs may be stopped. The caller's. */
void placing_plan(struct core *core, struct placing *requests, size_t len,
                  bool may_refuse_for_reserve, evictions_t *ret_evictions);
void placing_done(struct placing *request);
