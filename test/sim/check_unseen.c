/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM that someone migrates while neither the berthd that it leaves nor the one to which it comes
 * can tell the store. No rule can keep it from starting a second time before one of them can
 * (docs/SAFETY.md), nor before the coordinator has heard of it: what that one has sent by then may
 * still arrive. That much is not held against Berth. What is: that its new host tells of it, or
 * ends it if it was begun again, as soon as its berthd can.
 */
#include "test/sim/internal.h"

enum { look_ms = 200, limit_ms = 10000, on_the_way_ms = 20000 };

static bool is_in_touch(const struct sim *sim, const struct host *host)
{
    const struct process *process = host->process;
    return host->has_power && process && !process->is_frozen && !process->is_in_wrong_store &&
           !process->is_store_foreign && !host->is_renamed && !host->is_in_cut &&
           !host->is_out_cut && !host->is_watch_cut && host->libvirt == LIBVIRT_UP &&
           sim->store.has_quorum && !sim->store.is_full && !sim->store.is_emptied;
}

/* Whether the store knows that it left, or where it is. */
static bool is_known(const struct sim *sim, const struct host *host,
                     const struct instance *instance)
{
    const char *node;
    const struct world *world = &sim->store.world;
    const struct record *status = world_find(world, RECORD_VM_STATUS, instance->vm);
    return (status && status->status->epoch == instance->epoch &&
            (status->status->state == VM_STATE_AWAY ||
             strcmp(status->status->node, host->name) == 0)) ||
           (world_sighting(world, instance->vm, &node) && strcmp(node, host->name) == 0);
}

static bool is_begun_again(const struct sim *sim, const struct instance *instance)
{
    const struct record *status = world_find(&sim->store.world, RECORD_VM_STATUS, instance->vm);
    return status && status->status->epoch > instance->epoch;
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

static void look_later(struct sim *sim, struct host *host, uint64_t number);

static void look(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    struct instance *instance = find_number(host, happening->id);
    if (!instance) {
        return;
    }
    bool is_safe = is_known(sim, host, instance) && !is_begun_again(sim, instance);
    instance->unknown_ms = is_safe ? instance->unknown_ms : sim->now_ms;
    if (sim->now_ms - instance->unknown_ms > on_the_way_ms) {
        instance->is_unseen = false;
        return;
    }
    if (is_safe || host->life != happening->life || !is_in_touch(sim, host)) {
        instance->in_touch_ms = sim->now_ms;
    } else if (sim->now_ms - instance->in_touch_ms > limit_ms) {
        violation(sim, "%s (epoch %llu) was migrated to %s, whose berthd neither tells nor ends it",
                  instance->vm, (unsigned long long)instance->epoch, host->config->name);
    }
    look_later(sim, host, instance->number);
}

static void look_later(struct sim *sim, struct host *host, uint64_t number)
{
    struct happening *next = later(sim, look_ms, look, host);
    next->id = number;
    next->life = host->life;
}

void check_unseen_begin(struct sim *sim, const struct host *from, struct host *to,
                        struct instance *instance)
{
    if (!is_in_touch(sim, from) && !is_in_touch(sim, to)) {
        instance->is_unseen = true;
        instance->in_touch_ms = instance->unknown_ms = sim->now_ms;
        look_later(sim, to, instance->number);
    }
}
