/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Someone who works with virsh instead of Berth. A VM that is migrated or saved takes its marker
 * along: that of the epoch and the host in which it was started.
 */
#include "test/sim/internal.h"

enum { migration_ms = 2000, tidy_ms = 3000 };

struct stray_move {
    uint64_t source, target; /* numbers of instances */
    struct host *from;
};

/* A VM that libvirt would let go: up, without a device of its host. */
static struct instance *find_movable(struct sim *sim, const char *vm, struct host **ret_host)
{
    VEC_EACH(&sim->hosts, host) {
        struct instance *instance = hypervisor_find(*host, vm);
        if (instance && instance->phase == INSTANCE_UP && instance->gpus.len == 0 &&
            !instance->is_stuck && !instance->is_leaving && (*host)->has_power &&
            (*host)->libvirt == LIBVIRT_UP) {
            *ret_host = *host;
            return instance;
        }
    }
    return NULL;
}

static bool takes(const struct host *host, const char *vm)
{
    return host->has_power && host->libvirt == LIBVIRT_UP && !hypervisor_find(host, vm);
}

static struct instance *find_number(const struct host *host, uint64_t number)
{
    VEC_EACH(&host->instances, each) {
        if ((*each)->number == number) {
            return *each;
        }
    }
    return NULL;
}

/* The guest goes over, unless one of the two QEMUs has ended meanwhile. */
static void switch_over(struct sim *sim, const struct happening *happening)
{
    const struct stray_move *migration = happening->data;
    struct host *to = happening->host;
    struct instance *source = find_number(migration->from, migration->source);
    struct instance *target = find_number(to, migration->target);
    if (source && target && !source->is_undone && !target->is_undone && to->has_power) {
        outage_down(sim, source->vm);
        hypervisor_leave(sim, migration->from, source, "it was migrated away");
        instance_free(source);
        check_unseen_begin(sim, migration->from, to, target);
        hypervisor_go_on(sim, to, target);
        return;
    }
    if (source) {
        source->is_leaving = false;
    }
    if (target) {
        hypervisor_end(sim, to, target, "its migration failed");
    }
}

static struct instance *copy_of(struct sim *sim, const struct instance *source)
{
    struct instance *copy = NEW(struct instance);
    *copy = *source;
    copy->number = ++sim->last_number;
    copy->phase = INSTANCE_BOOTING;
    copy->is_incoming = true;
    copy->is_told = copy->is_ending = copy->is_undone = copy->is_leaving = false;
    copy->is_unseen = false;
    copy->answer_id = 0;
    return copy;
}

/* The target's QEMU is there before the guest is. */
void byhand_migrate(struct sim *sim, const char *vm, struct host *to)
{
    struct host *from;
    struct instance *source = find_movable(sim, vm, &from);
    if (!source || !takes(to, vm)) {
        return;
    }
    struct instance *target = copy_of(sim, source);
    source->is_leaving = true;
    struct happening *happening = later(sim, migration_ms, switch_over, to);
    happening->data = NEW(struct stray_move);
    *(struct stray_move *)happening->data =
        (struct stray_move){source->number, target->number, from};
    happening->drop = free;
    hypervisor_arrive(sim, to, target);
}

void byhand_save(struct sim *sim, const char *vm)
{
    struct host *from;
    struct instance *instance = find_movable(sim, vm, &from);
    if (instance) {
        outage_down(sim, instance->vm);
        hypervisor_leave(sim, from, instance, "it was saved");
        *ADD_TO(&sim->saved) = instance;
    }
}

/* Whether Berth waits for it. Who restores what Berth was told is gone, or what it could not see
 * being saved, runs it twice. */
static bool is_waited_for(const struct sim *sim, const struct instance *instance)
{
    const struct record *status = world_find(&sim->store.world, RECORD_VM_STATUS, instance->vm);
    return status && status->status->epoch == instance->epoch &&
           status->status->state == VM_STATE_AWAY;
}

void byhand_restore(struct sim *sim, const char *vm, struct host *on)
{
    for (size_t i = 0; i < sim->saved.len; i++) {
        struct instance *instance = sim->saved.items[i];
        if (strcmp(instance->vm, vm) == 0 && takes(on, vm) && is_waited_for(sim, instance)) {
            VEC_REMOVE(&sim->saved, i);
            instance->phase = INSTANCE_BOOTING;
            hypervisor_arrive(sim, on, instance);
            hypervisor_go_on(sim, on, instance);
            return;
        }
    }
}

/* ---- in the end ---- */

static bool runs_anywhere(const struct sim *sim, const char *vm)
{
    VEC_EACH(&sim->hosts, host) {
        if (hypervisor_find(*host, vm)) {
            return true;
        }
    }
    return false;
}

static void say_what_became_of(struct sim *sim, const char *vm,
                               const struct vm_placement *placement)
{
    const char *node;
    const struct record *status = world_find(&sim->store.world, RECORD_VM_STATUS, vm);
    bool is_elsewhere = status && status->status->epoch == placement->epoch &&
                        (status->status->state == VM_STATE_AWAY ||
                         strcmp(status->status->node, placement->node) != 0);
    const struct vm_sighting *sighting = world_sighting(&sim->store.world, vm, &node);
    if (sighting && sighting->epoch < placement->epoch) {
        /* It was ordered to start again since: Berth does not take such a copy over. */
        struct host *host = must(host_find(sim, node));
        struct instance *instance = hypervisor_find(host, vm);
        if (instance && instance->epoch == sighting->epoch) {
            hypervisor_end(sim, host, instance, "it was turned off");
        }
    } else if (sighting) {
        admin_say_elsewhere(sim, vm, VM_ELSEWHERE_ADOPT);
    } else if (is_elsewhere && placement->phase != PLACEMENT_NONE && !runs_anywhere(sim, vm)) {
        admin_say_elsewhere(sim, vm, VM_ELSEWHERE_GONE);
    }
}

static void tidy_up(struct sim *sim, const struct happening *happening)
{
    (void)happening;
    WORLD_EACH(&sim->store.world, RECORD_VM_PLACEMENT, each) {
        char vm[name_size];
        SET_TEXT(vm, "%s", (*each)->key.name);
        say_what_became_of(sim, vm, (*each)->placement);
    }
    later(sim, tidy_ms, tidy_up, sim->hosts.items[0]);
}

void byhand_heal(struct sim *sim)
{
    VEC_EACH(&sim->saved, each) {
        instance_free(*each);
    }
    sim->saved.len = 0;
    later(sim, tidy_ms, tidy_up, sim->hosts.items[0]);
}
