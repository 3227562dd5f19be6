/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What must hold when nothing was wrong for a while: no claim without a holder, nothing that runs
 * unordered, no configuration lost, every VM that fits runs. Its idea of "fits" is its own, not the
 * planner's.
 */
#include "test/sim/internal.h"

#include "model/gpu_device.h"

static const struct record *get(const struct sim *sim, enum record_kind kind, const char *name)
{
    return world_find(&sim->store.world, kind, name);
}

static bool has_hold(const gpu_holds_t *holds, const struct record_key *key)
{
    VEC_EACH(holds, hold) {
        char slot[name_size];
        if (strcmp(gpu_slot_format(&hold->slot, slot), key->second) == 0) {
            return true;
        }
    }
    return false;
}

static void check_claims(struct sim *sim)
{
    WORLD_EACH(&sim->store.world, RECORD_CLAIM, each) {
        const struct record *claim = *each;
        const struct record *record = get(sim, RECORD_VM_PLACEMENT, claim->claim->vm);
        const struct vm_placement *p = record ? record->placement : NULL;
        bool is_held =
            p &&
            ((strcmp(p->node, claim->key.name) == 0 && has_hold(&p->gpus, &claim->key)) ||
             (strcmp(p->next_node, claim->key.name) == 0 && has_hold(&p->next_gpus, &claim->key)));
        if (!is_held && !store_is_garbled(sim, &claim->key)) {
            violation(sim, "the claim of %s on %s of %s is leaked", claim->claim->vm,
                      claim->key.second, claim->key.name);
        }
    }
}

/* Whether a VM has its place there. */
static bool counts_on(const struct sim *sim, const char *node)
{
    WORLD_EACH(&sim->store.world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *p = (*each)->placement;
        if (strcmp(p->node, node) == 0 || strcmp(p->next_node, node) == 0) {
            return true;
        }
    }
    return false;
}

static void check_acknowledged(struct sim *sim)
{
    VEC_EACH(&sim->acknowledged, record) {
        const struct record *now = world_find_key(&sim->store.world, &(*record)->key);
        if (now != *record) {
            violation(sim, "%s %s as the administrator wrote it is lost",
                      record_kind_name((*record)->key.kind), (*record)->key.name);
        }
    }
}

static void check_order(struct sim *sim)
{
    VEC_EACH(&sim->hosts, host) {
        VEC_EACH(&(*host)->instances, instance) {
            const struct record *record = get(sim, RECORD_VM_PLACEMENT, (*instance)->vm);
            bool is_ordered = record && record->placement->epoch == (*instance)->epoch &&
                              record->placement->phase != PLACEMENT_NONE &&
                              strcmp(record->placement->node, (*host)->config->name) == 0;
            is_ordered |= record && record->placement->handover != HANDOVER_NONE &&
                          record->placement->epoch_last == (*instance)->epoch &&
                          strcmp(record->placement->next_node, (*host)->config->name) == 0;
            if (!is_ordered) {
                violation(sim, "%s still exists on %s, where nothing orders it", (*instance)->vm,
                          (*host)->config->name);
            }
        }
    }
}

/* Of a node that was removed only the order and the word that it is over are left. */
static void check_removed(struct sim *sim)
{
    static const enum record_kind kinds[] = {RECORD_NODE_ALIVE, RECORD_NODE_INVENTORY,
                                             RECORD_NODE_STANDING, RECORD_NODE_KEY};
    WORLD_EACH(&sim->store.world, RECORD_NODE_SPEC, spec) {
        const char *node = (*spec)->key.name;
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
            const struct record *left = get(sim, kinds[i], node);
            if (left && world_is_removed(&sim->store.world, node) && !counts_on(sim, node)) {
                violation(sim, "%s was removed, but its %s is still there", node,
                          record_kind_name(kinds[i]));
            }
        }
    }
}

void check_quiet(struct sim *sim)
{
    check_claims(sim);
    check_removed(sim);
    check_acknowledged(sim);
    if (sim->late_requests > 50) {
        violation(sim, "the cluster does not come to rest: %llu transactions in the last minute",
                  (unsigned long long)sim->late_requests);
    }
    if (sim->is_healed) {
        check_order(sim);
    }
}

/* ---- does it fit? ---- */

static bool is_listed(const struct vm_name *names, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_good_card(const struct sim *sim, const struct host *host,
                         const struct pool_member *member)
{
    struct record_key key = {.kind = RECORD_CLAIM};
    SET_TEXT(key.name, "%s", host->config->name);
    (void)gpu_slot_format(&member->slot, key.second);
    struct gpu_device device;
    char identity[gpu_identity_size];
    return world_device(&sim->store.world, host->config->name, &member->slot, &device) &&
           device.verdict == GPU_ASSIGNABLE && device.health == GPU_HEALTHY &&
           strcmp(gpu_identity(device.card, identity), member->identity) == 0 &&
           !world_find_key(&sim->store.world, &key);
}

static bool has_gpus(const struct sim *sim, const struct host *host, const struct vm_spec *spec)
{
    for (uint32_t i = 0; i < spec->need_len; i++) {
        const struct record *pool = get(sim, RECORD_POOL, spec->needs[i].pool);
        uint32_t count = 0;
        uint64_t good = 0;
        if (pool) {
            VEC_EACH(&pool->pool->members, member) {
                bool is_good = strcmp(member->node, host->config->name) == 0 &&
                               is_good_card(sim, host, member);
                count += is_good;
                good |= is_good ? fabric_bit(host, member->slot.address) : 0;
            }
        }
        if (count < spec->needs[i].count || !fabric_has_set(host, good, spec->needs[i].count)) {
            return false;
        }
    }
    return true;
}

static bool has_room(const struct sim *sim, const struct host *host, const struct vm_spec *spec)
{
    uint64_t cpus = spec->cpus, memory_mib = spec->memory_mib;
    WORLD_EACH(&sim->store.world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *p = (*each)->placement;
        const struct record *other = get(sim, RECORD_VM_SPEC, (*each)->key.name);
        bool is_here =
            p->phase != PLACEMENT_NONE && (strcmp(p->node, host->config->name) == 0 ||
                                           strcmp(p->next_node, host->config->name) == 0);
        if (is_here) {
            cpus += other ? other->vm_spec->cpus : p->cpus;
            uint32_t page_kib = other ? other->vm_spec->huge_page_kib : p->huge_page_kib;
            uint64_t theirs = other ? other->vm_spec->memory_mib : p->memory_mib;
            memory_mib += page_kib == spec->huge_page_kib ? theirs : 0;
        }
    }
    uint64_t percent = world_settings(&sim->store.world)->cpu_percent;
    return (host->config->cpus == 0 || cpus <= host->config->cpus * percent / 100) &&
           (spec->huge_page_kib > 0
                ? memory_mib <= host->config->huge_mib
                : host->config->memory_mib == 0 || memory_mib <= host->config->memory_mib);
}

/* Enforced partners, from either side. */
static bool suits_partners(const struct sim *sim, const struct host *host, const char *vm,
                           const struct vm_spec *spec)
{
    WORLD_EACH(&sim->store.world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *p = (*each)->placement;
        const char *name = (*each)->key.name;
        const struct record *other = get(sim, RECORD_VM_SPEC, name);
        if (p->phase == PLACEMENT_NONE || !other || strcmp(name, vm) == 0) {
            continue;
        }
        bool is_here = strcmp(p->node, host->config->name) == 0;
        const struct vm_spec *o = other->vm_spec;
        bool is_apart =
            (spec->is_apart_enforced && is_listed(spec->apart.items, spec->apart.len, name)) ||
            (o->is_apart_enforced && is_listed(o->apart.items, o->apart.len, vm));
        bool is_together =
            (spec->is_affinity_enforced &&
             is_listed(spec->together.items, spec->together.len, name)) ||
            (o->is_affinity_enforced && is_listed(o->together.items, o->together.len, vm));
        if ((is_apart && is_here) || (is_together && !is_here)) {
            return false;
        }
    }
    return true;
}

static bool is_sound(const struct host *host)
{
    return host->process && !host->process->is_frozen && !host->is_in_cut && !host->is_out_cut &&
           !host->is_watch_cut && core_incarnation(host->process->core) != 0;
}

static bool takes_vms(const struct sim *sim, const struct host *host)
{
    const struct record *spec = get(sim, RECORD_NODE_SPEC, host->config->name);
    return is_sound(host) && host->libvirt == LIBVIRT_UP && !host->is_disk_full &&
           (!spec || spec->node_spec->mode == NODE_ACTIVE) &&
           !world_is_quarantined(&sim->store.world, host->config->name) &&
           !world_is_going_down(&sim->store.world, host->config->name);
}

static bool fits(const struct sim *sim, const struct host *host, const char *vm,
                 const struct vm_spec *spec)
{
    const struct node_label *missing;
    return takes_vms(sim, host) &&
           world_has_labels(&sim->store.world, host->config->name, spec->labels.items,
                            spec->labels.len, &missing) &&
           has_gpus(sim, host, spec) && has_room(sim, host, spec) &&
           suits_partners(sim, host, vm, spec) &&
           (spec->possible_owners.len == 0 ||
            is_listed(spec->possible_owners.items, spec->possible_owners.len, host->config->name));
}

/* ---- everything that can run does ---- */

static bool is_up(const struct sim *sim, const char *vm)
{
    VEC_EACH(&sim->hosts, host) {
        const struct instance *instance = hypervisor_find(*host, vm);
        if (instance && instance->phase == INSTANCE_UP) {
            return true;
        }
    }
    return false;
}

/* Another one is to run first and does not, which is a violation of its own if it could. */
static bool waits_for_another(const struct sim *sim, const struct vm_spec *spec)
{
    VEC_EACH(&spec->start_after, first) {
        const struct record *other = get(sim, RECORD_VM_SPEC, first->name);
        const struct record *placement = get(sim, RECORD_VM_PLACEMENT, first->name);
        bool is_given_up = placement && placement->placement->is_failed;
        if (other && other->vm_spec->desired == VM_STARTED && !other->vm_spec->is_unmanaged &&
            !is_given_up && !is_up(sim, first->name)) {
            return true;
        }
    }
    return false;
}

/* Whether 'vm' waits, and matters more than 'priority' or comes before one that does. */
static bool is_waited_for(const struct sim *sim, const char *vm, uint32_t priority)
{
    const struct record *spec = get(sim, RECORD_VM_SPEC, vm);
    const struct record *placement = get(sim, RECORD_VM_PLACEMENT, vm);
    bool is_more = spec && spec->vm_spec->priority > priority;
    WORLD_EACH(&sim->store.world, RECORD_VM_SPEC, each) {
        const struct vm_spec *after = (*each)->vm_spec;
        is_more |= after->start_after.len > 0 && after->priority > priority;
    }
    return is_more && spec->vm_spec->desired == VM_STARTED && placement &&
           placement->placement->phase == PLACEMENT_NONE;
}

/* Whether its room there is kept for a more important VM, as its placement says. */
static bool is_kept(const struct sim *sim, const struct host *host, const struct record *spec)
{
    const struct record *placement = get(sim, RECORD_VM_PLACEMENT, spec->key.name);
    if (!placement) {
        return false;
    }
    VEC_EACH(&placement->placement->reasons, reason) {
        if (reason->cause.code == CAUSE_ROOM_KEPT &&
            strcmp(reason->node, host->config->name) == 0 &&
            is_waited_for(sim, reason->cause.facts.who, spec->vm_spec->priority)) {
            return true;
        }
    }
    return false;
}

static void check_waiting(struct sim *sim, const struct record *spec)
{
    VEC_EACH(&sim->hosts, host) {
        if (!is_kept(sim, *host, spec) && fits(sim, *host, spec->key.name, spec->vm_spec)) {
            violation(sim, "%s waits although %s has room for it", spec->key.name,
                      (*host)->config->name);
        }
    }
}

static bool has_coordinator(const struct sim *sim)
{
    VEC_EACH(&sim->hosts, host) {
        if (is_sound(*host) && core_is_coordinator((*host)->process->core)) {
            return sim->store.has_quorum;
        }
    }
    return false;
}

/* A trouble of all hosts must not be taken for a trouble of each. */
static void check_quarantines(struct sim *sim)
{
    size_t count = 0;
    VEC_EACH(&sim->hosts, host) {
        count += world_is_quarantined(&sim->store.world, (*host)->config->name);
    }
    if (count > MAX(sim->hosts.len / 5, (size_t)1)) {
        violation(sim, "%zu of %zu hosts are quarantined", count, sim->hosts.len);
    }
}

static const struct heard_host *heard_of(const struct sim *sim, const char *node)
{
    const struct record *summary = get(sim, RECORD_BEAT_SUMMARY, "");
    VEC_EACH(&summary->summary->hosts, each) {
        if (strcmp(each->name, node) == 0) {
            return each;
        }
    }
    return NULL;
}

/* What the coordinator tells berth-api is true of every host that is silent for long, to the
 * revision of its last heartbeat. */
static void check_summary(struct sim *sim)
{
    enum { long_ms = 30000 };
    const struct record *leader = get(sim, RECORD_LEADER, "");
    const struct record *summary = get(sim, RECORD_BEAT_SUMMARY, "");
    if (!summary || summary->summary->term != leader->leader->term) {
        return; /* it has just begun */
    }
    VEC_EACH(&sim->hosts, host) {
        const char *name = (*host)->config->name;
        const struct record *alive = get(sim, RECORD_NODE_ALIVE, name);
        if (!alive || host_now(sim, *host) - (*host)->beat_ms < long_ms) {
            continue;
        }
        const struct heard_host *heard = heard_of(sim, name);
        if (!heard || heard->pulse != PULSE_SILENT || heard->revision != alive->revision) {
            violation(sim, "%s is silent, but the coordinator tells that it is %s at revision %lld",
                      name, heard ? pulse_name(heard->pulse) : "unheard of",
                      heard ? (long long)heard->revision : 0LL);
        }
    }
}

void check_liveness(struct sim *sim)
{
    /* Room may have been kept for another VM until just now. */
    enum { start_limit_ms = 30000 };
    check_quarantines(sim);
    bool refuses = world_settings(&sim->store.world)->reserve_policy == RESERVE_REFUSE &&
                   world_settings(&sim->store.world)->reserve > 0;
    if (!has_coordinator(sim)) {
        if (sim->is_healed) {
            violation(sim, "nobody coordinates");
        }
        return;
    }
    check_summary(sim);
    if (world_is_disarmed(&sim->store.world, NULL)) {
        return;
    }
    WORLD_EACH(&sim->store.world, RECORD_VM_SPEC, each) {
        const struct record *spec = *each;
        const struct record *placement = get(sim, RECORD_VM_PLACEMENT, spec->key.name);
        const struct vm_placement *p = placement ? placement->placement : NULL;
        if (spec->vm_spec->desired != VM_STARTED || (p && p->is_failed) ||
            spec->vm_spec->is_unmanaged || waits_for_another(sim, spec->vm_spec)) {
            continue;
        }
        if ((!p || p->phase == PLACEMENT_NONE) && !refuses) {
            check_waiting(sim, spec);
        } else if (sim->is_healed && p && p->phase != PLACEMENT_NONE && host_find(sim, p->node) &&
                   !is_up(sim, spec->key.name) &&
                   sim->now_ms - outage_placed_ms(sim, spec->key.name) >= start_limit_ms) {
            /* A name that a host had for a while is gone for good: someone must confirm that. */
            violation(sim, "%s has a place on %s, but does not run", spec->key.name, p->node);
        }
    }
    WORLD_EACH(&sim->store.world, RECORD_VM_SPEC, stopped) {
        if (sim->is_healed && (*stopped)->vm_spec->desired == VM_STOPPED &&
            !(*stopped)->vm_spec->is_unmanaged && is_up(sim, (*stopped)->key.name)) {
            violation(sim, "%s shall be stopped, but runs", (*stopped)->key.name);
        }
    }
}
