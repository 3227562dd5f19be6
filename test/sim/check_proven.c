/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is said of a host that may die holds when it dies: one whose death something can prove is
 * proven off soon, one of which nothing can is not. And no host ends its VMs that was not given up.
 */
#include "test/sim/internal.h"

/* Longer than the longest takeover with its coordinator, and than all levels of agents. */
enum { proof_ms = 45000 };

struct death {
    msec_t at_ms;
    uint64_t incarnation;
    bool is_provable;
};

/* Chance may keep everybody from anything for a while. */
static bool is_noisy(const struct scenario_noise *noise)
{
    return noise->lost_request || noise->lost_reply || noise->late_request || noise->crash ||
           noise->memory || noise->freeze;
}

static bool is_well(const struct host *host)
{
    return host->process && !host->process->is_frozen && !host->is_in_cut && !host->is_out_cut &&
           !host->is_watch_cut && core_incarnation(host->process->core) != 0 && !host->is_renamed &&
           !host->process->is_in_wrong_store;
}

/* Whether all that is up works, and someone is. */
static bool is_calm(const struct sim *sim)
{
    const struct fake_store *store = &sim->store;
    bool is_calm = store->has_quorum && !store->is_full && !store->is_emptied &&
                   store->garbled.len == 0 && !world_is_disarmed(&store->world, NULL) &&
                   !is_noisy(&sim->scenario->noise);
    size_t well = 0;
    VEC_EACH(&sim->hosts, host) {
        well += is_well(*host);
        is_calm &= !(*host)->has_power || is_well(*host);
    }
    return is_calm && well > 0;
}

static void due(struct sim *sim, const struct happening *happening)
{
    const struct death *death = happening->data;
    const struct host *host = happening->host;
    if (host->has_power || host->boot != happening->id || sim->step_ms > death->at_ms ||
        !is_calm(sim)) {
        return;
    }
    bool is_proven = world_is_proven_off(&sim->store.world, host->config->name, death->incarnation);
    if (is_proven != death->is_provable) {
        violation(sim, "%s died, and is %sproven off although %s", host->config->name,
                  is_proven ? "" : "not ",
                  is_proven ? "nothing could prove that" : "its records said that this could be");
    }
}

void check_proven_lost(struct sim *sim, struct host *host)
{
    const struct record *alive =
        world_find(&sim->store.world, RECORD_NODE_ALIVE, host->config->name);
    bool is_member = is_well(host) && alive &&
                     alive->alive->incarnation == core_incarnation(host->process->core) &&
                     !host->is_shutting_down && host_now(sim, host) - host->heard_ms < 2000;
    if (!is_member) {
        return;
    }
    struct death *death = NEW(struct death);
    *death = (struct death){
        .at_ms = sim->now_ms,
        .incarnation = alive->alive->incarnation,
        .is_provable = world_can_be_proven_off(&sim->store.world, host->config->name),
    };
    struct happening *happening = later(sim, proof_ms, due, host);
    happening->id = host->boot + 1; /* as it is once the power is gone */
    happening->data = death;
    happening->drop = free;
}

void check_given_up(struct sim *sim, const struct host *host)
{
    const struct record *alive =
        world_find(&sim->store.world, RECORD_NODE_ALIVE, host->config->name);
    bool is_ours = alive && strcmp(alive->alive->boot_id, host->boot_id) == 0 &&
                   alive->alive->incarnation == host->joined_incarnation;
    bool is_over =
        !is_ours || alive->alive->is_going_down || host->is_leaving ||
        sim->now_ms - host->cleared_ms < 1000 || host->is_shutting_down || host->is_contradicted ||
        host->is_renamed || host->process->is_in_wrong_store ||
        world_is_proven_off(&sim->store.world, host->config->name, host->joined_incarnation);
    msec_t silent_ms = host_now(sim, host) - host->heard_ms;
    /* A berthd that was held sent its heartbeat later than it counts it from. */
    msec_t limit_ms = world_settings(&sim->store.world)->self_stop_ms;
    bool was_held = host_now(sim, host) - host->thawed_ms <= limit_ms;
    if (!is_over && !was_held && host->instances.len > 0 && silent_ms < limit_ms) {
        violation(sim, "%s ends its VMs although it was heard %lld ms ago", host->config->name,
                  (long long)silent_ms);
    }
}
