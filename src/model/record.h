/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is stored: every kind of record of the cluster's store, as plain values. One JSON document a
 * key; src/wire knows the text. Who writes what is in ARCHITECTURE.md.
 *
 * A record is on the heap, counted by references, and never changed once someone else can see it:
 * make a new one instead. All of one process's records belong to one thread.
 * Longer than most: a list of plain values, which belongs into one place.
 */
#pragma once

#include "base/cleanup.h"
#include "base/vec.h"
#include "model/facts.h"
#include "model/fence.h"
#include "model/gpu.h"
#include "model/move.h"
#include "model/network.h"
#include "model/numa.h"
#include "model/restart.h"
#include "model/settings.h"
#include "model/use.h"

/*
 * kind, and its place below /berth/ ('%' stands for the name, '+' for the second name). The first
 * part says who writes there, so that the store's permissions can keep the writers apart:
 *
 *     want/   administrators, through berth-api
 *     seen/   each berthd, of its own host and of the VMs that it has there
 *     beat/   each berthd, its heartbeat and how much of its host is used; the one that
 *             coordinates, what it hears of all of them
 *     order/  the berthd that coordinates
 *     log/    all of them: events
 *     format  the first berthd, once: whose store it is
 *
 * beat/ sorts before all others, and the summary and what is used last in it, as no name begins
 * with '~': a host that watches no heartbeats watches the keys behind beat/, and berth-api those
 * from the summary on.
 */
#define RECORD_KIND_LIST(X)                                                                        \
    X(RECORD_CLUSTER, "want/cluster")                                                              \
    X(RECORD_LEADER, "order/leader")                                                               \
    X(RECORD_NODE_SPEC, "want/nodes/%")                                                            \
    X(RECORD_NODE_INVENTORY, "seen/nodes/%")                                                       \
    X(RECORD_NODE_ALIVE, "beat/%")                                                                 \
    X(RECORD_NODE_FENCE, "order/fence/%")                                                          \
    X(RECORD_NODE_STANDING, "order/standing/%")                                                    \
    X(RECORD_NODE_KEY, "order/keys/%")                                                             \
    X(RECORD_DISARM, "order/disarm")                                                               \
    X(RECORD_POOL, "want/pools/%")                                                                 \
    X(RECORD_VM_SPEC, "want/vms/%")                                                                \
    X(RECORD_VM_PLACEMENT, "order/vms/%")                                                          \
    X(RECORD_VM_STATUS, "seen/vms/%")                                                              \
    X(RECORD_VM_INCOMING, "seen/incoming/%")                                                       \
    X(RECORD_CLAIM, "order/claims/%/+")                                                            \
    X(RECORD_EVENT, "log/%")                                                                       \
    X(RECORD_ACCESS, "want/access/%")                                                              \
    X(RECORD_FORMAT, "format")                                                                     \
    X(RECORD_PULSE, "order/pulse")                                                                 \
    X(RECORD_BEAT_SUMMARY, "beat/~/summary")                                                       \
    X(RECORD_FENCE_TEST, "want/fence-tests/%")                                                     \
    X(RECORD_NODE_USE, "beat/~/use/%")
ENUM_DECLARE(record_kind, RECORD_KIND_LIST)

struct record_key {
    enum record_kind kind;
    char name[name_size];   /* node, pool, VM, event, user or token; "" for cluster and leader */
    char second[name_size]; /* claim: the device on node 'name', as gpu_slot_format() writes it */
};

int record_key_compare(const struct record_key *a, const struct record_key *b);

/* ---- leader ---- */

struct leader {
    char node[name_size];
    uint64_t incarnation; /* of that node when it took the term */
    uint64_t term;        /* grows by one with each take-over */
};

/* What is left of a disarming with a time limit, as the coordinator counts it. As of the writing:
 * a reader goes on counting from the moment at which it saw that revision. */
struct disarm {
    uint64_t order; /* of which disarming it speaks: the settings' */
    msec_t left_ms; /* 0: it is over, and the cluster is armed */
};

/* ---- nodes ---- */

#define NODE_MODE_LIST(X)                                                                          \
    X(NODE_ACTIVE, "active")                                                                       \
    X(NODE_PAUSED, "paused") /* keeps what it has, takes nothing new */                            \
    X(NODE_DRAIN, "drain")   /* paused, and its VMs move away */
ENUM_DECLARE(node_mode, NODE_MODE_LIST)

#define FENCING_LIST(X)                                                                            \
    X(FENCING_WATCHDOG, "watchdog") X(FENCING_POWER, "power") X(FENCING_MANUAL, "manual")
ENUM_DECLARE(fencing, FENCING_LIST)

#define NODE_POWER_LIST(X)                                                                         \
    X(NODE_POWER_NONE, "none") X(NODE_POWER_SHUTDOWN, "shutdown") X(NODE_POWER_REBOOT, "reboot")
ENUM_DECLARE(node_power, NODE_POWER_LIST)

struct node_label {
    char key[name_size];
    char value[name_size];
};

/* So many vGPUs of a profile. */
struct vgpu_share {
    char profile[gpu_profile_size];
    uint32_t count;
};

/* A GPU to be bound to vfio-pci, or divided into partitions, and which card it was when the
 * administrator said so. */
struct dismount {
    struct pci_address address;
    char identity[gpu_identity_size];
    bool is_forced;      /* also if the host uses it, or it has no reset */
    uint32_t partitions; /* number of virtual functions to bind instead of the card; 0: it */
    char profile[gpu_profile_size]; /* ... or be vGPUs of this type while VMs have them; "": no */
    struct vgpu_share more[profiles_per_card_max - 1]; /* behind these, vGPUs of other types */
    uint32_t more_len;
};

struct gpu_release {
    struct gpu_slot slot;
};

struct node_spec {
    enum node_mode mode;
    bool force;               /* drain: also stop what has no place elsewhere */
    enum migration migration; /* drain: how its VMs go */
    enum fencing fencing;
    char fence_agent[name_size]; /* "fence_ipmilan"; power only */
    VEC(struct fence_parameter) fence_parameters;
    char *fence_box;
    struct fence_device fence_more[fence_levels_max - 1]; /* the next levels, without a gap */
    VEC(struct node_label) labels;
    VEC(struct dismount) dismounted;
    VEC(struct pci_address) watched; /* functions that are no GPUs, to be listed like them */
    VEC(struct gpu_release)
    released;                   /* quarantine lifted, by this very write: any other write of
                                the spec empties the list */
    uint64_t confirmed_off;     /* incarnation that an administrator says is off; 0: none ... */
    uint64_t confirmed_counter; /* ... and its last heartbeat then: a later one refutes it */
    enum node_power power;      /* its VMs leave it, then its host does this ... */
    uint64_t power_incarnation; /* ... in this incarnation only: not again after it */
    uint64_t removed;         /* this incarnation and all before are to be forgotten; 0: none ... */
    uint64_t removed_counter; /* ... and the last heartbeat then, the same */
};

/* How many levels there are; 0: no agent is set. */
uint32_t node_spec_fence_levels(const struct node_spec *spec);
/* That level, counted from 0, below fence_levels_max; its agent may be "". */
struct fence_level node_spec_fence_level(const struct node_spec *spec, uint32_t level);
/* Where the box of a level is, which the spec owns. */
char **node_spec_fence_box(struct node_spec *spec, uint32_t level);

/* The check by which a node says that its hypervisor answers. */
#define CHECK_HYPERVISOR "hypervisor"
/* ... and that its own disk has room for what the start of a VM writes; not there: it has. */
#define CHECK_SPACE "space"
/* Not there, or ok: what the node is to give to VMs is bound for them, or could not be. */
#define CHECK_GPUS "gpus"

struct node_check {
    char name[name_size];    /* "iommu", "clock", "disks", ... */
    char subject[name_size]; /* "fencing": the node whose agent was tried; "": this node */
    bool is_ok;
    bool is_advice;           /* not ok, but nothing fails because of it alone */
    uint32_t vm_len;          /* "disks": of how many VMs it speaks */
    char detail[reason_size]; /* what was found; if it is not ok, what to do */
};

/* A VM of this cluster that exists on a node where it is not ordered: someone migrated or restored
 * it there, past Berth. */
struct vm_sighting {
    char vm[name_size];
    uint64_t epoch;
    char node[name_size]; /* that started it */
};

typedef VEC(struct node_check) node_checks_t;

/* Adds a check, up to checks_max. NULL if they are full or memory ran out. */
struct node_check *node_checks_add(node_checks_t *checks, const char *name, bool is_ok,
                                   const char *format, ...) PRINTF_LIKE(4, 5);

/* A device that a VM used and that was not erased since, where its pool demands that. */
struct gpu_use {
    struct gpu_slot slot;
    char vm[name_size];
    bool is_erasing; /* it is being erased, or will be: not even its VM may have it */
};

struct node_inventory {
    uint64_t incarnation; /* in which it was written: one of an earlier says nothing of now */
    char seal_key[seal_public_size]; /* to which the cluster's key may be granted; "": none */
    uint32_t cpus;
    uint64_t memory_mib;                         /* for VMs, without huge pages */
    struct numa_node numa_nodes[numa_nodes_max]; /* by id */
    uint32_t numa_node_len;
    uint32_t bare_nodes; /* those that have memory and are not among these: a bit each */
    struct huge_pages huge_pages[huge_pages_max];
    uint32_t huge_page_len;
    uint32_t huge_default_kib; /* size of those that are given if none is named; 0: not known */
    uint32_t address_bits;     /* of a guest's physical addresses, at most; 0: not known */
    char kernel[64];
    char cpu_model[64];          /* of the host's CPU, as its hypervisor names it; "": not known */
    char migration_address[256]; /* where it takes in running VMs; "": it cannot */
    char screen_address[256];    /* where its VMs' screens are reached; "": nowhere */
    VEC(struct gpu) gpus;        /* by address */
    VEC(struct gpu_partition) partitions; /* by slot */
    bool has_store;                       /* a member of the store runs on this host */
    node_checks_t checks;
    VEC(struct vm_sighting) sightings;
    VEC(struct gpu_use) uses;
    bool takes_sizes;  /* its Berth knows vgpu_share; one that does not drops them from the store */
    bool has_networks; /* it tells them */
    VEC(struct host_network) networks; /* into which VMs can be plugged */
    bool has_fabric; /* between its GPUs: a VM has several only in a set, also if none is known */
    VEC(struct fabric_set) fabric_sets; /* fabric_keep_regular() */
    fence_tests_t fence_tests;          /* the last of each node that was asked of this host */
};

struct node_alive {
    uint64_t incarnation; /* grows when the node starts again with no VM of before */
    char boot_id[40];
    uint64_t counter;
    bool is_watchdog_armed;
    msec_t watchdog_ms;           /* what the hardware was armed with; 0: not armed */
    bool has_left;                /* the last one: its berthd was told to end, its VMs go on */
    bool is_going_down;           /* its host is being shut down in order ... */
    enum on_shutdown on_shutdown; /* ... and what becomes of its VMs */
};

#define PROOF_LIST(X)                                                                              \
    X(PROOF_NONE, "none")                                                                          \
    X(PROOF_POWER, "power")       /* fence agent turned it off and its status says off */          \
    X(PROOF_WATCHDOG, "watchdog") /* silent for the takeover time with an armed watchdog */        \
    X(PROOF_MANUAL, "manual")     /* an administrator said so */
ENUM_DECLARE(proof, PROOF_LIST)

struct node_fence {
    uint64_t incarnation; /* this one and all before are off, if proof is not none */
    enum proof proof;
    struct cause cause; /* what happened that proves it */
};

/*
 * What the coordinator remembers of a node, so that the next one knows it, too. Spans are as of the
 * writing; anyone who reads them goes on counting from the moment at which it saw that revision.
 */
struct node_standing {
    uint64_t incarnation; /* up to this one it is known how often the node began again */
    msec_t began_ago_ms[node_beginnings_max]; /* its restarts within the last hour; the last one
                                                 first */
    uint32_t began_len;
    msec_t quarantine_ms;   /* it gets no VMs for so long yet; 0: it does */
    uint64_t spec_revision; /* of its spec: who writes a newer one trusts the node, from then on */
    uint64_t fence_incarnation; /* that could not be turned off by power, ... */
    struct cause fence_cause;   /* ... and why, the last time; none: no such trouble */
};

/* ---- pools ---- */
#define POOL_TYPE_LIST(X) X(POOL_PCI_EXPRESS, "PciExpress") X(POOL_GPU_PARTITION, "GpuPartition")
ENUM_DECLARE(pool_type, POOL_TYPE_LIST)

#define AFTER_USE_LIST(X)                                                                          \
    X(AFTER_USE_RELEASE, "release") /* the next VM gets it as it is, but for its reset */          \
    X(AFTER_USE_ERASE, "erase")     /* not before a command of its host has erased it */           \
    X(AFTER_USE_HOLD, "hold")       /* not before someone releases it */
ENUM_DECLARE(after_use, AFTER_USE_LIST)

struct pool_member {
    char node[name_size];
    struct gpu_slot slot;
    char identity[gpu_identity_size]; /* the card's */
};

struct pool {
    enum pool_type type;
    bool is_mixed;            /* takes GPUs of more than one model */
    enum after_use after_use; /* what becomes of a device when its VM has gone */
    char erase[name_size];    /* erase: which command of the host's berth.conf */
    bool is_rom_hidden;       /* guests do not see the ROM of the cards */
    char partition_type[48];  /* GpuPartition: that of its partitions; "": none is in it yet */
    VEC(struct pool_member) members; /* by node, slot; of a card all partitions or none */
};

/* ---- VMs ---- */

#define VM_DESIRED_LIST(X) X(VM_STOPPED, "stopped") X(VM_STARTED, "started")
ENUM_DECLARE(vm_desired, VM_DESIRED_LIST)

#define OFFLINE_ACTION_LIST(X)                                                                     \
    X(OFFLINE_TURN_OFF, "turn-off")                                                                \
    X(OFFLINE_SAVE, "save") /* refused while GPUs are assigned */                                  \
    X(OFFLINE_SHUTDOWN, "shutdown")                                                                \
    X(OFFLINE_FORCE_SHUTDOWN, "force-shutdown") /* shutdown, then off at the time limit */
ENUM_DECLARE(offline_action, OFFLINE_ACTION_LIST)

struct vm_need {
    char pool[name_size];
    uint32_t count;
};

struct vm_name {
    char name[name_size];
};

enum { priority_high = 3000, priority_medium = 2000, priority_low = 1000, priority_no_auto = 0 };

#define VM_ELSEWHERE_LIST(X)                                                                       \
    X(VM_ELSEWHERE_ADOPT, "adopt") /* it stays where it is seen */                                 \
    X(VM_ELSEWHERE_GONE, "gone")   /* it runs nowhere and never will again */
ENUM_DECLARE(vm_elsewhere, VM_ELSEWHERE_LIST)

/* vm_spec.huge_page_kib: of whatever size the host gives if none is named. */
enum { huge_page_default = 1 };

struct vm_spec {
    char *xml; /* domain XML without any GPU, heap, never NULL in a stored record */
    char uuid[40];
    char title[title_size]; /* what people call it; "": its name */
    uint32_t cpus;
    uint64_t memory_mib;
    uint32_t huge_page_kib; /* its memory is of pages of this size; 0: ordinary memory */
    struct vm_need needs[needs_per_vm_max]; /* by pool name */
    uint32_t need_len;
    enum vm_desired desired;
    bool is_stop_forced;      /* desired stopped: turn off at once, whatever the offline action */
    uint64_t definition;      /* counts the definitions (XML, CPUs, memory) it had */
    uint64_t start_order;     /* counts the administrator's starts: a new one clears 'failed' */
    char move_to[name_size];  /* administrator's move to this node, or "*": anywhere else; "": it
                                 stays */
    uint64_t move_order;      /* counts the moves asked for, and that such a one was withdrawn */
    enum migration move_by;   /* how that move is to be done ... */
    msec_t move_limit_ms;     /* ... and, live, within which time; 0: the cluster's */
    enum migration migration; /* how it moves if an order does not say */
    enum vm_elsewhere elsewhere; /* what an administrator said of a VM that left past Berth ... */
    uint64_t elsewhere_order;    /* ... and how often that was said */
    enum offline_action offline_action;
    msec_t offline_timeout_ms;
    uint32_t priority; /* higher first; 0: not started by itself when the cluster starts cold */
    VEC(struct vm_name) preferred_owners; /* in order */
    VEC(struct vm_name) possible_owners;  /* empty: every node */
    VEC(struct node_label) labels;        /* that its node must have */
    VEC(struct vm_name) together;         /* affinity: VMs it wants on its node */
    VEC(struct vm_name) apart;            /* anti-affinity: VMs it does not want on its node */
    bool is_affinity_enforced;
    bool is_apart_enforced;
    VEC(struct vm_name) start_after; /* VMs that must run before it starts */
    bool is_unmanaged; /* Berth watches it, and starts, stops, moves and restarts nothing */
    struct vm_restart_policy restart;
    enum guest_watch guest_watch;
    msec_t guest_silence_ms; /* its agent, which has answered before, is silent: it stands still */
    enum topology topology;
    uint64_t mmio_mib;       /* guest's 64-bit aperture; 0: computed ... */
    uint64_t own_mmio_mib;   /* ... and not below what the domain XML itself asks for */
    uint64_t memory_max_mib; /* that can be plugged in the end; 0: no more than memory_mib */
    char unmovable[48];      /* element of its XML that does not move live; "": none */
    struct host_network networks[vm_networks_max]; /* into which its XML plugs it, ... */
    uint32_t network_len;
    struct memory_bind binds[binds_max]; /* ... and to which NUMA nodes it binds its memory */
    uint32_t bind_len;
};

extern const struct vm_spec vm_spec_default;

uint32_t vm_spec_gpu_count(const struct vm_spec *spec);

/* Whether 'node' is among the possible owners. */
bool vm_spec_may_run_on(const struct vm_spec *spec, const char *node);

#define PLACEMENT_PHASE_LIST(X)                                                                    \
    X(PLACEMENT_NONE, "none")   /* nowhere; 'reasons' say why if it should run */                  \
    X(PLACEMENT_START, "start") /* is to run on 'node' with 'gpus' */                              \
    X(PLACEMENT_STOP, "stop")   /* is to be stopped there; then 'next', if set */
ENUM_DECLARE(placement_phase, PLACEMENT_PHASE_LIST)

/*
 * The hand-over of a running VM to the host to which it moves, without a stop. core/handover.h has
 * the drawing.
 */
#define HANDOVER_LIST(X)                                                                           \
    X(HANDOVER_NONE, "none")           /* stop: it stops, then starts there */                     \
    X(HANDOVER_ORDERED, "ordered")     /* stop: it goes over to 'next_node' as 'epoch_last' */     \
    X(HANDOVER_WITHDRAWN, "withdrawn") /* stop: not any more; that host ends what it has of it */
ENUM_DECLARE(handover, HANDOVER_LIST)

struct gpu_hold {
    char pool[name_size];
    struct gpu_slot slot;
};

typedef VEC(struct gpu_hold) gpu_holds_t;

struct vm_placement {
    uint64_t epoch; /* grows with each new place; one epoch runs at most once, on one node */
    enum placement_phase phase;
    char node[name_size];
    gpu_holds_t gpus;
    char next_node[name_size]; /* while moving: reserved there; "" none */
    gpu_holds_t next_gpus;
    enum handover handover;
    uint64_t epoch_last;  /* the last that a copy got which was to take over; 0: none */
    bool is_live_only;    /* if it cannot be handed over, it stays where it is */
    msec_t handover_ms;   /* so long the hand-over takes at most */
    bool is_forced;       /* stop: turn off at once, whatever the offline action */
    bool is_failed;       /* restart policy used up; waits for an administrator's start */
    uint32_t restarts;    /* on this node, since it last ran for the policy's window */
    uint32_t failovers;   /* the same, over all nodes */
    uint32_t host_losses; /* of hosts on which it ran, one after the other, also over all nodes */
    char lost_node[name_size]; /* the last of them */
    VEC(struct vm_name) tried; /* nodes that it left because it failed there, the latest last */
    uint32_t refusals;         /* how often in a row the guest would not stop */
    uint32_t cpus;             /* what it takes on 'node' */
    uint64_t memory_mib;
    uint32_t huge_page_kib; /* as the spec's */
    uint64_t definition;    /* which one it was placed with */
    uint64_t start_order;   /* the spec's, when last acted on */
    uint64_t move_order;
    uint64_t elsewhere_order;
    struct cause cause;         /* why it is as it is */
    VEC(struct reason) reasons; /* phase none and desired started: why not, node by node */
};

/* The epoch of what is begun next: no copy had it, either, whether it ever ran or not. */
static inline uint64_t vm_placement_next_epoch(const struct vm_placement *placement)
{
    return MAX(placement->epoch, placement->epoch_last) + 1;
}

#define VM_STATE_LIST(X)                                                                           \
    X(VM_STATE_STARTING, "starting") /* begun: may run from now on */                              \
    X(VM_STATE_RUNNING, "running")                                                                 \
    X(VM_STATE_STOPPING, "stopping")                                                               \
    X(VM_STATE_STOPPED, "stopped") /* does not run, and this epoch never will again */             \
    X(VM_STATE_FAILED, "failed")   /* the same, and it was not asked to end: 'cause' */            \
    X(VM_STATE_AWAY, "away")       /* migrated or saved past Berth: it runs elsewhere, or will */
ENUM_DECLARE(vm_state, VM_STATE_LIST)

struct vm_status {
    uint64_t epoch;
    uint64_t incarnation; /* of 'node', in which this epoch was begun */
    char node[name_size];
    enum vm_state state;
    bool has_started;      /* the guest did run in this epoch */
    bool is_stop_refused;  /* asked to stop, the guest did not go within its limit and runs on */
    uint64_t handed_epoch; /* stopped: that copy has taken over from it; 0: none has */
    struct move_progress moving; /* running, and handed over: as of a few seconds ago */
    msec_t pause_ms; /* of a move: so long the guest had stood still, or was off, when this was
                        said; running: until it ran here. 0: it did not move, or not known */
    bool is_guest_stopped;   /* running: its QEMU does, but its guest stands still: 'cause' */
    bool has_guest_answered; /* running: its agent did, in this epoch */
    bool is_unkillable;      /* SIGKILL does not end its QEMU: only the end of its host will */
    struct cause cause;      /* why it is so; NONE: as was ordered */
    struct gpu_slot culprit; /* failed: the device that made it so ... */
    bool has_culprit;        /* ... if there is one */
};

struct claim {
    char vm[name_size];
    uint64_t epoch;
};

/* ---- events ---- */
/* The key's name is "<wall milliseconds, 14 digits>-<writer>-<number>": sorts by time. */
struct event_record {
    enum severity severity;
    char actor[name_size];   /* who: "node1" (a daemon), "root", "alice@console" */
    char code[name_size];    /* stable word for programs: "node-silent", "vm-started" */
    char subject[name_size]; /* the node, pool or VM it is about */
    uint32_t way;            /* of several sentences with that code, which: note_code_way() */
    struct facts facts;
    struct cause cause;
    /* Of a change whose request bore a key, so that it can be asked for again: the key, what was
     * asked with it, and the answer (heap; NULL: none). */
    char request_key[name_size];
    uint64_t request_hash;
    uint32_t answer_status;
    char *answer;
    char address[48]; /* where the actor came from; "" a daemon, or this host's socket */
};

/* ---- who may come from afar ---- */

#define API_ROLE_LIST(X)                                                                           \
    X(ROLE_NONE, "none")                                                                           \
    X(ROLE_VIEWER, "viewer")               /* reads */                                             \
    X(ROLE_OPERATOR, "operator")           /* also starts, stops and moves VMs, drains nodes */    \
    X(ROLE_ADMINISTRATOR, "administrator") /* everything */
ENUM_DECLARE(api_role, API_ROLE_LIST)

#define ACCESS_KIND_LIST(X)                                                                        \
    X(ACCESS_TOKEN, "token") /* a program's: 256 random bits that we made */                       \
    X(ACCESS_USER, "user")   /* a person's: a password, at the console */
ENUM_DECLARE(access_kind, ACCESS_KIND_LIST)

enum { access_hash_size = 128, access_totp_size = 192 };

struct access {
    enum access_kind kind;
    enum api_role role;
    char hash[access_hash_size]; /* crypt(5), yescrypt: of the secret, with its salt */
    uint64_t created_ms;         /* wall time, as is 'expires_ms': it decides nothing but this */
    uint64_t expires_ms;         /* 0: never */
    char by[name_size];          /* who made it */
    char note[reason_size];
    char totp[access_totp_size]; /* secret of the second factor, sealed (auth/totp.h); "": none */
    uint64_t totp_step;          /* of the last code that was used: none is used twice */
};

bool access_has_expired(const struct access *access, uint64_t wall_ms);

/* ---- whose store it is ---- */

/* The format of the records that this program writes, and the oldest one that it can read. */
enum { format_number = 1, format_oldest = 1 };

/* Written once, before any other record, and never changed but by an upgrade of the whole cluster.
 * A program may join if it knows format 'oldest' or a later one, and can read format 'number'. */
struct store_format {
    char cluster[cluster_id_size]; /* UUID of the cluster */
    uint32_t number;
    uint32_t oldest;
};

/* ---- the coordinator's pulse ---- */

/* Written once a heartbeat: who watches no heartbeats hears by it that the cluster has a
 * coordinator. */
struct leader_pulse {
    uint64_t term; /* of the coordinator that wrote it */
    uint64_t counter;
    uint64_t summary;               /* number of the summary that holds as of now */
    VEC(struct vm_name) candidates; /* hosts that are to watch all heartbeats, besides its own */
};

/* ---- what the coordinator hears of all heartbeats ---- */

#define PULSE_LIST(X)                                                                              \
    X(PULSE_NONE, "none")       /* never heard of */                                               \
    X(PULSE_UNKNOWN, "unknown") /* watched for too short a time, or no one says */                 \
    X(PULSE_ALIVE, "alive")                                                                        \
    X(PULSE_SILENT, "silent")
ENUM_DECLARE(pulse, PULSE_LIST)

struct heard_host {
    char name[name_size];
    enum pulse pulse;
    msec_t silent_ms; /* for so long, as of the writing */
    /* Its last heartbeat. What changes with each is as of the writing; if it is silent, or left,
     * that is the last one still. */
    revision_t revision;
    uint64_t incarnation, counter;
    bool is_watchdog_armed;
    msec_t watchdog_ms;
    bool has_left, is_going_down;
    enum on_shutdown on_shutdown;
};

/* Written when it changes, together with the pulse that then has its number: so who watches no
 * heartbeats knows that it holds while the pulse moves. For display and refusals; no proof follows
 * from it. */
struct beat_summary {
    uint64_t term;                /* of the coordinator that wrote it */
    uint64_t number;              /* grows with each write of a term */
    VEC(struct heard_host) hosts; /* by name */
};

/* ---- any ---- */
struct record {
    struct record_key key;
    revision_t revision; /* mod revision in the store; 0 in one not stored yet */
    uint32_t references;
    /* What its document in the store has that this version does not know: members at its top, as
     * JSON text ("\"a\":1,\"b\":{}"). They are written again with it, so that what a newer version
     * wrote outlives a change by this one. NULL: none. */
    char *unknown;
    union { /* into the same block of memory; by key.kind */
        struct cluster_settings *cluster;
        struct leader *leader;
        struct node_spec *node_spec;
        struct node_inventory *inventory;
        struct node_alive *alive;
        struct node_fence *fence;
        struct node_standing *standing;
        struct node_key *node_key;
        struct fence_test *fence_test;
        struct disarm *disarm;
        struct pool *pool;
        struct vm_spec *vm_spec;
        struct vm_placement *placement;
        struct vm_status *status;
        struct vm_incoming *incoming;
        struct claim *claim;
        struct event_record *event;
        struct access *access;
        struct store_format *format;
        struct leader_pulse *pulse;
        struct beat_summary *summary;
        struct node_use *use;
        void *any;
    };
};

/* A zeroed record (defaults for cluster and VM spec) with one reference, the caller's.
 * NULL without memory. Names that do not fit are a bug of the caller. */
struct record *record_new(enum record_kind kind, const char *name, const char *second);

/* A deep copy that the caller may change; NULL without memory. */
struct record *record_copy(const struct record *record);

struct record *record_ref(struct record *record); /* returns 'record' */
void record_unref(struct record *record);         /* NULL is accepted */
CLEANUP_POINTER(struct record, record_unref)
