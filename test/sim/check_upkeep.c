/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What administrators forbade while they work: a disarmed cluster, VMs out of management, VMs that
 * start before others. */
#include "test/sim/internal.h"

static const struct record *get(const struct sim *sim, enum record_kind kind, const char *name)
{
    return world_find(&sim->store.world, kind, name);
}

/* ---- disarmed ---- */

/* For so long that everybody who sees the store knows it. */
static bool is_known_disarmed(const struct sim *sim)
{
    enum { known_ms = 3000 };
    return world_is_disarmed(&sim->store.world, NULL) && sim->now_ms - sim->disarmed_ms > known_ms;
}

/* A host that was removed has left, and is over without being fenced. */
static void check_fence(struct sim *sim, const struct record *record)
{
    if (world_is_disarmed(&sim->store.world, NULL) && record->fence->proof != PROOF_NONE &&
        !world_is_removed(&sim->store.world, record->key.name)) {
        violation(sim, "%s is declared off (%s) while the cluster is disarmed", record->key.name,
                  proof_name(record->fence->proof));
    }
}

void check_disarmed_power(struct sim *sim, const struct host *host, const struct host *target)
{
    bool was_frozen = host_now(sim, host) - host->thawed_ms <= 1000;
    if (is_known_disarmed(sim) && !was_frozen) {
        violation(sim, "%s turns off %s while the cluster is disarmed", host->config->name,
                  target->config->name);
    }
}

/* It knows that the cluster is disarmed, and was heard since: the others know what became of its
 * watchdog, so no host can have a proof against it. */
void check_disarmed_kill(struct sim *sim, const struct host *host)
{
    enum { settled_ms = 5000 };
    const char *name = host->config->name;
    const struct record *alive = get(sim, RECORD_NODE_ALIVE, name);
    bool is_heard = host->answered_ms > sim->disarmed_ms + settled_ms;
    bool is_ours = alive && strcmp(alive->alive->boot_id, host->boot_id) == 0;
    if (is_known_disarmed(sim) && is_heard && is_ours && !host->is_shutting_down &&
        world_is_disarmed(core_world(host->process->core), NULL) &&
        alive->alive->incarnation == core_incarnation(host->process->core) &&
        !world_is_proven_off(&sim->store.world, name, alive->alive->incarnation)) {
        violation(sim, "%s ends its VMs although the cluster is disarmed", name);
    }
}

/* ---- unmanaged ---- */

static void check_unmanaged(struct sim *sim, const struct vm_spec *spec,
                            const struct vm_placement *old, const struct record *next)
{
    const struct vm_placement *to = next->placement;
    bool is_said = old && to->elsewhere_order != old->elsewhere_order;
    bool is_changed = !old || old->phase != to->phase || old->epoch != to->epoch ||
                      strcmp(old->node, to->node) != 0;
    if (spec->is_unmanaged && is_changed && !is_said && !(old && old->phase == PLACEMENT_STOP)) {
        violation(sim, "%s is not managed, and is ordered to %s", next->key.name,
                  placement_phase_name(to->phase));
    }
}

/* ---- start order ---- */

/* Whether the coordinator is still to bring it up. */
static bool is_on_its_way(const struct world *world, const char *vm)
{
    const struct record *spec = world_find(world, RECORD_VM_SPEC, vm);
    const struct record *placement = world_find(world, RECORD_VM_PLACEMENT, vm);
    const struct record *status = world_find(world, RECORD_VM_STATUS, vm);
    const char *seen_on;
    if (!spec || spec->vm_spec->desired != VM_STARTED || spec->vm_spec->is_unmanaged ||
        world_sighting(world, vm, &seen_on)) { /* only an administrator can say what that is */
        return false;
    }
    const struct vm_placement *p = placement ? placement->placement : NULL;
    if (!p || p->phase == PLACEMENT_NONE) {
        return !p || !p->is_failed || p->start_order != spec->vm_spec->start_order;
    }
    bool is_of_now = status && status->status->epoch == p->epoch;
    return p->phase == PLACEMENT_START &&
           (!is_of_now || status->status->state == VM_STATE_STARTING);
}

/* A VM that was stopped for its move arrives, whatever the others do. */
static void check_start_order(struct sim *sim, const struct world *world, const struct record *next)
{
    const struct record *spec = world_find(world, RECORD_VM_SPEC, next->key.name);
    const struct record *old = world_find(world, RECORD_VM_PLACEMENT, next->key.name);
    const struct vm_placement *was = old ? old->placement : NULL;
    bool is_start = spec && next->placement->phase == PLACEMENT_START &&
                    (!was || was->epoch != next->placement->epoch) &&
                    (!was || was->next_node[0] == '\0');
    for (size_t i = 0; is_start && i < spec->vm_spec->start_after.len; i++) {
        const char *first = spec->vm_spec->start_after.items[i].name;
        if (is_on_its_way(world, first)) {
            violation(sim, "%s is ordered to start before %s runs", next->key.name, first);
        }
    }
}

void check_order_sent(struct sim *sim, const struct host *host, const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        if (write->value && write->key.kind == RECORD_VM_PLACEMENT) {
            check_start_order(sim, core_world(host->process->core), write->value);
        }
    }
}

void check_upkeep(struct sim *sim, const struct host *host, const struct txn *txn)
{
    VEC_EACH(&txn->writes, write) {
        const struct record *next = write->value;
        if (!next) {
            continue;
        }
        if (write->key.kind == RECORD_NODE_FENCE) {
            check_fence(sim, next);
        }
        const struct record *spec = get(sim, RECORD_VM_SPEC, write->key.name);
        const struct record *old = get(sim, RECORD_VM_PLACEMENT, write->key.name);
        if (write->key.kind == RECORD_VM_PLACEMENT && spec) {
            const struct vm_placement *was = old ? old->placement : NULL;
            check_kept(sim, host, next);
            check_unmanaged(sim, spec->vm_spec, was, next);
        }
    }
}
