/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold at every moment, judged by the truth: which processes exist on which host. */
#include "test/sim/internal.h"

#include "model/gpu_device.h"

#include <stdarg.h>

/* No transaction arrives later: at most 3 s of its own, 10 s more, and the way. */
enum { late_most_ms = 20000 };

void violation(struct sim *sim, const char *format, ...)
{
    struct sim_result *result = sim->result;
    if (result->has_failed) {
        return;
    }
    va_list args;
    va_start(args, format);
    result->has_failed = true;
    result->kind = format;
    result->violation_ms = sim->now_ms - begin_ms;
    (void)vsnprintf(result->violation, sizeof(result->violation), format, args);
    va_end(args);
}

static bool runs(const struct instance *instance)
{
    return instance->phase != INSTANCE_ASKED && !instance->is_incoming;
}

static bool has_slot(const struct instance *instance, const struct gpu_slot *slot)
{
    VEC_EACH(&instance->gpus, hold) {
        if (gpu_slot_equal(&hold->slot, slot)) {
            return true;
        }
    }
    return false;
}

/* The same card, but one whole and one in partitions. */
static bool has_other_form(const struct instance *instance, const struct gpu_slot *slot)
{
    VEC_EACH(&instance->gpus, hold) {
        if (pci_address_compare(hold->slot.address, slot->address) == 0 &&
            (hold->slot.partition[0] == '\0') != (slot->partition[0] == '\0')) {
            return true;
        }
    }
    return false;
}

/* ---- a VM begins to run ---- */

static void check_alone(struct sim *sim, const struct host *host, const struct instance *instance)
{
    VEC_EACH(&sim->hosts, other_host) {
        VEC_EACH(&(*other_host)->instances, other) {
            if (*other == instance || !runs(*other)) {
                continue;
            }
            if (strcmp((*other)->vm, instance->vm) == 0 && !(*other)->is_unseen &&
                !instance->is_unseen) {
                violation(sim, "%s runs twice: on %s (epoch %llu) and on %s (epoch %llu)",
                          instance->vm, (*other_host)->config->name,
                          (unsigned long long)(*other)->epoch, host->config->name,
                          (unsigned long long)instance->epoch);
            }
            VEC_EACH(&instance->gpus, hold) {
                if (*other_host == host && has_slot(*other, &hold->slot)) {
                    violation(sim, "%s and %s hold one GPU of %s", instance->vm, (*other)->vm,
                              host->config->name);
                }
                if (*other_host == host && has_other_form(*other, &hold->slot)) {
                    violation(sim, "%s and %s hold one card of %s, whole and in part", instance->vm,
                              (*other)->vm, host->config->name);
                }
            }
        }
    }
}

static bool is_member(const struct sim *sim, const struct host *host, const struct gpu_hold *hold)
{
    const struct record *pool = world_find(&sim->store.world, RECORD_POOL, hold->pool);
    if (pool) {
        VEC_EACH(&pool->pool->members, member) {
            if (strcmp(member->node, host->config->name) == 0 &&
                gpu_slot_equal(&member->slot, &hold->slot)) {
                return true;
            }
        }
    }
    return false;
}

static void check_claim(struct sim *sim, const struct host *host, const struct instance *instance,
                        const struct gpu_slot *slot)
{
    struct record_key key = {.kind = RECORD_CLAIM};
    if (host->is_contradicted && sim->store.is_emptied) {
        return; /* it started, or was starting, before the claims were lost */
    }
    SET_TEXT(key.name, "%s", host->config->name);
    (void)gpu_slot_format(slot, key.second);
    const struct record *claim = world_find_key(&sim->store.world, &key);
    if (!claim || strcmp(claim->claim->vm, instance->vm) != 0 ||
        claim->claim->epoch != instance->epoch) {
        violation(sim, "%s (epoch %llu) runs on %s with %s, which %s%s claims", instance->vm,
                  (unsigned long long)instance->epoch, host->config->name, key.second,
                  claim ? claim->claim->vm : "nobody",
                  claim && strcmp(claim->claim->vm, instance->vm) == 0 ? " in another epoch" : "");
    }
}

static void check_needs(struct sim *sim, const struct host *host, const struct instance *instance)
{
    const struct record *spec = world_find(&sim->store.world, RECORD_VM_SPEC, instance->vm);
    if (!spec) {
        return;
    }
    if (instance->gpus.len != vm_spec_gpu_count(spec->vm_spec)) {
        violation(sim, "%s runs on %s with %zu GPUs, it needs %u", instance->vm, host->config->name,
                  instance->gpus.len, vm_spec_gpu_count(spec->vm_spec));
    }
    VEC_EACH(&instance->gpus, hold) {
        bool is_needed = false;
        for (uint32_t i = 0; i < spec->vm_spec->need_len; i++) {
            is_needed |= strcmp(spec->vm_spec->needs[i].pool, hold->pool) == 0;
        }
        if (!is_needed || !is_member(sim, host, hold)) {
            violation(sim, "%s runs on %s with a GPU outside its pool", instance->vm,
                      host->config->name);
        }
    }
}

static void check_card(struct sim *sim, const struct host *host, const struct instance *instance)
{
    VEC_EACH(&instance->gpus, hold) {
        const struct record *pool = world_find(&sim->store.world, RECORD_POOL, hold->pool);
        VEC_EACH(&host->gpus, card) {
            char identity[gpu_identity_size];
            if (!pool || pci_address_compare(card->gpu.address, hold->slot.address) != 0) {
                continue;
            }
            (void)gpu_identity(&card->gpu, identity);
            VEC_EACH(&pool->pool->members, member) {
                if (strcmp(member->node, host->config->name) == 0 &&
                    gpu_slot_equal(&member->slot, &hold->slot) &&
                    strcmp(member->identity, identity) != 0) {
                    violation(sim, "%s runs on %s with a card that is not the pool's", instance->vm,
                              host->config->name);
                }
            }
        }
    }
}

void check_spawn(struct sim *sim, const struct host *host, const struct instance *instance)
{
    const struct record *status = world_find(&sim->store.world, RECORD_VM_STATUS, instance->vm);
    if (status && status->status->epoch == instance->epoch &&
        status->status->incarnation != instance->incarnation) {
        violation(sim, "%s begins epoch %llu of %s again", host->config->name,
                  (unsigned long long)instance->epoch, instance->vm);
    }
    check_alone(sim, host, instance);
    check_needs(sim, host, instance);
    check_card(sim, host, instance);
    VEC_EACH(&instance->gpus, hold) {
        check_claim(sim, host, instance, &hold->slot);
    }
}

void check_arrival(struct sim *sim, const struct host *host, const struct instance *instance)
{
    check_alone(sim, host, instance);
}

/* Whether 'placement' keeps room for that copy on 'host', or has it run there. */
static bool keeps_copy(const struct vm_placement *placement, const struct host *host,
                       const struct instance *copy)
{
    const char *node = host->config->name;
    bool is_next = placement->handover != HANDOVER_NONE && placement->epoch_last == copy->epoch &&
                   strcmp(placement->next_node, node) == 0;
    bool is_placed = placement->phase != PLACEMENT_NONE && placement->epoch == copy->epoch &&
                     strcmp(placement->node, node) == 0;
    return is_next || is_placed;
}

void check_copy(struct sim *sim, const struct host *host, const struct instance *instance)
{
    const struct record *placement =
        world_find(&sim->store.world, RECORD_VM_PLACEMENT, instance->vm);
    if (!placement || !keeps_copy(placement->placement, host, instance)) {
        violation(sim, "a copy of %s comes to %s, which has no room reserved for it", instance->vm,
                  host->config->name);
    }
}

void check_copy_runs(struct sim *sim, const struct host *host, const struct instance *instance)
{
    const struct record *status = world_find(&sim->store.world, RECORD_VM_STATUS, instance->vm);
    if (instance->is_stale) {
        violation(sim, "%s runs on %s with a memory that is older than its disk", instance->vm,
                  host->config->name);
    }
    if (!status || status->status->epoch != instance->epoch) {
        violation(sim, "%s runs on %s, and nobody was told that it may", instance->vm,
                  host->config->name);
    }
}

/* ---- a transaction ---- */

static bool may_write(const struct sim *sim, const struct host *host, const struct write *write)
{
    const struct record_key *key = &write->key;
    const char *place = record_kind_name(key->kind);
    if (strncmp(place, "want/", strlen("want/")) == 0) {
        return false;
    }
    if (key->kind == RECORD_NODE_INVENTORY || key->kind == RECORD_NODE_ALIVE) {
        char other_name[name_size];
        host_own_name(host, !host->is_renamed, other_name);
        /* What was on its way when the host went down, or got another name, arrives under the name
         * that it had. */
        bool may_be_late =
            sim->noise.late_request > 0 && sim->now_ms - host->renamed_ms <= late_most_ms;
        return strcmp(key->name, host->name) == 0 || strcmp(key->name, host->joined_name) == 0 ||
               (may_be_late && strcmp(key->name, other_name) == 0) ||
               (!write->value && world_is_removed(&sim->store.world, key->name));
    }
    return true;
}

/* As its host told it: then it may start again where it is, with another GPU. */
static bool has_failed_gpu(const struct world *world, const struct record *placement)
{
    VEC_EACH(&placement->placement->gpus, hold) {
        struct gpu_device device;
        if (!world_device(world, placement->placement->node, &hold->slot, &device) ||
            device.health != GPU_HEALTHY) {
            return true;
        }
    }
    return false;
}

/* A VM that is to run is stopped only if its next place is reserved, or by force. */
static void check_stop(struct sim *sim, const struct world *world, const struct record *next)
{
    const struct record *old = world_find(world, RECORD_VM_PLACEMENT, next->key.name);
    const struct record *spec = world_find(world, RECORD_VM_SPEC, next->key.name);
    if (!old || old->placement->phase != PLACEMENT_START ||
        next->placement->phase != PLACEMENT_STOP || !spec || spec->vm_spec->desired != VM_STARTED) {
        return;
    }
    const struct record *node = world_find(world, RECORD_NODE_SPEC, old->placement->node);
    bool is_forced = (node && node->node_spec->mode == NODE_DRAIN && node->node_spec->force) ||
                     world_is_vacated(world, old->placement->node);
    if (!is_forced && !world_settings(world)->preemption && !has_failed_gpu(world, old) &&
        (next->placement->next_node[0] == '\0' ||
         next->placement->next_gpus.len != vm_spec_gpu_count(spec->vm_spec))) {
        violation(sim, "%s, which shall run, is stopped without a reserved place", next->key.name);
    }
}

/* Judged on what its coordinator knows: the reason for it may be taken back meanwhile. */
void check_stop_sent(struct sim *sim, const struct host *host, const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        if (write->key.kind == RECORD_VM_PLACEMENT && write->value) {
            check_stop(sim, core_world(host->process->core), write->value);
        }
    }
}

/* Only who holds the term decides. */
static void check_term(struct sim *sim, const struct host *host, const struct record_key *key)
{
    const struct record *leader = world_find(&sim->store.world, RECORD_LEADER, "");
    bool is_coordinators = key->kind == RECORD_NODE_FENCE || key->kind == RECORD_PULSE ||
                           key->kind == RECORD_BEAT_SUMMARY || key->kind == RECORD_NODE_STANDING ||
                           key->kind == RECORD_VM_PLACEMENT || key->kind == RECORD_CLAIM;
    if (is_coordinators && (!leader || strcmp(leader->leader->node, host->name) != 0)) {
        violation(sim, "%s writes %s %s while %s coordinates", host->config->name,
                  record_kind_name(key->kind), key->name, leader ? leader->leader->node : "nobody");
    }
}

/* Who was declared off is never heard again in that incarnation. */
static void check_heartbeat(struct sim *sim, const struct record *record)
{
    if (record->key.kind != RECORD_NODE_ALIVE) {
        return;
    }
    const struct record *fence = world_find(&sim->store.world, RECORD_NODE_FENCE, record->key.name);
    if (fence && fence->fence->proof != PROOF_NONE &&
        record->alive->incarnation <= fence->fence->incarnation) {
        violation(sim, "a heartbeat of %s is taken after it was declared off", record->key.name);
    }
}

void check_request(struct sim *sim, const struct host *host, const struct txn *txn)
{
    if (host) {
        check_upkeep(sim, host, txn);
    }
    VEC_EACH(&txn->writes, write) {
        if (host && write->value) {
            check_term(sim, host, &write->key);
            check_heartbeat(sim, write->value);
        }
        if (host && !may_write(sim, host, write)) {
            violation(sim, "%s overwrote what is not its own: %s %s", host->config->name,
                      record_kind_name(write->key.kind), write->key.name);
        }
    }
}

/* Nothing of an earlier epoch may run once a next one is ordered to start. */
static void check_placement(struct sim *sim, const struct record *record)
{
    const struct vm_placement *placement = record->placement;
    VEC_EACH(&sim->hosts, host) {
        VEC_EACH(&(*host)->instances, instance) {
            bool is_this = strcmp((*instance)->vm, record->key.name) == 0 && runs(*instance) &&
                           !(*instance)->is_unseen;
            bool is_over =
                (*instance)->epoch < placement->epoch || (placement->phase == PLACEMENT_NONE);
            if (strcmp((*instance)->vm, record->key.name) == 0 && (*instance)->is_incoming &&
                strcmp((*instance)->origin, (*host)->name) == 0 &&
                !keeps_copy(placement, *host, *instance)) {
                violation(sim, "the room of %s on %s is given away while a copy is there",
                          record->key.name, (*host)->config->name);
            }
            if (is_this && is_over) {
                violation(sim, "%s is %s in epoch %llu while epoch %llu still runs on %s",
                          record->key.name,
                          placement->phase == PLACEMENT_NONE ? "put to rest" : "ordered to start",
                          (unsigned long long)placement->epoch,
                          (unsigned long long)(*instance)->epoch, (*host)->config->name);
            }
        }
    }
}

static void check_fence(struct sim *sim, const struct record *record)
{
    const struct host *host = host_known_as(sim, record->key.name);
    const struct record *alive = world_find(&sim->store.world, RECORD_NODE_ALIVE, record->key.name);
    bool has_booted = host && alive && strcmp(alive->alive->boot_id, host->boot_id) != 0;
    if (!host || has_booted) {
        return; /* what was there when it was last heard is not: what is, someone restored, or it
                 * has another name by now */
    }
    VEC_EACH(&host->instances, instance) {
        if (record->fence->proof != PROOF_NONE && runs(*instance) &&
            (*instance)->incarnation <= record->fence->incarnation) {
            violation(sim, "%s is declared off (%s) while %s runs there", record->key.name,
                      proof_name(record->fence->proof), (*instance)->vm);
        }
    }
}

static void check_new_claim(struct sim *sim, const struct record_key *key)
{
    const struct host *host = host_find(sim, key->name);
    struct gpu_slot slot;
    if (!host || !gpu_slot_parse(key->second, &slot)) {
        return;
    }
    VEC_EACH(&host->instances, instance) {
        if (runs(*instance) && has_slot(*instance, &slot)) {
            check_claim(sim, host, *instance, &slot);
        }
    }
}

void check_commit(struct sim *sim, const struct host *host, const struct txn *txn)
{
    (void)host;
    VEC_EACH(&txn->writes, write) {
        if (write->key.kind == RECORD_CLAIM) {
            check_new_claim(sim, &write->key);
        } else if (write->key.kind == RECORD_VM_PLACEMENT && write->value) {
            check_placement(sim, write->value);
            outage_placed(sim, write->value);
            check_kept_after(sim, write->value);
        } else if (write->key.kind == RECORD_NODE_INVENTORY) {
            check_kept_told(sim, write->key.name);
        } else if (write->key.kind == RECORD_NODE_FENCE && write->value) {
            check_fence(sim, write->value);
        }
    }
}

/* ---- the times of docs/SAFETY.md ---- */

static bool has_instances(const struct host *host)
{
    VEC_EACH(&host->instances, instance) {
        if (runs(*instance)) {
            return true;
        }
    }
    return false;
}

/* Whether others rely on it that the host's watchdog ends what runs there. Not of a VM that was
 * saved or migrated by hand and that someone starts there again: it is away, so no end of a host
 * proves anything about it. */
static bool needs_watchdog(const struct sim *sim, const struct host *host)
{
    VEC_EACH(&host->instances, instance) {
        const struct record *status =
            world_find(&sim->store.world, RECORD_VM_STATUS, (*instance)->vm);
        bool is_away = status && status->status->epoch == (*instance)->epoch &&
                       status->status->state == VM_STATE_AWAY;
        if (runs(*instance) && !is_away) {
            return true;
        }
    }
    return false;
}

/* Others rely on the watchdog from the last heartbeat that they could see: no pet may come later
 * than one heartbeat's limit after that was sent. */
void check_pet(struct sim *sim, const struct host *host)
{
    const struct record *alive =
        world_find(&sim->store.world, RECORD_NODE_ALIVE, host->config->name);
    msec_t limit_ms = world_settings(&sim->store.world)->heartbeat_ms;
    if (alive && alive->alive->is_watchdog_armed && needs_watchdog(sim, host) &&
        strcmp(alive->alive->boot_id, host->boot_id) == 0 &&
        host_now(sim, host) > MAX(host->beat_ms, host->absent_ms) + limit_ms) {
        violation(sim, "%s pets its watchdog %lld ms after its last heartbeat", host->config->name,
                  (long long)(host_now(sim, host) - MAX(host->beat_ms, host->absent_ms)));
    }
}

static void silent(struct sim *sim, const struct happening *happening)
{
    const struct host *host = happening->host;
    if (host->life == happening->life && host->heard_ms == (msec_t)happening->id &&
        !host->process->is_frozen && host_now(sim, host) - host->thawed_ms > 1000 &&
        host->is_watchdog_armed && !host->is_let_go && !host->is_leaving && !host->is_door_closed &&
        has_instances(host)) {
        violation(sim, "%s was not heard since %lld ms and leaves its VMs running",
                  host->config->name, (long long)(host_now(sim, host) - host->heard_ms));
    }
}

/* It must begin to end its VMs, unless something is heard before. */
void check_silence(struct sim *sim, struct host *host)
{
    enum { patience_ms = 150 };
    msec_t due_ms = host->heard_ms + world_settings(&sim->store.world)->self_stop_ms + patience_ms;
    struct happening *happening = later(sim, host_until(sim, host, due_ms), silent, host);
    happening->life = host->life;
    happening->id = (uint64_t)host->heard_ms;
}

/* ---- a core that asks to be called at once, again and again ---- */

void check_idle_wake(struct sim *sim, const struct host *host)
{
    enum { idle_wakes_max = 20 };
    if (host->process->idle_wakes > idle_wakes_max) {
        violation(sim, "berthd of %s turns in circles: %u wake-ups without anything to do",
                  host->config->name, host->process->idle_wakes);
    }
}

void check_unkillable(struct sim *sim, const struct host *host, const struct instance *instance)
{
    bool is_heard = host_now(sim, host) - host->heard_ms <= 2000 && !host->is_contradicted;
    if (!instance->is_stuck_told && host->process && !host->process->is_frozen && is_heard) {
        violation(sim, "nobody was told that %s on %s cannot be ended", instance->vm,
                  host->config->name);
    }
}

void check_contradicted(struct sim *sim, const struct host *host, enum core_action_kind kind)
{
    const struct cluster_settings *settings = world_settings(&sim->store.world);
    msec_t silent_ms = host_now(sim, host) - host->heard_ms;
    bool is_self_stop = kind == ACTION_VM_KILL_ALL && silent_ms >= settings->self_stop_ms / 2;
    bool is_known = sim->now_ms - sim->store.emptied_ms >= 1000 || host->process->is_in_wrong_store;
    bool is_over =
        world_is_proven_off(&sim->store.world, host->joined_name, host->joined_incarnation);
    bool is_still = sim->store.is_emptied || host->process->is_in_wrong_store ||
                    core_contradiction(host->process->core) != CAUSE_NONE;
    if (host->is_contradicted && is_still && is_known && !is_self_stop && !is_over &&
        has_instances(host)) {
        violation(sim, "%s touches its VMs although the store contradicts it", host->config->name);
    }
}
