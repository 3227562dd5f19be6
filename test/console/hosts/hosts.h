/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Played hosts: the production core, store adapter and event log of berthd, N times in one process
 * on a real etcd; what they order is done on hardware that is only played (machine.c). A stage for
 * the console's tests and for its developers: hosts can lose their power and cards can break, at
 * once and on any machine. What real hypervisors and cards do is the lab's affair.
 */
#pragma once

#include "core/core.h"
#include "run/event_log.h"
#include "run/hearing.h"

struct host;

/* A guest of a host's hypervisor. */
struct guest {
    char vm[name_size];
    uint64_t epoch;
    uint64_t start_id; /* the action to be answered when it is up; 0: answered */
    bool is_made;      /* its process exists */
    bool is_up;
    bool is_deaf; /* does not hear its power button */
    gpu_holds_t gpus;
};

struct card {
    struct gpu gpu; /* verdict as if it were dismounted */
    char host_driver[gpu_driver_size];
    bool is_off_bus;
    bool resets_badly; /* makes the start of a VM fail */
};

/* Something that happens on a host later, unless its power goes first. */
struct task {
    struct host *host;
    sd_event_source *source;
    void (*run)(struct task *task);
    uint64_t id; /* of the action to answer */
    char vm[name_size];
    uint64_t epoch;
    struct pci_address address;
    enum core_action_kind rebind;
    uint32_t count; /* of partitions */
    bool is_refused;
};

struct answer {
    uint64_t id;
    enum core_result result;
    char text[error_text_size];
    bool has_culprit;
    struct gpu_slot culprit;
};

struct host {
    char name[name_size];
    uint32_t number; /* from 0 */
    sd_event *event;
    const struct etcd_config *etcd;
    uint64_t boots;
    bool has_power;
    VEC(struct card) cards;

    /* Gone with the power. */
    struct core *core;
    struct store *store;
    struct hearing hearing;
    struct event_log *log;
    sd_event_source *wake;
    sd_event_source *watchdog;
    msec_t watchdog_ms; /* 0: not armed */
    bool is_door_closed;
    uint64_t kill_all_id;
    VEC(struct guest *) guests;
    VEC(struct task *) tasks;
    VEC(struct answer) answers;
};

/* ---- host.c: power, and the core on it ---- */

/* Sets up 'ret' without power. 'etcd' must outlive it. */
void host_init(struct host *ret, uint32_t number, sd_event *event, const struct etcd_config *etcd);
void host_done(struct host *host);

void host_power_on(struct host *host); /* takes its time to boot */
void host_power_off(struct host *host);

msec_t host_now_ms(void);

/* Through the core's door, and does what it orders. */
void host_step(struct host *host, struct core_event event);
/* Tells an answer after everything the running step has ordered. */
void host_answer(struct host *host, uint64_t id, enum core_result result, const char *text,
                 const struct gpu_slot *culprit);

/* ---- machine.c: what is played ---- */

void machine_init(struct host *host);
void machine_boot(struct host *host);
void machine_lose_power(struct host *host);
/* What a survey of the host finds now, told to its core. */
void machine_tell_inventory(struct host *host);
void machine_perform(struct host *host, const struct core_action *action);

struct card *machine_card(struct host *host, struct pci_address address);
struct guest *machine_guest(struct host *host, const char *vm);
/* It ends by itself; 'why' is told. */
void machine_guest_ends(struct host *host, struct guest *guest, const char *why);

/* A zeroed task that runs after 'delay_ms'. */
struct task *machine_later(struct host *host, msec_t delay_ms, void (*run)(struct task *task));

/* ---- cards.c: which cards a host has ---- */

void cards_init(struct host *host);
/* What the card is divided into: 'number' counts from 0. */
struct gpu_slot cards_part(const struct card *card, uint32_t number);
/* Whether a VM can get 'slot', the card or a part of it, as it is now. */
bool cards_can_give(const struct card *card, const struct gpu_slot *slot);
/* The parts as the survey shows them now. */
void cards_add_parts(const struct card *card, struct node_inventory *inventory);
/* The card as the survey shows it now. */
struct gpu cards_look(const struct card *card, const char *node);
