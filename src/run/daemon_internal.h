/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What daemon.c (events in) and perform.c (actions out) share. No one else includes this. */
#pragma once

#include "core/core.h"
#include "fence/agent.h"
#include "fence/watchdog.h"
#include "host/host.h"
#include "loop/timer.h"
#include "run/config.h"
#include "run/event_log.h"
#include "run/examine.h"
#include "run/hearing.h"
#include "run/identity.h"
#include "run/keyring.h"
#include "run/open_store.h"
#include "virt/virt.h"

/* An answer that is known at once; told after all actions of the step are performed. */
struct answer {
    uint64_t id;
    enum core_result result;
    char text[error_text_size];
};

struct fencing_run {
    struct daemon *daemon;
    uint64_t id;
    struct fence_run *run;
    bool only_asks; /* whether the host is off */
};

struct power_run;

/* How much of this host is used, as of the last measurement. */
struct daemon_use {
    struct loop_timer timer;
    msec_t at_ms;     /* 0: none yet */
    uint64_t busy_ms; /* of its processors, since it booted */
    VEC(struct virt_use) vms;
};

struct daemon {
    const struct config *config;
    sd_event *event;
    sd_event_source *wake;
    struct core *core;
    struct store *store;
    struct hearing hearing;
    struct virt *virt;
    struct host *host;
    struct event_log *log;
    struct examine *examine;
    struct watchdog_config watchdog_config;
    struct watchdog *watchdog;
    sd_event_source *watchdog_look; /* NULL: one was there from the beginning, or none is wanted */
    bool is_stepping;               /* the core's actions are being performed */
    VEC(struct answer) answers;
    VEC(struct fencing_run *) fencing;
    struct power_run *power; /* this host is being told to go down; NULL: it is not */
    uint64_t foreign_endpoints[config_endpoints_max]; /* the cluster as last told; 0: ours */
    int lock_fd;
    struct identity identity;
    sd_event_source *resolving;    /* words left in run_dir: about a contradiction, a shutdown */
    enum cause_code contradiction; /* as last told */
    struct seal_pair host_key;     /* while 'has_host_key' */
    bool has_host_key;
    bool is_granting;         /* a write of the keyring is under way */
    bool has_key_news;        /* what the keyring is decided on may have changed */
    struct loop_timer guests; /* when those that are watched are asked again */
    struct daemon_use use;
    bool is_departing;        /* someone waits for this host to go down */
    uint32_t departing_waits; /* for so many VMs, as last told */
};

/* Puts 'event' through the core's door and performs what it orders. */
void daemon_step(struct daemon *d, struct core_event event);

/* An answer that perform() knows at once; told when the whole step is performed. */
void daemon_answer(struct daemon *d, uint64_t id, enum core_result result, const char *text);

/* Keeps for this boot that the host is a member in 'incarnation'. */
void daemon_keep_identity(struct daemon *d, uint64_t incarnation);
/* daemon_identity.c: who this host is, and the watchdog that vouches for it: before all else.
 * -EBUSY: it vouches for another one. */
int daemon_load_identity(struct daemon *d, struct error *err);
/* Tells the core of a watchdog that was taken over, or that there is one to arm. */
int daemon_find_watchdog(struct daemon *d, struct error *err);
/* Hears what an administrator on this host decides. */
int daemon_watch_word(struct daemon *d, struct error *err);
/* A VM of another cluster runs here: told, and left alone. For status and validate as long as it
 * does. */
void daemon_saw_foreign(void *userdata, const char *vm, const char *cluster);
void daemon_tell_foreign(const struct daemon *d, struct node_inventory *inventory);
/* A check, if the host name is no longer the name that it joined under. */
void daemon_tell_renamed(const struct daemon *d, struct node_inventory *inventory);
/* daemon_endpoints.c: etcd's endpoints have told who they are. For an event, status and validate.
 */
void daemon_saw_endpoints(struct daemon *d);
void daemon_tell_endpoints(const struct daemon *d, struct node_inventory *inventory);
/* daemon_guests.c: asks the agents in the guests that are watched, from now on. Negative errno. */
int daemon_watch_guests(struct daemon *d);
void daemon_heard_guest(void *userdata, const char *vm, uint64_t epoch, enum virt_guest answer);
/* daemon_use.c: tells how much of this host is used, from now on. Negative errno. */
int daemon_watch_use(struct daemon *d);
void daemon_leave_use(struct daemon *d);
void daemon_measured(void *userdata, const struct virt_use *vms, size_t len);
/* daemon_keyring.c: reads or makes the key of this host; what is wrong is for the journal. */
void daemon_open_keyring(struct daemon *d);
/* Its public half, or that there is none. */
void daemon_tell_key(const struct daemon *d, struct node_inventory *inventory);
/* A record of that kind changed. */
void daemon_saw_key_news(struct daemon *d, enum record_kind kind);
/* The world is whole again: grants keys, if there is cause. */
void daemon_grant_keys(struct daemon *d);
/* What the agent of 'level' of 'node' is to be told, secrets in it; the caller wipes it. */
int daemon_open_level(void *daemon, const char *node, const struct fence_level *level,
                      fence_parameters_t *ret, struct error *err);
/* VMs are of that cluster from now on. */
void daemon_take_cluster(struct daemon *d, const char *cluster);

/* perform.c: forgets that this host is being told to go down; it is all the same. */
void daemon_leave_power(struct daemon *d);
/* perform.c: does 'action', or begins it. Never blocks, never steps. */
void daemon_perform(struct daemon *d, const struct core_action *action);
