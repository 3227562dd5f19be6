/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The finally block: how a scenario must end, judged by the truth. */
#include "test/sim/internal.h"

#include <ctype.h>

static const struct host *where(const struct sim *sim, const char *vm)
{
    VEC_EACH(&sim->hosts, host) {
        const struct instance *instance = hypervisor_find(*host, vm);
        if (instance && instance->phase == INSTANCE_UP && !instance->is_stranded &&
            !instance->is_halted && instance->silences == 0) {
            return *host;
        }
    }
    return NULL;
}

/* It is there, and its guest stands still. */
static bool is_halted(const struct sim *sim, const char *vm)
{
    VEC_EACH(&sim->hosts, host) {
        const struct instance *instance = hypervisor_find(*host, vm);
        if (instance && instance->is_halted) {
            return true;
        }
    }
    return false;
}

static const struct vm_placement *placement_of(const struct sim *sim, const char *vm)
{
    const struct record *record = world_find(&sim->store.world, RECORD_VM_PLACEMENT, vm);
    return record ? record->placement : NULL;
}

static bool is_drained(const struct sim *sim, const struct host *host)
{
    const struct record *spec = world_find(&sim->store.world, RECORD_NODE_SPEC, host->config->name);
    return spec && spec->node_spec->mode == NODE_DRAIN && host->instances.len == 0;
}

static bool is_fenced(const struct sim *sim, const char *node)
{
    const struct record *fence = world_find(&sim->store.world, RECORD_NODE_FENCE, node);
    const struct record *alive = world_find(&sim->store.world, RECORD_NODE_ALIVE, node);
    return fence && alive && fence->fence->proof != PROOF_NONE &&
           fence->fence->incarnation >= alive->alive->incarnation;
}

static bool host_is(const struct sim *sim, const struct host *host, const char *what)
{
    if (strcmp(what, "up") == 0) {
        return host->process && core_incarnation(host->process->core) != 0 &&
               !is_fenced(sim, host->config->name);
    }
    if (strcmp(what, "quarantined") == 0) {
        return world_is_quarantined(&sim->store.world, host->config->name);
    }
    if (strcmp(what, "off") == 0) {
        return !host->has_power;
    }
    return strcmp(what, "fenced") == 0 ? is_fenced(sim, host->config->name) : is_drained(sim, host);
}

static bool vm_is(const struct sim *sim, const char *vm, const char *what, const char *on)
{
    const struct host *host = where(sim, vm);
    const struct vm_placement *p = placement_of(sim, vm);
    if (strcmp(what, "runs") == 0) {
        return host && (on[0] == '\0' || strcmp(host->config->name, on) == 0);
    }
    if (strcmp(what, "halted") == 0) {
        return is_halted(sim, vm);
    }
    if (strcmp(what, "quiet") == 0) { /* nothing is told of it that it waits for, or cannot do */
        return p && p->reasons.len == 0 && !cause_is_stuck(&p->cause);
    }
    if (host || (p && p->phase != PLACEMENT_NONE)) {
        return false;
    }
    if (strcmp(what, "stopped") == 0 || strcmp(what, "gone") == 0) {
        bool is_known = world_find(&sim->store.world, RECORD_VM_SPEC, vm) != NULL;
        return is_known == (strcmp(what, "stopped") == 0) && (!p || p->reasons.len == 0);
    }
    return p && (strcmp(what, "failed") == 0 ? p->is_failed : p->reasons.len > 0 && !p->is_failed);
}

static void check_line(struct sim *sim, const char *line)
{
    char subject[name_size] = "", what[16] = "", on[name_size] = "";
    if (sscanf(line, "%63s %15s on %63s", subject, what, on) < 2) {
        return;
    }
    const struct host *host = host_find(sim, subject), *is_at = where(sim, subject);
    bool holds = host ? host_is(sim, host, what) : vm_is(sim, subject, what, on);
    if (!holds) {
        violation(sim, "finally \"%s\" does not hold%s%s", line, is_at ? ": it runs on " : "",
                  is_at ? is_at->config->name : "");
    }
}

void check_final(struct sim *sim)
{
    const char *at = buf_str(&sim->scenario->final);
    while (*at != '\0') {
        size_t len = strcspn(at, "\n");
        char line[256];
        (void)snprintf(line, sizeof(line), "%.*s", (int)len, at);
        check_line(sim, line);
        at += len + (at[len] == '\n');
    }
}
