/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Room that is kept for a VM that waits: its GPUs are not given to less important VMs that begin
 * later. Judged without the planner, and only where it is plain: one VM waits, one host could ever
 * take it, and nothing on that host is out of the ordinary.
 */
#include "test/sim/internal.h"

#include "model/gpu_device.h"

#include <assert.h>

/* So long a VM must have waited, and the host have had the GPUs that it has: then every decision
 * that arrives was made with that knowledge. */
enum { settled_ms = 20000 };

static const struct record *get(const struct world *world, enum record_kind kind, const char *name)
{
    return world_find(world, kind, name);
}

static bool waits_for_host(const struct world *world, const struct record *spec)
{
    const struct record *placement = get(world, RECORD_VM_PLACEMENT, spec->key.name);
    const struct vm_placement *p = placement ? placement->placement : NULL;
    return p && spec->vm_spec->desired == VM_STARTED && !spec->vm_spec->is_unmanaged &&
           p->phase == PLACEMENT_NONE && !p->is_failed && p->cause.code == CAUSE_NO_HOST &&
           p->start_order == spec->vm_spec->start_order;
}

static struct waiting *find_waiting(struct sim *sim, const char *vm)
{
    VEC_EACH(&sim->waiting, waiting) {
        if (strcmp(waiting->vm, vm) == 0) {
            return waiting;
        }
    }
    return NULL;
}

static bool is_kept_out(const struct vm_placement *placement)
{
    VEC_EACH(&placement->reasons, reason) {
        if (reason->cause.code == CAUSE_ROOM_KEPT) {
            return true;
        }
    }
    return false;
}

void check_kept_after(struct sim *sim, const struct record *placement)
{
    struct waiting *waiting = find_waiting(sim, placement->key.name);
    const struct record *spec = get(&sim->store.world, RECORD_VM_SPEC, placement->key.name);
    bool waits = spec && waits_for_host(&sim->store.world, spec);
    if (!waiting) {
        waiting = VEC_ADD(&sim->waiting);
        assert(waiting);
        *waiting = (struct waiting){0};
        SET_TEXT(waiting->vm, "%s", placement->key.name);
    }
    if (!waits || !waiting->is_there) {
        waiting->since_ms = sim->now_ms;
    }
    waiting->is_there = waits;
}

void check_kept_told(struct sim *sim, const char *node)
{
    VEC_EACH(&sim->hosts, host) {
        if (strcmp((*host)->config->name, node) == 0) {
            (*host)->told_ms = sim->now_ms;
        }
    }
}

/* GPUs of the pool that are on 'node' and sound; 'ret_free': that no VM has. */
static uint32_t count_gpus(const struct world *world, const char *node, const char *pool_name,
                           uint32_t *ret_free)
{
    const struct record *pool = get(world, RECORD_POOL, pool_name);
    uint32_t count = 0;
    *ret_free = 0;
    if (!pool) {
        return 0;
    }
    VEC_EACH(&pool->pool->members, member) {
        struct gpu_device device;
        char identity[gpu_identity_size];
        struct record_key key = {.kind = RECORD_CLAIM};
        SET_TEXT(key.name, "%s", node);
        (void)gpu_slot_format(&member->slot, key.second);
        bool is_sound = strcmp(member->node, node) == 0 &&
                        world_device(world, node, &member->slot, &device) &&
                        device.verdict == GPU_ASSIGNABLE && device.health == GPU_HEALTHY &&
                        strcmp(gpu_identity(device.card, identity), member->identity) == 0;
        count += is_sound;
        *ret_free += is_sound && !world_find_key(world, &key);
    }
    return count;
}

static bool could_ever(const struct sim *sim, const struct host *host, const struct vm_spec *spec)
{
    const struct world *world = &sim->store.world;
    const char *node = host->config->name;
    const struct node_label *missing;
    uint32_t unused;
    return vm_spec_may_run_on(spec, node) &&
           world_has_labels(world, node, spec->labels.items, spec->labels.len, &missing) &&
           count_gpus(world, node, spec->needs[0].pool, &unused) >= spec->needs[0].count;
}

/* The one host that could ever take it; NULL: none, or more than one. */
static const struct host *only_host(const struct sim *sim, const struct vm_spec *spec)
{
    const struct host *only = NULL;
    VEC_EACH(&sim->hosts, host) {
        if (could_ever(sim, *host, spec)) {
            if (only) {
                return NULL;
            }
            only = *host;
        }
    }
    return only;
}

/* Something that may speak against it at any time: rules, CPUs and memory, VMs that do not end, or
 * are on their way. */
static bool is_plain(const struct sim *sim, const struct host *host, const struct record *vm)
{
    const struct vm_spec *spec = vm->vm_spec;
    const struct world *world = &sim->store.world;
    bool is_plain = spec->need_len == 1 && spec->start_after.len == 0 && spec->huge_page_kib == 0 &&
                    spec->cpus <= host->config->cpus &&
                    spec->memory_mib <= host->config->memory_mib;
    WORLD_EACH(world, RECORD_VM_SPEC, each) {
        const struct vm_spec *other = (*each)->vm_spec;
        is_plain &= !other->is_unmanaged && other->together.len == 0 && other->apart.len == 0 &&
                    other->start_after.len == 0;
    }
    WORLD_EACH(world, RECORD_VM_PLACEMENT, each) {
        is_plain &= strcmp((*each)->placement->next_node, host->config->name) != 0 &&
                    get(world, RECORD_VM_SPEC, (*each)->key.name) != NULL;
    }
    uint64_t all = (UINT64_C(1) << host->gpus.len) - 1;
    return is_plain && host->config->partitions == 0 &&
           fabric_has_set(host, all, spec->needs[0].count) && !world_settings(world)->preemption &&
           world_settings(world)->reserve == 0;
}

/* The only VM that waits and matters more than 'priority'; NULL: none, or several. */
static const struct record *only_waiting(const struct sim *sim, uint32_t priority)
{
    const struct record *only = NULL;
    WORLD_EACH(&sim->store.world, RECORD_VM_SPEC, each) {
        if ((*each)->vm_spec->priority > priority && waits_for_host(&sim->store.world, *each)) {
            if (only) {
                return NULL;
            }
            only = *each;
        }
    }
    return only;
}

void check_kept(struct sim *sim, const struct host *coordinator, const struct record *next)
{
    const struct vm_placement *to = next->placement;
    const struct world *world = &sim->store.world;
    const struct record *spec = get(world, RECORD_VM_SPEC, next->key.name);
    const struct record *old = get(world, RECORD_VM_PLACEMENT, next->key.name);
    bool had_place = old && old->placement->phase != PLACEMENT_NONE;
    if (!spec || to->phase != PLACEMENT_START || had_place) {
        return;
    }
    if (old && is_kept_out(old->placement)) {
        sim->kept_out_ms = sim->now_ms; /* long enough: the others may have it now */
    }
    const struct record *vm = only_waiting(sim, spec->vm_spec->priority);
    const struct host *host = vm ? only_host(sim, vm->vm_spec) : NULL;
    const struct waiting *waiting = vm ? find_waiting(sim, vm->key.name) : NULL;
    if (!host || !waiting || strcmp(host->config->name, to->node) != 0 ||
        sim->now_ms < MAX(waiting->since_ms, host->told_ms) + settled_ms ||
        !is_plain(sim, host, vm) || !waits_for_host(core_world(coordinator->process->core), vm) ||
        (sim->kept_out_ms != 0 && sim->now_ms < sim->kept_out_ms + settled_ms)) {
        return;
    }
    uint32_t free_len, taken = 0;
    (void)count_gpus(world, to->node, vm->vm_spec->needs[0].pool, &free_len);
    for (uint32_t i = 0; i < spec->vm_spec->need_len; i++) {
        taken += strcmp(spec->vm_spec->needs[i].pool, vm->vm_spec->needs[0].pool) == 0
                     ? spec->vm_spec->needs[i].count
                     : 0;
    }
    if (taken > 0 && free_len < vm->vm_spec->needs[0].count + taken) {
        violation(sim, "%s gets GPUs of %s, which %s waits for and nothing else has",
                  next->key.name, to->node, vm->key.name);
    }
}
