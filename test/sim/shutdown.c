/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host that is shut down in order, as systemd does it: berth-shutdown.service asks berthd and
 * waits, then berthd is told to end, then whatever runs is ended, then the power goes. A berthd
 * that is gone holds nothing up, and is not started again.
 *
 * Checks that this is no worse than a crash: soon after, no VM counts on that host any more.
 */
#include "test/sim/internal.h"

enum {
    unit_spare_ms = 30000, /* that the unit waits beyond the setting's limit */
    stop_limit_ms = 90000, /* TimeoutStopSec of berthd */
    powering_off_ms = 500,
    reboot_ms = 2000,
    calm_ms = 12000, /* as long as a crash takes at most; and with lossy messages: */
    noisy_calm_ms = 60000,
};

static bool is_stale(const struct happening *happening)
{
    return happening->host->boot != happening->id || !happening->host->is_shutting_down;
}

/* ---- the check ---- */

/* Whether the store says that a VM was begun there and has not ended. */
static uint32_t left_count(const struct sim *sim, const struct host *host)
{
    uint32_t count = 0;
    WORLD_EACH(&sim->store.world, RECORD_VM_PLACEMENT, each) {
        const struct vm_placement *p = (*each)->placement;
        const struct record *status =
            world_find(&sim->store.world, RECORD_VM_STATUS, (*each)->key.name);
        const struct record *spec =
            world_find(&sim->store.world, RECORD_VM_SPEC, (*each)->key.name);
        bool is_away = status && status->status->state == VM_STATE_AWAY;
        bool is_managed = !spec || !spec->vm_spec->is_unmanaged;
        count += p->phase != PLACEMENT_NONE && strcmp(p->node, host->config->name) == 0 &&
                 !is_away && is_managed;
    }
    return count;
}

static bool has_coordinator(const struct sim *sim)
{
    VEC_EACH(&sim->hosts, host) {
        if ((*host)->process && !(*host)->process->is_frozen &&
            core_is_coordinator((*host)->process->core)) {
            return sim->store.has_quorum && !sim->store.is_full;
        }
    }
    return false;
}

static void look_back(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    msec_t wait_ms = sim->noise.delay_ms > 5 ? noisy_calm_ms : calm_ms;
    msec_t calm_since_ms = MAX(sim->trouble_ms, host->shut_down_ms);
    if (host->boot != happening->id || host->has_power) {
        return; /* it is back, or another end came between */
    }
    if (world_is_disarmed(&sim->store.world, NULL)) {
        sim->trouble_ms = sim->now_ms + wait_ms; /* it may end at any time until the next look */
        later(sim, wait_ms, look_back, host)->id = host->boot;
        return;
    }
    if (sim->now_ms < calm_since_ms + wait_ms) {
        later(sim, calm_since_ms + wait_ms - sim->now_ms, look_back, host)->id = host->boot;
    } else if (has_coordinator(sim) && left_count(sim, host) > 0) {
        violation(sim, "%s was shut down in order %lld ms ago, and %u VMs still count on it",
                  host->config->name, (long long)(sim->now_ms - host->shut_down_ms),
                  left_count(sim, host));
    }
}

/* ---- the end ---- */

static void power_on(struct sim *sim, const struct happening *happening)
{
    if (happening->host->boot == happening->id) {
        host_power_on(sim, happening->host);
    }
}

static void power_off(struct sim *sim, const struct happening *happening)
{
    struct host *host = happening->host;
    if (is_stale(happening)) {
        return;
    }
    bool is_checked = host->is_leaving_in_order && !host->leaves_vms;
    bool is_rebooting = host->is_rebooting;
    host_power_off(sim, host);
    host->shut_down_ms = sim->now_ms;
    if (is_checked) {
        later(sim, calm_ms, look_back, host)->id = host->boot;
    }
    if (is_rebooting) {
        later(sim, reboot_ms, power_on, host)->id = host->boot;
    }
}

/* berthd has ended; what still runs ends with the host. */
void shutdown_berthd_ended(struct sim *sim, struct host *host, bool is_orderly)
{
    if (host->is_shutting_down) {
        host->is_leaving_in_order = is_orderly;
        later(sim, powering_off_ms, power_off, host)->id = host->boot;
    }
}

static void kill_berthd(struct sim *sim, const struct happening *happening)
{
    if (!is_stale(happening)) {
        process_crash(sim, happening->host, -1);
    }
}

static void stop_berthd(struct sim *sim, struct host *host)
{
    struct letter letter = {.event = {.kind = CORE_LEAVE}};
    if (!host->is_leaving) {
        host->is_leaving = true;
        process_tell(sim, host, 0, &letter);
        later(sim, stop_limit_ms, kill_berthd, host)->id = host->boot;
    }
}

static void lose_patience(struct sim *sim, const struct happening *happening)
{
    if (!is_stale(happening)) {
        stop_berthd(sim, happening->host);
    }
}

/* ---- the beginning ---- */

void shutdown_look(struct sim *sim, struct host *host)
{
    if (host->is_shutting_down && host->is_shutdown_told && host->process &&
        core_shutdown_waits(host->process->core) == 0) {
        stop_berthd(sim, host);
    }
}

void shutdown_told(struct host *host)
{
    host->is_shutdown_told = true;
}

void shutdown_begin(struct sim *sim, struct host *host, bool is_reboot, bool is_ordered)
{
    const struct cluster_settings *settings = world_settings(&sim->store.world);
    struct letter letter = {.event = {.kind = CORE_SHUTDOWN}};
    if (!host->has_power || host->is_shutting_down) {
        return;
    }
    host->is_shutting_down = true;
    host->is_rebooting = is_reboot;
    host->is_shutdown_told = false;
    host->leaves_vms = settings->on_shutdown == ON_SHUTDOWN_LEAVE && !is_ordered;
    if (!host->process) {
        shutdown_berthd_ended(sim, host, false);
        return;
    }
    process_tell(sim, host, 0, &letter);
    later(sim, settings->shutdown_limit_ms + unit_spare_ms, lose_patience, host)->id = host->boot;
}

void shutdown_do(struct sim *sim, struct host *host, const struct core_action *action)
{
    if (host->bad_powers > 0) {
        host->bad_powers--;
        process_answer(sim, host, 1, action->id, CORE_FAILED, "systemd does not answer");
        return;
    }
    if (host->ordered_boot != host->boot) {
        violation(sim, "%s is to %s for an order that was given before it booted",
                  host->config->name, node_power_name(action->power));
    }
    process_answer(sim, host, 1, action->id, CORE_DONE, NULL);
    shutdown_begin(sim, host, action->power == NODE_POWER_REBOOT, true);
}
