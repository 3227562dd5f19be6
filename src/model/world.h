/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One process's picture of the store: every record as of one revision, sorted by key. Fed by a
 * snapshot and the watch behind it; what it holds is the past, so anyone who decides on it guards
 * the write with the revisions it saw.
 */
#pragma once

#include "model/record.h"

struct world {
    VEC(struct record *) records[record_kind_count]; /* each sorted by record_key_compare() */
    VEC(struct record_key)
    unreadable;                          /* there, in a form that this version cannot read; by
                                            record_key_compare() */
    revision_t revision;                 /* everything up to this one is in */
    bool is_complete;                    /* a snapshot has been taken in whole */
    uint64_t changes[record_kind_count]; /* grows with each change of such records */
    /* Of the inventories those with sightings, by name: few, and each VM asks for its own. */
    VEC(const struct record *) sighting;
};

void world_done(struct world *world);

/* Takes a reference of 'record'; replaces the one of the same key unless that is newer.
 * False, nothing changed, without memory. */
bool world_put(struct world *world, struct record *record);
void world_remove(struct world *world, const struct record_key *key, revision_t revision);

/* 'key' is there, but its value is no record: an older one that was, if any, stays, until the key
 * is put or removed. False, nothing changed, without memory. */
bool world_mark_unreadable(struct world *world, const struct record_key *key);

/* Whether the record, or its absence, in this world is what the store holds. */
bool world_is_readable(const struct world *world, const struct record_key *key);

/* Snapshot: begin, world_put() each, end. What was not put again is gone after the end. */
void world_snapshot_begin(struct world *world);
void world_snapshot_end(struct world *world, revision_t revision);

/* Watch: everything up to 'revision' has been delivered. Never goes back. */
void world_advance(struct world *world, revision_t revision);

/* The record, lent until the next change of the world; NULL if there is none. */
struct record *world_find(const struct world *world, enum record_kind kind, const char *name);
struct record *world_find_key(const struct world *world, const struct record_key *key);

/* The same of one who asks for many names in their order: '*at', 0 at first, is where it was. */
const struct record *world_walk(const struct world *world, enum record_kind kind, const char *name,
                                size_t *at);

/* The mod revision of a key as this world knows it; 0: absent. */
revision_t world_revision(const struct world *world, const struct record_key *key);

/* The cluster's settings, or the defaults while none are stored. */
const struct cluster_settings *world_settings(const struct world *world);

/* Whether nothing is fenced, restarted or ended by Berth itself now: an administrator said so, and
 * the time limit, if there is one, is not over. How much of that is left, as of when that was
 * written, into '*ret_left_ms' (may be NULL); 0: there is no limit. */
bool world_is_disarmed(const struct world *world, msec_t *ret_left_ms);

/* Iterates the records of one kind: WORLD_EACH(world, RECORD_VM_SPEC, each) { (*each)->vm_spec } */
#define WORLD_EACH(world, kind, each) VEC_EACH(&(world)->records[kind], each)

/* The entry by which an administrator dismounted the card at 'address' of 'node', lent; NULL. */
const struct dismount *world_dismount(const struct world *world, const char *node,
                                      struct pci_address address);

/* The GPU at 'address' in the inventory of 'node', lent; NULL if unknown. */
/* Whether 'node' shows that card, and it is no GPU. */
bool world_is_other(const struct world *world, const char *node, struct pci_address address);
const struct gpu *world_gpu(const struct world *world, const char *node,
                            struct pci_address address);

/* Whether 'node' has all of 'labels'; if not, the first that is missing into '*ret_missing'. */
bool world_has_labels(const struct world *world, const char *node, const struct node_label *labels,
                      size_t len, const struct node_label **ret_missing);

/* Whether anything but an administrator could say that 'node' is off, should it die now. */
bool world_can_be_proven_off(const struct world *world, const char *node);
/* Whether that incarnation of 'node' is declared off, with proof. */
bool world_is_proven_off(const struct world *world, const char *node, uint64_t incarnation);

/* Whether an administrator removed 'node' and it was not heard since: whatever is left of it is not
 * shown any more, and the coordinator deletes it. */
bool world_is_removed(const struct world *world, const char *node);

/* Where 'vm' exists although it is not ordered there, as the node '*ret_node' tells in its present
 * incarnation: what earlier ones saw was ended since. Both lent; NULL: no one sees it. */
const struct vm_sighting *world_sighting(const struct world *world, const char *vm,
                                         const char **ret_node);

/* The node that tells, in its present incarnation, that it has that epoch of 'vm', as it was
 * ordered to; lent. NULL: none does. Of a VM that someone migrates past Berth that is the node that
 * it leaves, until it has left. */
const char *world_keeper(const struct world *world, const char *vm, uint64_t epoch);

/* The key of the claim on a device. */
struct record_key world_claim_key(const char *node, const struct gpu_slot *slot);

/* Whether a VM may have the card or a part of it: there is a claim, or one that cannot be read. */
bool world_card_is_claimed(const struct world *world, const char *node, struct pci_address address);

/* The VM that used the device of 'node' or, in another form, its card, which was not erased since
 * although its pool demands that, lent; NULL: it is clean. */
const char *world_used_by(const struct world *world, const char *node, const struct gpu_slot *slot);
const char *node_inventory_used_by(const struct node_inventory *inventory,
                                   const struct gpu_slot *slot);

/* Whether 'node' is quarantined: it gets no VMs for a while. */
bool world_is_quarantined(const struct world *world, const char *node);

/* Whether 'node' is being shut down in order, as its last heartbeat says, and with it its VMs. */
bool world_is_going_down(const struct world *world, const char *node);
/* Whether its VMs are to leave it before. */
bool world_is_vacated(const struct world *world, const char *node);

/* How many VMs that were begun in the present incarnation of 'node' have not ended there, as far as
 * the store says. */
uint32_t world_vms_left(const struct world *world, const char *node);

/* Whether the hypervisor of 'node' answers, as its inventory has it: one of an earlier boot says
 * nothing of now. */
bool world_has_hypervisor(const struct world *world, const char *node);

/* Whether the disk of 'node' has room to start VMs; if not, its words, lent, into '*ret_detail'
 * (may be NULL). */
bool world_has_space(const struct world *world, const char *node, const char **ret_detail);

/* Whether the GPUs that 'node' is to give to VMs are bound for them, or could not be; the same. */
bool world_has_gpus_ready(const struct world *world, const char *node, const char **ret_detail);

/* The newest of the cluster's keys that a host which tells its own key can open: fence secrets are
 * sealed to its public key. NULL: there is none yet. */
const struct record *world_fence_key(const struct world *world);
/* The first host by name that cannot open what is sealed to 'key', because its berthd is older or
 * its own key is missing; NULL: all can. */
const char *world_without_fence_key(const struct world *world, const struct record *key);
/* Whether 'key', of a host, is granted to the key that this host tells now. */
bool world_key_is_held(const struct world *world, const struct record *key);
