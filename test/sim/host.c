/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host: power, clock, network. */
#include "test/sim/internal.h"

enum { look_ms = 15000 }; /* between two looks at its disk */

msec_t host_now(const struct sim *sim, const struct host *host)
{
    return host->clock_offset_ms + sim->now_ms + sim->now_ms * host->config->drift_ppm / 1000000;
}

msec_t host_until(const struct sim *sim, const struct host *host, msec_t at_ms)
{
    msec_t wait_ms = at_ms - host_now(sim, host);
    if (wait_ms <= 0) {
        return 0;
    }
    wait_ms -= wait_ms * host->config->drift_ppm / 1000000;
    struct sim probe = {.now_ms = sim->now_ms + wait_ms};
    while (host_now(&probe, host) < at_ms) {
        probe.now_ms++;
        wait_ms++;
    }
    return wait_ms;
}

struct host *host_find(const struct sim *sim, const char *name)
{
    VEC_EACH(&sim->hosts, host) {
        if (strcmp((*host)->config->name, name) == 0) {
            return *host;
        }
    }
    return NULL;
}

struct host *host_known_as(const struct sim *sim, const char *name)
{
    VEC_EACH(&sim->hosts, host) {
        if (strcmp((*host)->name, name) == 0) {
            return *host;
        }
    }
    return host_find(sim, name);
}

void host_own_name(const struct host *host, bool is_renamed, char ret[name_size])
{
    (void)snprintf(ret, name_size, "%.60s%s", host->config->name, is_renamed ? "-new" : "");
}

void host_rename(struct sim *sim, struct host *host, bool is_renamed)
{
    host->renamed_ms = is_renamed != host->is_renamed ? sim->now_ms : host->renamed_ms;
    host->is_renamed = is_renamed;
}

void host_new(struct sim *sim, const struct scenario_host *config)
{
    struct host *host = NEW(struct host);
    *ADD_TO(&sim->hosts) = host;
    host->config = config;
    host->rng.state = rng_next(&sim->rng);
    host->clock_offset_ms = (msec_t)rng_below(&host->rng, 1000000);
    /* Never, and a span since then. */
    host->thawed_ms = host->cleared_ms = host->renamed_ms = -MSEC_NEVER / 2;
    gpus_init(host);
}

void host_free(struct host *host)
{
    VEC_EACH(&host->instances, instance) {
        instance_free(*instance);
    }
    VEC_DONE(&host->instances);
    VEC_DONE(&host->expected);
    VEC_DONE(&host->gpus);
    VEC_DONE(&host->active_sets);
    free(host);
}

static void boot_done(struct sim *sim, const struct happening *happening)
{
    if (happening->host->boot == happening->id && happening->host->has_power) {
        process_start(sim, happening->host);
    }
}

void host_power_on(struct sim *sim, struct host *host)
{
    if (host->has_power) {
        return;
    }
    host->has_power = true;
    host_rename(sim, host, false);
    host->joined_incarnation = 0;
    host->joined_cluster[0] = '\0';
    host->boot++;
    SET_TEXT(host->boot_id, "boot-%s-%llu", host->config->name, (unsigned long long)host->boot);
    host->libvirt = LIBVIRT_UP;
    gpus_boot(host);
    fabric_reset(sim, host);
    later(sim, host->config->boot_ms, boot_done, host)->id = host->boot;
}

void host_power_off(struct sim *sim, struct host *host)
{
    if (!host->has_power) {
        return;
    }
    check_proven_lost(sim, host);
    host->has_power = false;
    host->is_watchdog_armed = host->is_let_go = false;
    host->is_shutting_down = host->is_leaving_in_order = false;
    host->boot++;
    process_crash(sim, host, -1);
    hypervisor_power_off(sim, host);
    sim->result->statistics.host_failures++;
}

void host_cut(struct sim *sim, struct host *host, bool is_in, bool is_out)
{
    host->is_in_cut |= is_in;
    host->is_out_cut |= is_out;
    sim->result->statistics.host_failures++;
}

void host_join(struct sim *sim, struct host *host)
{
    host->is_in_cut = host->is_out_cut = host->is_watch_cut = false;
    store_unpark(sim);
    store_catch_up(sim, host);
}

static void look_at_disk(struct sim *sim, const struct happening *happening)
{
    gpus_tell(sim, happening->host);
}

void host_set_disk(struct sim *sim, struct host *host, bool is_full)
{
    host->is_disk_full = is_full;
    later(sim, rng_between(&host->rng, 0, look_ms), look_at_disk, host);
}
