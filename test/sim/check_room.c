/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What really runs on a host never takes more than the host has: memory, which nothing gives back
 * before its QEMU is gone, and CPUs, by the over-commit that the settings allow. It counts what
 * exists, not what a placement says: a VM that is still being stopped or killed has its memory.
 */
#include "test/sim/internal.h"

struct room {
    uint64_t cpus, memory_mib, huge_mib;
};

static struct room taken_on(const struct host *host)
{
    struct room taken = {0};
    VEC_EACH(&host->instances, instance) {
        if ((*instance)->phase != INSTANCE_ASKED) {
            taken.cpus += (*instance)->cpus;
            taken.memory_mib += (*instance)->has_huge_pages ? 0 : (*instance)->memory_mib;
            taken.huge_mib += (*instance)->has_huge_pages ? (*instance)->memory_mib : 0;
        }
    }
    return taken;
}

/* It only ever becomes more when a process begins. 0 of a host's: not counted. */
void check_room(struct sim *sim, const struct host *host, const struct instance *instance)
{
    const struct cluster_settings *settings = world_settings(&sim->store.world);
    struct room taken = taken_on(host);
    uint64_t cpus = (uint64_t)host->config->cpus * settings->cpu_percent / 100;
    uint64_t memory_mib = host->config->memory_mib;
    if (memory_mib > 0 && taken.memory_mib > memory_mib) {
        violation(sim, "%s has %llu MiB of memory, and with %s %llu MiB are in use there",
                  host->config->name, (unsigned long long)memory_mib, instance->vm,
                  (unsigned long long)taken.memory_mib);
    }
    if (taken.huge_mib > host->config->huge_mib) {
        violation(sim, "%s has %llu MiB of huge pages, and with %s %llu MiB are in use there",
                  host->config->name, (unsigned long long)host->config->huge_mib, instance->vm,
                  (unsigned long long)taken.huge_mib);
    }
    if (cpus > 0 && taken.cpus > cpus) {
        violation(sim, "%s may give %llu CPUs away, and with %s %llu are in use there",
                  host->config->name, (unsigned long long)cpus, instance->vm,
                  (unsigned long long)taken.cpus);
    }
}
