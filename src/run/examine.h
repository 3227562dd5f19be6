/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this host finds out about itself and its neighbour now and then, beyond the hardware: the
 * checks "clock", "store", "certificate", "move-certificates", "disks" and "fencing" of its
 * inventory, for 'berth validate', on which nothing is decided; and "space": while this host's disk
 * is full no VM is started here. Also what fence agents said when an administrator had them tested.
 * Never blocks the loop: disks are looked at by a thread, fence agents are processes.
 *
 * Times and counts in the texts are rounded, so that they change, and the inventory with them,
 * only when there is news.
 */
#pragma once

#include "base/error.h"
#include "fence/watchdog.h"
#include "model/world.h"
#include "run/fence_asking.h"

struct examine;

struct examine_config {
    char node[name_size];
    bool is_store_open;            /* plain http over the network */
    size_t etcd_endpoint_len;      /* how many members of the store this host knows */
    const char *certificate, *key; /* of this host for the store, lent; "": it has none */
    const char *migration_address; /* lent; NULL, "": no running VMs come here */
    const char *root;              /* of the files for that; NULL, "": this host's own */
    const char *fence_directory;   /* of the fence agents; NULL: where the system has them */
    const struct watchdog_config *watchdog; /* lent; NULL: none is used */
    msec_t first_look_ms;                   /* after the beginning */
    uint64_t space_least_bytes;             /* with fewer free this host's disk is full */
    msec_t look_ms; /* between two; most only see that there is nothing new */
    msec_t tell_ms; /* how often it is told if there is news */
};

extern const struct examine_config examine_config_default;

struct examine_callbacks {
    const struct world *(*world)(void *userdata); /* lent until the loop goes on */
    void (*changed)(void *userdata);              /* examine_add() now says something else */
    fence_open_fn *open_level;                    /* NULL: agents are told just what is stored */
};

/* Begins; 'config' and 'callbacks' are copied. */
int examine_new(sd_event *event, const struct examine_config *config,
                const struct examine_callbacks *callbacks, void *userdata, struct examine **ret,
                struct error *err);
struct examine *examine_free(struct examine *examine); /* returns NULL; accepts NULL */

/* A write to the store begins, and ends: 'store' tells how long they take. */
void examine_write_begun(struct examine *examine, uint64_t id, msec_t now_ms);
void examine_write_ended(struct examine *examine, uint64_t id, msec_t now_ms);

/* Adds the checks to 'inventory', as many as there is room for beside the core's own, and what
 * fence agents said. False without memory. */
bool examine_add(const struct examine *examine, struct node_inventory *inventory);
