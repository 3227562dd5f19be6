/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Longer than most: whatever several rooms ask of the picture is answered here, in one place. */
#include "model/world.h"

#include "base/parse.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void world_done(struct world *world)
{
    for (size_t kind = 0; kind < record_kind_count; kind++) {
        VEC_EACH(&world->records[kind], each) {
            record_unref(*each);
        }
        VEC_DONE(&world->records[kind]);
    }
    VEC_DONE(&world->unreadable);
    VEC_DONE(&world->sighting);
    *world = (struct world){0};
}

/* ---- what cannot be read: next to nothing, ever ---- */

bool world_is_readable(const struct world *world, const struct record_key *key)
{
    VEC_EACH(&world->unreadable, each) {
        if (record_key_compare(each, key) == 0) {
            return false;
        }
    }
    return true;
}

bool world_mark_unreadable(struct world *world, const struct record_key *key)
{
    size_t place = 0;
    if (!world_is_readable(world, key)) {
        return true;
    }
    while (place < world->unreadable.len &&
           record_key_compare(&world->unreadable.items[place], key) < 0) {
        place++;
    }
    struct record_key *slot = VEC_INSERT(&world->unreadable, place);
    if (!slot) {
        return false;
    }
    *slot = *key;
    world->changes[key->kind]++;
    return true;
}

static void mark_readable(struct world *world, const struct record_key *key)
{
    for (size_t i = world->unreadable.len; i-- > 0;) {
        if (record_key_compare(&world->unreadable.items[i], key) == 0) {
            VEC_REMOVE(&world->unreadable, i);
            world->changes[key->kind]++;
        }
    }
}

/* ---- records ---- */

/* Where 'key' stands, or would: the first place that is not before it. */
static size_t place_of(const struct world *world, const struct record_key *key, bool *ret_is_there)
{
    size_t len = world->records[key->kind].len;
    struct record *const *items = world->records[key->kind].items;
    /* The end first: snapshots come in order. */
    bool is_last = len > 0 && record_key_compare(&items[len - 1]->key, key) < 0;
    size_t place = is_last ? len
                           : VEC_BISECT(&world->records[key->kind], each,
                                        record_key_compare(&(*each)->key, key) < 0);
    *ret_is_there = place < len && record_key_compare(&items[place]->key, key) == 0;
    return place;
}

/* No inventory of 'node' is among those with sightings any more. */
static void forget_sightings(struct world *world, const char *node)
{
    size_t place = VEC_BISECT(&world->sighting, each, strcmp((*each)->key.name, node) < 0);
    if (place < world->sighting.len && strcmp(world->sighting.items[place]->key.name, node) == 0) {
        VEC_REMOVE(&world->sighting, place);
    }
}

/* 'record' has taken its place; the room was reserved. */
static void keep_sightings(struct world *world, const struct record *record)
{
    const char *node = record->key.name;
    forget_sightings(world, node);
    if (record->inventory->sightings.len > 0) {
        size_t place = VEC_BISECT(&world->sighting, each, strcmp((*each)->key.name, node) < 0);
        const struct record **slot = VEC_INSERT(&world->sighting, place);
        assert(slot);
        *slot = record;
    }
}

bool world_put(struct world *world, struct record *record)
{
    bool is_there, is_inventory = record->key.kind == RECORD_NODE_INVENTORY;
    size_t place = place_of(world, &record->key, &is_there);
    CLEANUP(record_unrefp) struct record *old = NULL;
    struct record **slot;
    if (is_inventory && record->inventory->sightings.len > 0 &&
        !VEC_RESERVE(&world->sighting, world->sighting.len + 1)) {
        return false;
    }
    if (is_there) {
        slot = &world->records[record->key.kind].items[place];
        if ((*slot)->revision > record->revision) {
            return true;
        }
        old = *slot;
    } else {
        slot = VEC_INSERT(&world->records[record->key.kind], place);
        if (!slot) {
            return false;
        }
    }
    *slot = record_ref(record);
    if (is_inventory) {
        keep_sightings(world, record);
    }
    mark_readable(world, &record->key);
    world->changes[record->key.kind]++;
    return true;
}

void world_remove(struct world *world, const struct record_key *key, revision_t revision)
{
    bool is_there;
    size_t place = place_of(world, key, &is_there);
    mark_readable(world, key);
    if (!is_there || world->records[key->kind].items[place]->revision > revision) {
        return;
    }
    if (key->kind == RECORD_NODE_INVENTORY) {
        forget_sightings(world, key->name);
    }
    record_unref(world->records[key->kind].items[place]);
    VEC_REMOVE(&world->records[key->kind], place);
    world->changes[key->kind]++;
}

void world_snapshot_begin(struct world *world)
{
    uint64_t changes[record_kind_count];
    for (size_t kind = 0; kind < record_kind_count; kind++) {
        changes[kind] = world->changes[kind] + 1;
    }
    world_done(world);
    memcpy(world->changes, changes, sizeof(changes));
}

void world_snapshot_end(struct world *world, revision_t revision)
{
    world->is_complete = true;
    world_advance(world, revision);
}

void world_advance(struct world *world, revision_t revision)
{
    world->revision = MAX(world->revision, revision);
}

struct record *world_find_key(const struct world *world, const struct record_key *key)
{
    bool is_there;
    size_t place = place_of(world, key, &is_there);
    return is_there ? world->records[key->kind].items[place] : NULL;
}

struct record *world_find(const struct world *world, enum record_kind kind, const char *name)
{
    struct record_key key = {.kind = kind};
    return copy_text(key.name, sizeof(key.name), name) ? world_find_key(world, &key) : NULL;
}

const struct record *world_walk(const struct world *world, enum record_kind kind, const char *name,
                                size_t *at)
{
    struct record *const *items = world->records[kind].items;
    size_t len = world->records[kind].len;
    int order = -1;
    while (*at < len && (order = strcmp(items[*at]->key.name, name)) < 0) {
        ++*at;
    }
    return *at < len && order == 0 ? items[*at] : NULL;
}

revision_t world_revision(const struct world *world, const struct record_key *key)
{
    const struct record *record = world_find_key(world, key);
    return record ? record->revision : 0;
}

const struct cluster_settings *world_settings(const struct world *world)
{
    const struct record *record = world_find(world, RECORD_CLUSTER, "");
    return record ? record->cluster : &cluster_settings_default;
}

bool world_is_disarmed(const struct world *world, msec_t *ret_left_ms)
{
    const struct cluster_settings *settings = world_settings(world);
    const struct record *count = world_find(world, RECORD_DISARM, "");
    bool is_counted = count && count->disarm->order == settings->disarm_order;
    msec_t left_ms = is_counted ? count->disarm->left_ms : settings->disarm_ms;
    bool is_over = settings->disarm_ms > 0 && left_ms == 0;
    if (ret_left_ms) {
        *ret_left_ms = settings->disarm_ms > 0 ? left_ms : 0;
    }
    return settings->is_disarmed && !is_over;
}

const struct gpu *world_gpu(const struct world *world, const char *node, struct pci_address address)
{
    const struct record *record = world_find(world, RECORD_NODE_INVENTORY, node);
    if (!record) {
        return NULL;
    }
    VEC_EACH(&record->inventory->gpus, gpu) {
        if (pci_address_compare(gpu->address, address) == 0) {
            return gpu;
        }
    }
    return NULL;
}

bool world_is_other(const struct world *world, const char *node, struct pci_address address)
{
    const struct gpu *gpu = world_gpu(world, node, address);
    return gpu && gpu_is_other(gpu);
}

const struct dismount *world_dismount(const struct world *world, const char *node,
                                      struct pci_address address)
{
    const struct record *record = world_find(world, RECORD_NODE_SPEC, node);
    if (!record) {
        return NULL;
    }
    VEC_EACH(&record->node_spec->dismounted, entry) {
        if (pci_address_compare(entry->address, address) == 0) {
            return entry;
        }
    }
    return NULL;
}

struct record_key world_claim_key(const char *node, const struct gpu_slot *slot)
{
    struct record_key key = {.kind = RECORD_CLAIM};
    (void)snprintf(key.name, sizeof(key.name), "%s", node);
    (void)gpu_slot_format(slot, key.second);
    return key;
}

static bool is_claim_on(const struct record_key *key, const char *node, struct pci_address address)
{
    struct gpu_slot slot;
    return key->kind == RECORD_CLAIM && strcmp(key->name, node) == 0 &&
           gpu_slot_parse(key->second, &slot) && pci_address_compare(slot.address, address) == 0;
}

bool world_card_is_claimed(const struct world *world, const char *node, struct pci_address address)
{
    size_t len = world->records[RECORD_CLAIM].len;
    struct record *const *claims = world->records[RECORD_CLAIM].items;
    for (size_t i =
             VEC_BISECT(&world->records[RECORD_CLAIM], each, strcmp((*each)->key.name, node) < 0);
         i < len && strcmp(claims[i]->key.name, node) == 0; i++) {
        if (is_claim_on(&claims[i]->key, node, address)) {
            return true;
        }
    }
    VEC_EACH(&world->unreadable, key) {
        if (is_claim_on(key, node, address)) {
            return true;
        }
    }
    return false;
}

const char *node_inventory_used_by(const struct node_inventory *inventory,
                                   const struct gpu_slot *slot)
{
    VEC_EACH(&inventory->uses, use) {
        if (gpu_slot_is_other_form(&use->slot, slot) || gpu_slot_equal(&use->slot, slot)) {
            return use->vm;
        }
    }
    return NULL;
}

const char *world_used_by(const struct world *world, const char *node, const struct gpu_slot *slot)
{
    const struct record *record = world_find(world, RECORD_NODE_INVENTORY, node);
    return record ? node_inventory_used_by(record->inventory, slot) : NULL;
}

bool world_has_hypervisor(const struct world *world, const char *node)
{
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, node);
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    if (!inventory || !alive || inventory->inventory->incarnation != alive->alive->incarnation) {
        return false;
    }
    VEC_EACH(&inventory->inventory->checks, check) {
        if (strcmp(check->name, CHECK_HYPERVISOR) == 0) {
            return check->is_ok;
        }
    }
    return false;
}

/* Whether nothing is said against it; else what, into '*ret_detail' (may be NULL). */
static bool is_check_ok(const struct world *world, const char *node, const char *name,
                        const char **ret_detail)
{
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, node);
    if (!inventory) {
        return true;
    }
    VEC_EACH(&inventory->inventory->checks, check) {
        if (strcmp(check->name, name) == 0 && !check->is_ok) {
            if (ret_detail) {
                *ret_detail = check->detail;
            }
            return false;
        }
    }
    return true;
}

bool world_has_space(const struct world *world, const char *node, const char **ret_detail)
{
    return is_check_ok(world, node, CHECK_SPACE, ret_detail);
}

bool world_has_gpus_ready(const struct world *world, const char *node, const char **ret_detail)
{
    return is_check_ok(world, node, CHECK_GPUS, ret_detail);
}

bool world_can_be_proven_off(const struct world *world, const char *node)
{
    const struct record *spec = world_find(world, RECORD_NODE_SPEC, node);
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    bool has_power = spec && spec->node_spec->fencing == FENCING_POWER &&
                     spec->node_spec->fence_agent[0] != '\0';
    return has_power || (alive && alive->alive->is_watchdog_armed && !alive->alive->has_left);
}

bool world_is_proven_off(const struct world *world, const char *node, uint64_t incarnation)
{
    const struct record *fence = world_find(world, RECORD_NODE_FENCE, node);
    return fence && fence->fence->proof != PROOF_NONE && incarnation <= fence->fence->incarnation;
}

bool world_is_removed(const struct world *world, const char *node)
{
    const struct record *spec = world_find(world, RECORD_NODE_SPEC, node);
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    if (!spec || spec->node_spec->removed == 0) {
        return false;
    }
    return !alive || alive->alive->incarnation < spec->node_spec->removed ||
           (alive->alive->incarnation == spec->node_spec->removed &&
            alive->alive->counter == spec->node_spec->removed_counter);
}

/* Whether what 'node' told in that incarnation is told in its present one. Where its heartbeat is
 * not watched: it is, until it says otherwise or is off. */
static bool is_present(const struct world *world, const char *node, uint64_t incarnation)
{
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    return (!alive || alive->alive->incarnation == incarnation) &&
           !world_is_proven_off(world, node, incarnation);
}

const struct vm_sighting *world_sighting(const struct world *world, const char *vm,
                                         const char **ret_node)
{
    VEC_EACH(&world->sighting, each) {
        const struct node_inventory *inventory = (*each)->inventory;
        const char *node = (*each)->key.name;
        VEC_EACH(&inventory->sightings, sighting) {
            if (strcmp(sighting->vm, vm) == 0 && is_present(world, node, inventory->incarnation)) {
                *ret_node = node;
                return sighting;
            }
        }
    }
    return NULL;
}

const char *world_keeper(const struct world *world, const char *vm, uint64_t epoch)
{
    const struct record *record = world_find(world, RECORD_VM_STATUS, vm);
    const struct vm_status *status = record ? record->status : NULL;
    if (!status || status->epoch != epoch ||
        !is_present(world, status->node, status->incarnation)) {
        return NULL;
    }
    switch (status->state) {
    case VM_STATE_STARTING:
    case VM_STATE_RUNNING:
    case VM_STATE_STOPPING:
        return status->node;
    case VM_STATE_STOPPED:
    case VM_STATE_FAILED:
    case VM_STATE_AWAY:
        break;
    }
    return NULL;
}

bool world_is_quarantined(const struct world *world, const char *node)
{
    const struct record *standing = world_find(world, RECORD_NODE_STANDING, node);
    const struct record *spec = world_find(world, RECORD_NODE_SPEC, node);
    return standing && standing->standing->quarantine_ms > 0 &&
           (spec ? (uint64_t)spec->revision : 0) == standing->standing->spec_revision;
}

bool world_is_going_down(const struct world *world, const char *node)
{
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    return alive && alive->alive->is_going_down;
}

bool world_is_vacated(const struct world *world, const char *node)
{
    return world_is_going_down(world, node) &&
           world_find(world, RECORD_NODE_ALIVE, node)->alive->on_shutdown != ON_SHUTDOWN_LEAVE;
}

uint32_t world_vms_left(const struct world *world, const char *node)
{
    const struct record *alive = world_find(world, RECORD_NODE_ALIVE, node);
    uint32_t count = 0;
    WORLD_EACH(world, RECORD_VM_STATUS, each) {
        const struct vm_status *status = (*each)->status;
        count += alive && strcmp(status->node, node) == 0 &&
                 status->incarnation == alive->alive->incarnation &&
                 status->state != VM_STATE_STOPPED && status->state != VM_STATE_FAILED &&
                 status->state != VM_STATE_AWAY;
    }
    return count;
}

static bool has_label(const struct node_spec *spec, const struct node_label *label)
{
    VEC_EACH(&spec->labels, own) {
        if (strcmp(own->key, label->key) == 0 && strcmp(own->value, label->value) == 0) {
            return true;
        }
    }
    return false;
}

bool world_has_labels(const struct world *world, const char *node, const struct node_label *labels,
                      size_t len, const struct node_label **ret_missing)
{
    const struct record *spec = world_find(world, RECORD_NODE_SPEC, node);
    for (size_t i = 0; i < len; i++) {
        if (!spec || !has_label(spec->node_spec, &labels[i])) {
            *ret_missing = &labels[i];
            return false;
        }
    }
    return true;
}

bool world_key_is_held(const struct world *world, const struct record *key)
{
    const struct record *inventory = world_find(world, RECORD_NODE_INVENTORY, key->key.name);
    return inventory && inventory->inventory->seal_key[0] != '\0' &&
           strcmp(inventory->inventory->seal_key, key->node_key->host_key) == 0;
}

const struct record *world_fence_key(const struct world *world)
{
    const struct record *best = NULL;
    WORLD_EACH(world, RECORD_NODE_KEY, each) {
        if (world_key_is_held(world, *each) &&
            (!best || (*each)->node_key->number > best->node_key->number)) {
            best = *each;
        }
    }
    return best;
}

const char *world_without_fence_key(const struct world *world, const struct record *key)
{
    WORLD_EACH(world, RECORD_NODE_INVENTORY, each) {
        const char *node = (*each)->key.name;
        const struct record *own = world_find(world, RECORD_NODE_KEY, node);
        if (!world_is_removed(world, node) &&
            !(own && world_key_is_held(world, own) &&
              strcmp(own->node_key->public_key, key->node_key->public_key) == 0)) {
            return node;
        }
    }
    return NULL;
}
