/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A scenario: a small cluster, what happens to it and when, and what is to come of it. Written by
 * hand in test/scenario, or drawn from a seed; both have the same text form, which
 * docs/simulator.md describes. Plain values; owned by anyone who made them.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "model/record.h"

enum { scenario_names_max = 8 };

struct name_list {
    char names[scenario_names_max][name_size];
    uint32_t len;
};

struct scenario_host {
    char name[name_size];
    char label[name_size]; /* "KEY=VALUE"; "": none */
    char live[name_size];  /* hands over and takes in running VMs; its CPU; "": it does not */
    uint32_t gpus;
    uint32_t partitions;      /* of each GPU; 0: they are given away whole */
    bool has_store;           /* a member of the store runs on it */
    bool has_fabric;          /* between its GPUs, with sets of 1, 2, 4 ... neighbours */
    bool has_vgpus;           /* those are vGPUs, made for each VM ... */
    bool has_sizes;           /* ... and the last one of each card is of another size */
    enum after_use after_use; /* of its pool */
    char pool[name_size];
    uint32_t cpus;
    uint64_t memory_mib;
    uint64_t huge_mib; /* of 1 GiB pages, beside that */
    enum fencing fencing;
    uint32_t fence_levels;   /* so many fence agents, tried one after the other, ... */
    uint32_t dead_levels;    /* ... of which the first so many never work */
    int32_t drift_ppm;       /* its clock's rate against true time */
    msec_t boot_ms;          /* from power to berthd */
    msec_t watchdog_late_ms; /* its hardware fires so much too late */
    bool has_no_watchdog;
    bool is_nowayout; /* its watchdog cannot be stopped once it ticks */
};

struct scenario_vm {
    char name[name_size];
    uint32_t gpus;
    char pool[name_size];
    char on[name_size]; /* runs there when the scenario begins; "": nowhere */
    enum vm_desired desired;
    uint32_t priority;
    uint32_t cpus;
    uint64_t memory_mib;
    bool has_huge_pages; /* its memory is given back quickly */
    struct name_list owners, possible, together, apart, after;
    char label[name_size]; /* "KEY=VALUE" that its host must have; "": none */
    bool is_enforced;      /* together and apart */
    bool is_unmanaged;
    bool is_watched; /* guest_watch: restart */
    enum migration migration;
    enum offline_action offline;
    msec_t offline_timeout_ms;
    uint32_t restarts_max, failovers_max, losses_max;
    msec_t start_ms; /* how long its start takes */
};

/* What happens: id, words, what its subject is, which options it takes. */
#define SCENARIO_OP_LIST(X)                                                                        \
    X(OP_POWER_OFF, "power off", SUBJECT_HOST, 0)                                                  \
    X(OP_POWER_ON, "power on", SUBJECT_HOST, 0)                                                    \
    X(OP_NETWORK_OFF, "network off", SUBJECT_HOST, OPTION_WAY)                                     \
    X(OP_NETWORK_ON, "network on", SUBJECT_HOST, 0)                                                \
    X(OP_WATCH_OFF, "watch off", SUBJECT_HOST, 0)                                                  \
    X(OP_WATCH_ON, "watch on", SUBJECT_HOST, 0)                                                    \
    X(OP_FREEZE, "freeze", SUBJECT_HOST, 0)                                                        \
    X(OP_THAW, "thaw", SUBJECT_HOST, 0)                                                            \
    X(OP_CRASH, "crash", SUBJECT_HOST, OPTION_FOR)                                                 \
    X(OP_FAIL_MEMORY, "fail memory", SUBJECT_HOST, OPTION_NUMBER)                                  \
    X(OP_LEAVE, "leave", SUBJECT_HOST, OPTION_FOR)                                                 \
    X(OP_SHUTDOWN, "shutdown", SUBJECT_HOST, 0)                                                    \
    X(OP_REBOOT, "reboot", SUBJECT_HOST, 0)                                                        \
    X(OP_FAIL_POWER, "fail power", SUBJECT_HOST, OPTION_TIMES)                                     \
    X(OP_STORE_OFF, "store off", SUBJECT_NONE, 0)                                                  \
    X(OP_STORE_ON, "store on", SUBJECT_NONE, 0)                                                    \
    X(OP_STORE_FULL, "store full", SUBJECT_NONE, 0)                                                \
    X(OP_STORE_ROOM, "store room", SUBJECT_NONE, 0)                                                \
    X(OP_COMPACT, "compact", SUBJECT_NONE, 0)                                                      \
    X(OP_STORE_EMPTY, "store empty", SUBJECT_NONE, 0)                                              \
    X(OP_STORE_BACK, "store back", SUBJECT_NONE, 0)                                                \
    X(OP_WRONG_STORE, "wrong store", SUBJECT_HOST, 0)                                              \
    X(OP_FOREIGN_STORE, "foreign store", SUBJECT_HOST, 0)                                          \
    X(OP_FORMAT, "format", SUBJECT_NONE, OPTION_NUMBER)                                            \
    X(OP_RIGHT_STORE, "right store", SUBJECT_HOST, 0)                                              \
    X(OP_RENAME, "rename", SUBJECT_HOST, 0)                                                        \
    X(OP_RENAME_BACK, "rename back", SUBJECT_HOST, 0)                                              \
    X(OP_LOSE_IDENTITY, "lose identity", SUBJECT_HOST, 0)                                          \
    X(OP_ADOPT, "adopt", SUBJECT_HOST, 0)                                                          \
    X(OP_CLEAR, "clear", SUBJECT_HOST, 0)                                                          \
    X(OP_LIBVIRT_OFF, "libvirt off", SUBJECT_HOST, 0)                                              \
    X(OP_LIBVIRT_HANG, "libvirt hang", SUBJECT_HOST, 0)                                            \
    X(OP_LIBVIRT_ON, "libvirt on", SUBJECT_HOST, 0)                                                \
    X(OP_FAIL_START, "fail start", SUBJECT_VM, OPTION_ON | OPTION_TIMES | OPTION_GPU)              \
    X(OP_HANG_START, "hang start", SUBJECT_VM, OPTION_ON | OPTION_TIMES)                           \
    X(OP_FAIL_STOP, "fail stop", SUBJECT_VM, OPTION_TIMES)                                         \
    X(OP_HANG_KILL, "hang kill", SUBJECT_VM, OPTION_TIMES)                                         \
    X(OP_FAIL_GUEST, "fail guest", SUBJECT_VM, 0)                                                  \
    X(OP_HALT_GUEST, "halt guest", SUBJECT_VM, 0)                                                  \
    X(OP_SILENCE_GUEST, "silence guest", SUBJECT_VM, OPTION_FOR)                                   \
    X(OP_REBOOT_GUEST, "reboot guest", SUBJECT_VM, OPTION_FOR)                                     \
    X(OP_FAIL_GPU, "fail gpu", SUBJECT_HOST, OPTION_NUMBER)                                        \
    X(OP_FATAL_GPU, "fatal gpu", SUBJECT_HOST, OPTION_NUMBER)                                      \
    X(OP_SWAP_GPU, "swap gpu", SUBJECT_HOST, OPTION_NUMBER)                                        \
    X(OP_MEND_GPU, "mend gpu", SUBJECT_HOST, OPTION_NUMBER)                                        \
    X(OP_DISK_FULL, "disk full", SUBJECT_HOST, 0)                                                  \
    X(OP_DISK_ROOM, "disk room", SUBJECT_HOST, 0)                                                  \
    X(OP_FAIL_FENCE, "fail fence", SUBJECT_HOST, OPTION_TIMES)                                     \
    X(OP_HANG_FENCE, "hang fence", SUBJECT_HOST, OPTION_TIMES)                                     \
    X(OP_FAIL_BIND, "fail bind", SUBJECT_HOST, OPTION_TIMES)                                       \
    X(OP_HANG_BIND, "hang bind", SUBJECT_HOST, OPTION_TIMES | OPTION_FOR)                          \
    X(OP_FAIL_ERASE, "fail erase", SUBJECT_HOST, OPTION_TIMES)                                     \
    X(OP_FAIL_FABRIC, "fail fabric", SUBJECT_HOST, OPTION_TIMES)                                   \
    X(OP_RESTART_FABRIC, "restart fabric", SUBJECT_HOST, 0)                                        \
    X(OP_FAIL_WATCHDOG, "fail watchdog", SUBJECT_HOST, 0)                                          \
    X(OP_MEND_WATCHDOG, "mend watchdog", SUBJECT_HOST, 0)                                          \
    X(OP_STRAY, "stray", SUBJECT_VM, OPTION_ON)                                                    \
    X(OP_MIGRATE, "migrate", SUBJECT_VM, OPTION_TO)                                                \
    X(OP_FAIL_MIGRATION, "fail migration", SUBJECT_VM, OPTION_TIMES)                               \
    X(OP_CUT_MIGRATION, "cut migration", SUBJECT_VM, OPTION_TIMES)                                 \
    X(OP_HANG_MIGRATION, "hang migration", SUBJECT_VM, OPTION_TIMES)                               \
    X(OP_STRAND_MIGRATION, "strand migration", SUBJECT_VM, OPTION_TIMES)                           \
    X(OP_LATE_MIGRATION, "late migration", SUBJECT_VM, OPTION_TIMES)                               \
    X(OP_SAVE, "save", SUBJECT_VM, 0)                                                              \
    X(OP_RESTORE, "restore", SUBJECT_VM, OPTION_ON)                                                \
    X(OP_LEAK, "leak", SUBJECT_HOST, OPTION_NUMBER)                                                \
    X(OP_GARBLE, "garble", SUBJECT_HOST, OPTION_NUMBER)                                            \
    X(OP_MEND_CLAIM, "mend claim", SUBJECT_HOST, OPTION_NUMBER)                                    \
    X(OP_GARBLE_LEADER, "garble leader", SUBJECT_NONE, 0)                                          \
    X(OP_MEND_LEADER, "mend leader", SUBJECT_NONE, 0)                                              \
    X(OP_IMPOSTOR, "impostor", SUBJECT_HOST, OPTION_FOR)                                           \
    X(OP_START, "start", SUBJECT_VM, 0)                                                            \
    X(OP_STOP, "stop", SUBJECT_VM, OPTION_FORCE)                                                   \
    X(OP_MOVE, "move", SUBJECT_VM, OPTION_TO | OPTION_MIGRATION | OPTION_FOR)                      \
    X(OP_CANCEL_MOVE, "cancel move", SUBJECT_VM, 0)                                                \
    X(OP_ADOPT_VM, "adopt-vm", SUBJECT_VM, 0)                                                      \
    X(OP_CONFIRM_GONE, "confirm-gone", SUBJECT_VM, 0)                                              \
    X(OP_REMOVE, "remove", SUBJECT_VM, 0)                                                          \
    X(OP_PRIORITY, "priority", SUBJECT_VM, OPTION_NUMBER)                                          \
    X(OP_MANAGE, "manage", SUBJECT_VM, 0)                                                          \
    X(OP_UNMANAGE, "unmanage", SUBJECT_VM, 0)                                                      \
    X(OP_WATCH, "watch", SUBJECT_VM, 0)                                                            \
    X(OP_UNWATCH, "unwatch", SUBJECT_VM, 0)                                                        \
    X(OP_DISARM, "disarm", SUBJECT_NONE, OPTION_FOR)                                               \
    X(OP_ARM, "arm", SUBJECT_NONE, 0)                                                              \
    X(OP_DRAIN, "drain", SUBJECT_HOST, OPTION_FORCE | OPTION_MIGRATION)                            \
    X(OP_PAUSE, "pause", SUBJECT_HOST, 0)                                                          \
    X(OP_RESUME, "resume", SUBJECT_HOST, 0)                                                        \
    X(OP_CONFIRM_OFF, "confirm-off", SUBJECT_HOST, OPTION_FORCE)                                   \
    X(OP_ORDER_SHUTDOWN, "order shutdown", SUBJECT_HOST, 0)                                        \
    X(OP_ORDER_REBOOT, "order reboot", SUBJECT_HOST, 0)                                            \
    X(OP_FORGET, "forget", SUBJECT_HOST, OPTION_FORCE)                                             \
    X(OP_RELEASE, "release", SUBJECT_HOST, OPTION_NUMBER)                                          \
    X(OP_MOUNT, "mount", SUBJECT_HOST, OPTION_NUMBER)                                              \
    X(OP_DISMOUNT, "dismount", SUBJECT_HOST, OPTION_NUMBER)                                        \
    X(OP_PARTITION, "partition", SUBJECT_HOST, OPTION_NUMBER | OPTION_INTO)                        \
    X(OP_FENCING, "fencing", SUBJECT_HOST, OPTION_METHOD)                                          \
    X(OP_SET, "set", SUBJECT_SETTING, OPTION_NUMBER)                                               \
    X(OP_HEAL, "heal", SUBJECT_NONE, 0)

#define SCENARIO_OP_ID_(id, text, subject, options) id,
enum scenario_op { SCENARIO_OP_LIST(SCENARIO_OP_ID_) scenario_op_count };

enum scenario_subject { SUBJECT_NONE, SUBJECT_HOST, SUBJECT_VM, SUBJECT_SETTING };

enum {
    OPTION_ON = 1 << 0,         /* "on HOST" */
    OPTION_TO = 1 << 1,         /* "to HOST" */
    OPTION_TIMES = 1 << 2,      /* "times N" */
    OPTION_FORCE = 1 << 3,      /* "force" */
    OPTION_WAY = 1 << 4,        /* "in" (nothing reaches the host) or "out" (nothing leaves it) */
    OPTION_GPU = 1 << 5,        /* "gpu": the VM's first GPU is to blame */
    OPTION_NUMBER = 1 << 6,     /* "N" */
    OPTION_FOR = 1 << 7,        /* "for MS" */
    OPTION_METHOD = 1 << 8,     /* "watchdog", "power", "manual" */
    OPTION_INTO = 1 << 9,       /* "into N" */
    OPTION_MIGRATION = 1 << 10, /* "live", "restart", "live-or-restart" */
};

struct scenario_step {
    msec_t at_ms; /* of the scenario's own time, which begins when the cluster is formed */
    enum scenario_op op;
    char subject[name_size];
    char host[name_size]; /* "on" or "to"; "" none */
    uint32_t times;       /* at least 1 */
    uint32_t into;
    bool is_forced;
    bool is_in, is_out;
    bool has_gpu;
    int64_t number;
    msec_t for_ms;
    enum fencing method;
    enum migration migration;
};

/* Chance that hits everything, in parts of a thousand and milliseconds; all 0: none. */
struct scenario_noise {
    msec_t delay_ms;       /* messages take up to so much */
    uint32_t lost_request; /* never reaches the store */
    uint32_t lost_reply;   /* was executed, but no one hears of it */
    uint32_t late_request; /* reaches the store after its sender gave up */
    uint32_t crash;        /* berthd dies before an action */
    uint32_t memory;       /* ... soon runs out in berthd, at each step of it */
    uint32_t freeze;       /* berthd is held for a while before an action */
    msec_t freeze_ms;      /* at most so long */
    uint32_t bad_start;    /* a VM's start fails */
    uint32_t slow_start;   /* ... is answered late or never */
    uint32_t guest_death;  /* of a VM, each minute */
};

struct scenario {
    char name[256];
    uint64_t seed;
    struct scenario_noise noise;
    struct cluster_settings settings;
    VEC(struct scenario_host) hosts;
    VEC(struct scenario_vm) vms;
    VEC(struct scenario_step) steps; /* by time, then as written */
    msec_t batch_ms; /* watches tell at once what happened in that time; 0: each revision alone */
    msec_t until_ms; /* 0: some time after the last step */
    struct buf mutants; /* names of the mutants of the core that it shows, one per line */
    bool has_expect;
    struct buf expect;               /* lines of the transcript */
    struct buf final;                /* lines of the finally block */
    size_t expect_begin, expect_end; /* bytes of the text that hold the expect block */
};

void scenario_done(struct scenario *scenario);

/* Reads 'text' into 'ret', {0} before. -EINVAL with the line, -ENOMEM. 'ret' needs scenario_done()
 * in any case. */
int scenario_parse(const char *text, struct scenario *ret, struct error *err);

/* The text form, without expect and finally. */
void scenario_write(const struct scenario *scenario, struct buf *ret);
/* One step, as in the text, without its line end. */
void scenario_write_step(const struct scenario_step *step, struct buf *ret);

/* Sets one of the numbers of the settings by its name; false if there is none such. */
bool scenario_set(struct cluster_settings *settings, const char *name, int64_t number);

/* What scenario_parse() gives for a host or VM of which only the name is said. */
extern const struct scenario_host scenario_host_default;
extern const struct scenario_vm scenario_vm_default;
