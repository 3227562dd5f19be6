/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the simulator share. No one else includes this. */
#pragma once

#include "core/core.h"
#include "test/sim/rng.h"
#include "test/sim/sim.h"

#include <stdio.h>

/* Before the scenario's time 0 the cluster forms: hosts join, what runs 'on' a host is started. */
enum { form_ms = 8000, begin_ms = 20000 };

struct sim;
struct host;

/* ---- time: queue.c ---- */

struct happening;
typedef void happen_fn(struct sim *sim, const struct happening *happening);

/* Something that will happen. 'data' is its own and freed after it. */
struct happening {
    msec_t at_ms; /* true time */
    uint64_t number;
    happen_fn *run;
    struct host *host; /* NULL: of no host */
    uint64_t life;     /* of the host's berthd, boot or whatever 'run' compares */
    uint64_t id;
    void *data;
    void (*drop)(void *data); /* NULL: nothing to free */
};

/* Adds one; returns it to be filled in until the next addition. */
struct happening *later(struct sim *sim, msec_t delay_ms, happen_fn *run, struct host *host);
bool queue_step(struct sim *sim, msec_t until_ms);
void queue_done(struct sim *sim);

void *must(void *memory); /* aborts on NULL */
#define NEW(type)         ((type *)must(calloc(1, sizeof(type))))
#define ADD_TO(vec)       ((__typeof__((vec)->items))must(VEC_ADD(vec)))
#define SET_TEXT(to, ...) ((void)snprintf((to), sizeof(to), __VA_ARGS__))

/* ---- the store: store.c ---- */

struct change {
    struct record_key key;
    revision_t revision;
    struct record *record; /* NULL: deleted */
};

/* Something that a berthd sent to the store. */
struct request {
    uint64_t id;
    bool is_barrier;
    struct txn txn;
    bool is_heartbeat;
    msec_t sent_ms; /* host's clock */
    struct host *host;
    uint64_t life;
};

struct fake_store {
    struct world world;         /* what is committed, at world.revision */
    VEC(struct change) changes; /* since 'compacted' */
    revision_t compacted;
    VEC(struct record_key) garbled; /* what stands there no berthd can read */
    bool has_quorum;
    bool is_full;                 /* its disk: nothing can be put, all else goes on */
    bool is_emptied;              /* all keys were deleted ... */
    msec_t emptied_ms;            /* ... then, ... */
    VEC(struct record *) kept;    /* ... and these were there, ... */
    revision_t kept_revision;     /* ... at this revision */
    VEC(struct request *) parked; /* will be executed when the way is free */
};

void store_done(struct sim *sim);
void store_send(struct sim *sim, struct host *host, const struct core_action *action);
/* The administrator's own writes: committed at once. Takes over what 'txn' holds. */
void store_admin(struct sim *sim, struct txn *txn);
void store_begin_watch(struct sim *sim, struct host *host);
/* Gives 'host's berthd what it has not seen, now. */
void store_catch_up(struct sim *sim, struct host *host);
void store_unpark(struct sim *sim);
/* Whether the value of 'key' is none that a berthd can read. */
bool store_is_garbled(const struct sim *sim, const struct record_key *key);
/* It can be read again, whatever is there. */
void store_mend(struct sim *sim, const struct record_key *key);
void store_compact(struct sim *sim);
/* Someone deletes every key. */
void store_empty(struct sim *sim);
/* ... and restores the copy of before. */
void store_back(struct sim *sim);
/* As by the upgrade of the whole cluster: only who knows that format may join. 0: someone deletes
 * the key. */
/* Which heartbeats its watch tells 'host' from now on. */
void store_watch_beats(struct sim *sim, struct host *host, bool all);
void store_set_format(struct sim *sim, uint32_t number);

/* ---- hosts ---- */

enum instance_phase {
    INSTANCE_ASKED,   /* libvirt has it; no process yet */
    INSTANCE_BOOTING, /* its process exists: it runs, as far as safety is concerned */
    INSTANCE_UP,
};

/* The size of all huge pages here. */
enum { sim_page_kib = 1048576 };

struct instance {
    uint64_t number; /* never used again */
    char vm[name_size];
    uint64_t epoch;
    uint64_t incarnation;
    char origin[name_size];        /* the host that started it */
    char cluster[cluster_id_size]; /* whose it is; "": everybody's */
    gpu_holds_t gpus;
    uint32_t cpus;
    uint64_t memory_mib;
    bool has_huge_pages;
    enum instance_phase phase;
    uint64_t answer_id; /* start to be answered, by ... */
    uint64_t life;      /* ... this berthd */
    bool is_told;       /* the present berthd was told that it exists */
    bool is_undone;     /* a kill came before its process */
    bool hangs;         /* its QEMU does not come up by itself */
    bool is_ending;
    bool dies_early;
    bool is_incoming;   /* of a migration: its guest runs where it comes from */
    bool has_arrived;   /* ... or paused there: all of it is here, and waits for berthd's order */
    bool is_stale;      /* ... but its guest ran on there after that */
    bool is_leaving;    /* a migration from here is under way ... */
    bool is_called_off; /* ... and its libvirt was asked to end it */
    bool is_stranded;   /* its libvirt died at the end of one: it is paused */
    bool is_halted;     /* for its watchdog device, or a crash */
    uint64_t silences;  /* of the agent in its guest, so many more times ... */
    uint64_t absences;  /* ... after it was not there so many times */
    bool is_stuck;      /* in the kernel: SIGKILL does not end it, ... */
    bool is_stuck_told; /* ... and people were told */
    bool is_unseen;     /* it was migrated past each berthd that could tell the store ... */
    msec_t in_touch_ms; /* ... until then, at least, ... */
    msec_t unknown_ms;  /* ... and the store knew nothing of it until then */
};

/* A copy that berthd lets in. */
struct expected {
    char vm[name_size];
    uint64_t epoch, incarnation;
};

struct letter {
    struct core_event event;
    char name[name_size];
    char text[reason_size];
    char node[name_size];
    struct gpu_slot culprit;
    struct move_progress progress;
    struct record_key key;
    bool is_heartbeat; /* it was taken, or its absence was seen, ... */
    msec_t sent_ms;    /* ... and that was sent then */
};

/* A berthd. */
struct process {
    struct core *core;
    bool is_frozen;
    msec_t wake_ms; /* host's clock */
    uint64_t wake_number;
    uint32_t idle_wakes;  /* in a row, without anything done */
    uint64_t memory_left; /* allocations of the core that succeed yet */
    bool has_watch;
    bool is_in_wrong_store; /* it finds nothing there, and cannot write */
    bool is_store_foreign;
    bool wants_beats;               /* of all hosts; else of its own only */
    bool has_beats;                 /* ... the same of the watch that it has, ... */
    msec_t beats_ms;                /* ... since then, by the host's clock */
    msec_t progress_ms;             /* when it was last told how far the watch is */
    bool is_told_soon;              /* what happens now, with what else happens until then */
    revision_t seen;                /* the watch has told everything up to here */
    VEC(uint64_t) open;             /* transactions and barriers without answer */
    VEC(struct letter) inbox;       /* while frozen */
    VEC(struct core_action) outbox; /* the same */
};

enum libvirt_state { LIBVIRT_UP, LIBVIRT_DOWN, LIBVIRT_HANGS };

/* The type of its vGPUs. */
#define SIM_PROFILE       "nvidia-9"
#define SIM_PROFILE_LARGE "nvidia-4" /* of the last vGPU of a card with two sizes */

/* An operation on a GPU, on its way through the kernel. */
struct rebind {
    struct pci_address address;
    uint64_t answer_id;
    uint64_t life;
    enum core_action_kind kind;
    uint32_t count;
    struct gpu_slot slot;
    bool is_tried;                  /* a division into vGPUs, which leaves the card as it was */
    char profile[gpu_profile_size]; /* of the vGPU that is made */
};

struct fake_gpu {
    struct gpu gpu; /* sriov_enabled: so many partitions it has now, all bound to vfio-pci */
    bool is_off_bus;
    bool is_to_be_swapped; /* while the power is off */
    struct rebind hung;    /* the operation that hangs in the kernel with it, ... */
    uint64_t hung_number;  /* ... if not 0 */
    bool is_stuck;         /* ... for so long that the host says so */
    uint64_t told_life;    /* the berthd that was last told that it hangs, ... */
    msec_t told_ms;        /* ... and when */
    msec_t bound_ms;       /* when its driver last changed */
    struct fake_vgpu {
        bool is_made;
        char profile[gpu_profile_size];
        char user[name_size]; /* the VM that used it since; "": no one did */
    } vgpus[8];               /* of a host whose partitions are vGPUs */
    char users[9][name_size]; /* the VM whose data is in each partition, and in the card */
};

struct host {
    const struct scenario_host *config;
    struct rng rng;
    msec_t clock_offset_ms;
    bool has_power;
    uint64_t boot;
    char boot_id[40];
    bool is_renamed;      /* its host name is another one now */
    char name[name_size]; /* of its present berthd, or its last one */
    struct {              /* what the watchdog's keeper holds */
        char name[name_size];
        uint64_t incarnation;
        char cluster[cluster_id_size];
    } kept;
    uint64_t joined_incarnation;          /* as berthd had it kept for this boot; 0: nothing */
    char joined_name[name_size];          /* the same */
    char joined_cluster[cluster_id_size]; /* the same */
    char cluster[cluster_id_size];        /* whose VMs are ours, as berthd has it now */
    bool is_store_wrong;                  /* for the next berthd */
    bool is_store_foreign;                /* ... and that one is of another cluster */
    bool is_contradicted;    /* the store is not the one that it joined, and no one decided */
    uint64_t life;           /* grows with each start and end of berthd */
    struct process *process; /* NULL: berthd does not run */
    bool is_out_cut, is_in_cut, is_watch_cut;
    uint64_t cut_number;

    enum libvirt_state libvirt;
    bool is_disk_full; /* its own: no VM starts */
    bool is_door_closed;
    uint64_t kill_all_id; /* to be answered when nothing is left */
    VEC(struct instance *) instances;
    VEC(struct expected) expected;

    bool is_watchdog_broken, is_watchdog_armed;
    bool is_let_go;                /* the watchdog: it may tick on all the same */
    msec_t watchdog_ms, petted_ms; /* time-out and last pet, by the host's clock */
    uint64_t watchdog_number;
    msec_t beat_ms;     /* when the last heartbeat was sent that the store took */
    msec_t told_ms;     /* when its inventory last came into the store */
    msec_t absent_ms;   /* when it last asked a store that had no heartbeat of it, or this ended */
    msec_t heard_ms;    /* the same, and berthd was told in time */
    msec_t answered_ms; /* ... when, by the true time */
    msec_t thawed_ms;
    msec_t renamed_ms; /* when it last got another name, or its own back */
    msec_t cleared_ms; /* when an administrator last said that its VMs are to end */
    bool is_leaving;   /* berthd was told to: the watchdog, if need be, ends its VMs */
    bool is_shutting_down, is_rebooting; /* in order, by systemd; and then it boots again */
    bool is_shutdown_told;               /* berthd knows */
    bool is_leaving_in_order;            /* it ended because it was told to */
    bool leaves_vms;                     /* as the setting was when that began */
    msec_t shut_down_ms;                 /* when the power went */
    uint64_t ordered_boot;               /* in which an administrator ordered that */

    VEC(struct fake_gpu) gpus;
    VEC(uint64_t) active_sets; /* of its fabric, each as bits of 'gpus' */
    msec_t fabric_reset_ms;    /* when its manager last forgot them */
    uint32_t bad_fences, hung_fences, bad_binds, bad_powers, bad_erasures, bad_fabrics;
    uint32_t hung_binds;
    msec_t hang_ms; /* so long one of them hangs; 0: until the host boots */
    uint64_t mounts;
    msec_t refused_ms; /* the second in which its transactions were last refused, ... */
    uint32_t refused;  /* ... and how many */
};

msec_t host_now(const struct sim *sim, const struct host *host);
/* True time until the host's clock shows 'at_ms'; at least 0. */
msec_t host_until(const struct sim *sim, const struct host *host, msec_t at_ms);
struct host *host_find(const struct sim *sim, const char *name);
/* Also by the name that its berthd gives itself. */
struct host *host_known_as(const struct sim *sim, const char *name);
/* How its berthd calls itself while the host is renamed, or not. */
void host_own_name(const struct host *host, bool is_renamed, char ret[name_size]);
/* From now on, or not any more. */
void host_rename(struct sim *sim, struct host *host, bool is_renamed);
void host_new(struct sim *sim, const struct scenario_host *config);
void host_free(struct host *host);
void host_power_on(struct sim *sim, struct host *host);
void host_power_off(struct sim *sim, struct host *host);
void host_cut(struct sim *sim, struct host *host, bool is_in, bool is_out);
void host_join(struct sim *sim, struct host *host);

/* watchdog.c */
void watchdog_do(struct sim *sim, struct host *host, const struct core_action *action);
/* gpus.c */
void gpus_init(struct host *host);
void gpus_boot(struct host *host);
void gpus_tell(struct sim *sim, struct host *host);
/* The host's own disk; told when it next looks. */
void host_set_disk(struct sim *sim, struct host *host, bool is_full);
void gpus_do(struct sim *sim, struct host *host, const struct core_action *action);
/* What hangs in the kernel comes to its end. */
void gpus_heal(struct sim *sim, struct host *host);
/* When 'host' sends it: a GPU that hangs keeps no VM from the host. */
void gpus_check_sent(struct sim *sim, struct host *host, const struct txn *txn);
struct fake_gpu *gpus_find(struct host *host, struct pci_address address);
/* Partition 'number' of 'card'. */
struct gpu_slot gpus_part(const struct fake_gpu *card, uint32_t number);
/* Whether a VM could hold 'slot' now, by the truth: it is there in just that form, for VFIO. */
bool gpus_can_give(struct host *host, const struct gpu_slot *slot);
/* 'instance' begins to use its GPUs, by the truth. */
void gpus_begin(struct sim *sim, struct host *host, const struct instance *instance);

/* ---- fabric.c ---- */

void fabric_tell(const struct host *host, struct node_inventory *inventory);
void fabric_do(struct sim *sim, struct host *host, const struct core_action *action);
void fabric_reset(struct sim *sim, struct host *host); /* its manager restarts, or the host */
void fabric_begin(struct sim *sim, const struct host *host, const struct instance *instance);
void fabric_quiet(struct sim *sim);
uint64_t fabric_bit(const struct host *host, struct pci_address gpu);
/* Whether 'count' of 'gpus' can talk; or they need not. */
bool fabric_has_set(const struct host *host, uint64_t gpus, uint32_t count);
/* An administrator says that nothing is left in it. */
void gpus_clean(struct host *host, const struct gpu_slot *slot);
/* What an administrator calls device 'number' of the host: each GPU, or each partition of each as
 * the scenario has them. False: there is none. */
bool gpus_number(const struct host *host, int64_t number, struct gpu_slot *ret);
/* power.c */
void power_do(struct sim *sim, struct host *host, const struct core_action *action);

/* shutdown.c */
void shutdown_begin(struct sim *sim, struct host *host, bool is_reboot, bool is_ordered);
/* berthd has its host shut down. */
void shutdown_do(struct sim *sim, struct host *host, const struct core_action *action);
/* berthd of 'host' was told that its host goes down. */
void shutdown_told(struct host *host);
/* Whether what it waits for is over. */
void shutdown_look(struct sim *sim, struct host *host);
void shutdown_berthd_ended(struct sim *sim, struct host *host, bool is_orderly);

/* process.c: berthd */
void process_start(struct sim *sim, struct host *host);
void process_crash(struct sim *sim, struct host *host, msec_t restart_ms); /* < 0: never */
/* Memory will not run out any more. */
void process_has_memory(struct host *host);
void process_freeze(struct sim *sim, struct host *host);
void process_thaw(struct sim *sim, struct host *host);
void process_step(struct sim *sim, struct host *host, struct core_event *event);
/* Delivers 'letter' after 'delay_ms' if the berthd of now still lives then. */
void process_tell(struct sim *sim, struct host *host, msec_t delay_ms, const struct letter *letter);
void process_answer(struct sim *sim, struct host *host, msec_t delay_ms, uint64_t id,
                    enum core_result result, const char *text);

/* memory.c */
#define MEMORY_PLENTY UINT64_MAX
enum memory_end {
    MEMORY_SUFFICED,
    MEMORY_RAN_OUT,   /* the core said so and is gone: '*core' is NULL */
    MEMORY_UNNOTICED, /* an allocation failed, and the core went on */
};
/* core_step(), of which allocation number '*left' (from 0; MEMORY_PLENTY: none) fails. Counts down
 * what it took. */
enum memory_end memory_step(struct core **core, uint64_t *left, const struct core_event *event,
                            struct core_update *ret);

/* hypervisor.c */
void hypervisor_do(struct sim *sim, struct host *host, const struct core_action *action);
/* VMs are of another cluster from now on. */
void hypervisor_set_cluster(struct sim *sim, struct host *host, const char *cluster);
void hypervisor_list(struct sim *sim, struct host *host);
void hypervisor_set(struct sim *sim, struct host *host, enum libvirt_state state);
void hypervisor_end(
    struct sim *sim, struct host *host, struct instance *instance,
    const char *why); /* It is migrated or saved, at someone's hand: the caller's from now on. */
void hypervisor_leave(struct sim *sim, struct host *host, struct instance *instance,
                      const char *why);
/* Its process is here now (taken over), but its guest may not be yet ... */
void hypervisor_arrive(struct sim *sim, struct host *host, struct instance *instance);
/* Its boot joins in that incarnation: what came here before ends with that one. */
void hypervisor_lift(struct host *host, uint64_t incarnation);
/* ... and now it is. */
void hypervisor_go_on(struct sim *sim, struct host *host, struct instance *instance);
/* the process ends; tells berthd */
void hypervisor_power_off(struct sim *sim, struct host *host);
/* Tells berthd how it is. */
void hypervisor_tell(struct sim *sim, struct host *host, struct instance *instance);
struct instance *hypervisor_find(const struct host *host, const char *vm);
/* What was stuck in the kernel is so no more; what was killed meanwhile ends. */
/* The agent in its guest answers once more, then not for so long; 0: never again. */
void hypervisor_reboot(struct instance *instance, msec_t for_ms); /* no agent is there so long */
void hypervisor_silence(struct sim *sim, struct host *host, struct instance *instance,
                        msec_t for_ms);
void hypervisor_heal(struct sim *sim, struct host *host);
void instance_free(struct instance *instance);

/* migrate.c: hand-over, as Berth orders it */
void migrate_do(struct sim *sim, struct host *host, const struct core_action *action);
/* That copy is let in no more. */
void migrate_forget(struct host *host, const char *vm, uint64_t epoch);

/* ---- the administrator: admin.c ---- */

void admin_say_elsewhere(struct sim *sim, const char *vm, enum vm_elsewhere what);
/* Whatever 'node' was ordered to do with its power. */
void admin_withdraw_power(struct sim *sim, const char *node);
void admin_form(struct sim *sim);
void admin_add_vms(struct sim *sim);
void admin_do(struct sim *sim, const struct scenario_step *step);

/* ---- what happens: faults.c ---- */

struct fault {
    enum scenario_op op;
    char vm[name_size], host[name_size];
    uint32_t times;
    bool has_gpu;
};

void faults_do(struct sim *sim, const struct scenario_step *step);
/* Uses up one of the faults that were ordered for 'vm' ("" host: any). */
bool faults_take(struct sim *sim, enum scenario_op op, const char *vm, const char *host,
                 bool *ret_has_gpu);
/* byhand.c: what someone does with a VM's QEMU, past Berth */
void byhand_migrate(struct sim *sim, const char *vm, struct host *to);
void byhand_save(struct sim *sim, const char *vm);
void byhand_restore(struct sim *sim, const char *vm, struct host *on);
/* What was saved is thrown away; administrators say of each VM that left what has become of it. */
void byhand_heal(struct sim *sim);

void faults_heal(struct sim *sim);

/* ---- checkers: check_*.c ---- */

void violation(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
/* Not begun here: migrated or restored. */
void check_arrival(struct sim *sim, const struct host *host, const struct instance *instance);
/* check_unseen.c: 'instance' was migrated by hand, and is on 'to' now */
void check_unseen_begin(struct sim *sim, const struct host *from, struct host *to,
                        struct instance *instance);
void check_spawn(struct sim *sim, const struct host *host, const struct instance *instance);
/* A copy of a running VM begins to exist here, not to run. */
void check_copy(struct sim *sim, const struct host *host, const struct instance *instance);
/* ... and now it is to run. */
void check_copy_runs(struct sim *sim, const struct host *host, const struct instance *instance);
/* check_room.c: memory and CPUs */
void check_room(struct sim *sim, const struct host *host, const struct instance *instance);
/* Before 'txn' of 'host' (NULL: the administrator) is committed, and after. */
void check_request(struct sim *sim, const struct host *host, const struct txn *txn);
void check_commit(struct sim *sim, const struct host *host, const struct txn *txn);
void check_refused(struct sim *sim, struct host *host);
/* No one decided yet which is right, the host or the store: VMs are left alone. */
void check_contradicted(struct sim *sim, const struct host *host, enum core_action_kind kind);
/* check_upkeep.c: what administrators forbade */
/* Before it is committed, of 'host'. */
void check_upkeep(struct sim *sim, const struct host *host, const struct txn *txn);
/* When 'host' sends it: on what it knows, which is what it decided on. */
void check_order_sent(struct sim *sim, const struct host *host, const struct txn *txn);
/* The same of stops. */
void check_stop_sent(struct sim *sim, const struct host *host, const struct txn *txn);
/* store.c: the berthd of 'host' reads that what was sent at 'sent_ms' was taken */
void store_heard(struct sim *sim, struct host *host, msec_t sent_ms);

/* check_proven.c: 'host' loses its power now; it ends all its VMs now */
void check_proven_lost(struct sim *sim, struct host *host);
void check_given_up(struct sim *sim, const struct host *host);

/* check_kept.c: a placement that 'coordinator' writes, before and after it is committed */
void check_kept(struct sim *sim, const struct host *coordinator, const struct record *placement);
void check_kept_after(struct sim *sim, const struct record *placement);
/* 'node' has written its inventory */
void check_kept_told(struct sim *sim, const char *node);
void check_disarmed_power(struct sim *sim, const struct host *host, const struct host *target);
void check_disarmed_kill(struct sim *sim, const struct host *host);
/* 'instance' was killed some time ago, and did not end. */
void check_unkillable(struct sim *sim, const struct host *host, const struct instance *instance);
void check_pet(struct sim *sim, const struct host *host);
void check_silence(struct sim *sim, struct host *host); /* a heartbeat was acknowledged now */
void check_idle_wake(struct sim *sim, const struct host *host);
/* check_protocol.c: what each kind of write must demand */
void check_protocol(struct sim *sim, const struct host *host, const struct txn *txn);
/* The berthd of 'host' sends it now. */
void check_sending(struct sim *sim, const struct host *host, const struct txn *txn);
void check_quiet(struct sim *sim);    /* nothing is in flight any more */
void check_liveness(struct sim *sim); /* all that can run does */
void check_final(struct sim *sim);    /* the finally block */

/* ---- outages: outage.c ---- */

struct outage {
    char vm[name_size];
    char host[name_size]; /* where it last ran */
    bool is_up;
    msec_t since_ms;
    uint64_t epoch;   /* of its last place, ... */
    msec_t placed_ms; /* ... which it got then */
};

void outage_placed(struct sim *sim, const struct record *placement);
/* Since when it has the place that it has. */
msec_t outage_placed_ms(struct sim *sim, const char *vm);
void outage_up(struct sim *sim, const struct host *host, const char *vm);
void outage_down(struct sim *sim, const char *vm);

/* ---- the whole ---- */

/* Whether a VM waits for a host, and since when it does, or does not. */
struct waiting {
    char vm[name_size];
    bool is_there;
    msec_t since_ms;
};

struct sim {
    VEC(struct waiting) waiting;
    msec_t step_ms;               /* when the scenario last did something */
    msec_t kept_out_ms;           /* when a VM last began that room was kept from; 0: none did */
    VEC(struct instance *) saved; /* in files */
    const struct scenario *scenario;
    struct scenario_noise noise; /* as it is now: none after healing */
    const struct sim_options *options;
    struct sim_result *result;
    struct rng rng;
    msec_t now_ms; /* true time; begin_ms is the scenario's 0 */
    uint64_t last_number;
    struct {
        struct happening *items;
        size_t len, capacity;
    } queue;
    struct fake_store store;
    VEC(struct host *) hosts;
    VEC(struct fault) faults;
    VEC(struct outage) outages;
    VEC(struct record *)
    acknowledged;       /* specs, pools and settings as the administrator left them */
    msec_t disarmed_ms; /* when the cluster last was */
    bool is_healed;
    msec_t healed_ms;
    msec_t trouble_ms;      /* when something last went wrong */
    uint64_t late_requests; /* since all was healed and settled: heartbeats left out */
};

/* How long a message takes now. */
msec_t sim_delay(struct sim *sim);
void sim_hash(struct sim *sim, const void *bytes, size_t size);
void sim_hash_number(struct sim *sim, uint64_t number);
void sim_note(struct sim *sim, const struct host *host, const struct note *note);
