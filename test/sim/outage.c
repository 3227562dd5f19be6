/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long VMs that are to run did not, since when they have their place, and how often another
 * host took one over. */
#include "test/sim/internal.h"

static struct outage *find(struct sim *sim, const char *vm)
{
    VEC_EACH(&sim->outages, outage) {
        if (strcmp(outage->vm, vm) == 0) {
            return outage;
        }
    }
    struct outage *outage = ADD_TO(&sim->outages);
    SET_TEXT(outage->vm, "%s", vm);
    return outage;
}

void outage_placed(struct sim *sim, const struct record *placement)
{
    struct outage *outage = find(sim, placement->key.name);
    if (outage->epoch != placement->placement->epoch) {
        outage->epoch = placement->placement->epoch;
        outage->placed_ms = sim->now_ms;
    }
}

msec_t outage_placed_ms(struct sim *sim, const char *vm)
{
    return find(sim, vm)->placed_ms;
}

void outage_up(struct sim *sim, const struct host *host, const char *vm)
{
    struct outage *outage = find(sim, vm);
    bool is_elsewhere = outage->host[0] != '\0' && strcmp(outage->host, host->config->name) != 0;
    msec_t lasted_ms = sim->now_ms - outage->since_ms;
    if (outage->host[0] != '\0' && lasted_ms > sim->result->longest_outage_ms) {
        sim->result->longest_outage_ms = lasted_ms;
        SET_TEXT(sim->result->longest_outage_vm, "%s", vm);
    }
    sim->result->statistics.failovers += is_elsewhere;
    SET_TEXT(outage->host, "%s", host->config->name);
    outage->is_up = true;
}

void outage_down(struct sim *sim, const char *vm)
{
    struct outage *outage = find(sim, vm);
    const struct record *spec = world_find(&sim->store.world, RECORD_VM_SPEC, vm);
    outage->is_up = false;
    outage->since_ms = sim->now_ms;
    if (!spec || spec->vm_spec->desired != VM_STARTED) {
        outage->host[0] = '\0'; /* as it was asked: no outage */
    }
}
