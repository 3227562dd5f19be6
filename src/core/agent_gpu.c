/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The node agent's GPUs, by level: the inventory in the store is what the host shows, with our
 * verdict of health; what the spec lists as dismounted is bound to vfio-pci, also after a reboot;
 * what it lists no more is given back.
 */
#include "core/internal.h"

#include <stdio.h>
#include <string.h>

enum { inventory_limit_ms = 3000, joining_limit_ms = 1000, gpu_retry_ms = 10000 };

static const struct record *own_spec(const struct core *core)
{
    return world_find(&core->world, RECORD_NODE_SPEC, core->config.node);
}

static bool same_address(struct pci_address a, struct pci_address b)
{
    return pci_address_compare(a, b) == 0;
}

static const struct dismount *find_entry(const struct dismount *list, size_t len,
                                         struct pci_address address)
{
    for (size_t i = 0; i < len; i++) {
        if (same_address(list[i].address, address)) {
            return &list[i];
        }
    }
    return NULL;
}

static const struct dismount *find_dismount(const struct core *core, struct pci_address address)
{
    return world_dismount(&core->world, core->config.node, address);
}

static const struct gpu *found_gpu(const struct core *core, struct pci_address address)
{
    if (core->agent.found) {
        VEC_EACH(&core->agent.found->inventory->gpus, gpu) {
            if (same_address(gpu->address, address)) {
                return gpu;
            }
        }
    }
    return NULL;
}

/* ---- quarantine ---- */

static struct quarantine *find_quarantine(const struct core *core, struct pci_address address)
{
    VEC_EACH(&core->agent.quarantines, quarantine) {
        if (same_address(quarantine->address, address)) {
            return quarantine;
        }
    }
    return NULL;
}

static void quarantine(struct core *core, struct pci_address address, const char *identity,
                       const char *reason)
{
    if (find_quarantine(core, address)) {
        return;
    }
    struct quarantine *new = VEC_ADD(&core->agent.quarantines);
    if (!new) {
        core_out_of_memory();
    }
    new->address = address;
    (void)snprintf(new->identity, sizeof(new->identity), "%s", identity);
    (void)snprintf(new->reason, sizeof(new->reason), "%s", reason);
    new->spec_revision = own_spec(core) ? own_spec(core)->revision : 0;
    core->agent.is_stale = true;
}

void agent_gpu_quarantine(struct core *core, struct pci_address address, const char *reason)
{
    char identity[gpu_identity_size] = "", text[pci_address_size];
    const struct gpu *gpu = found_gpu(core, address);
    if (gpu) {
        (void)gpu_identity(gpu, identity);
    }
    quarantine(core, address, identity, reason);
    core_note(core, SEVERITY_ERROR, "gpu-quarantined", core->config.node,
              "%s on %s is quarantined: %s. When it is mended: 'berth gpu release %s %s'",
              pci_address_format(address, text), core->config.node, reason, core->config.node,
              text);
}

/* A berthd that starts takes over what its predecessor had quarantined, if the cards are the same. */
static void adopt_quarantines(struct core *core)
{
    const struct record *stored =
        world_find(&core->world, RECORD_NODE_INVENTORY, core->config.node);
    core->agent.has_quarantines = true;
    if (!stored) {
        return;
    }
    VEC_EACH(&stored->inventory->gpus, gpu) {
        char identity[gpu_identity_size];
        if (gpu->health == GPU_QUARANTINED) {
            quarantine(core, gpu->address, gpu_identity(gpu, identity), gpu->health_reason);
        }
    }
}

static void lift_quarantines(struct core *core)
{
    const struct record *spec = own_spec(core);
    struct agent *agent = &core->agent;
    for (size_t i = agent->quarantines.len; spec && i-- > 0;) {
        const struct quarantine *q = &agent->quarantines.items[i];
        if (spec->revision > q->spec_revision &&
            find_entry(spec->node_spec->released.items, spec->node_spec->released.len,
                       q->address)) {
            char text[pci_address_size];
            core_note(core, SEVERITY_INFO, "gpu-released", core->config.node,
                      "%s on %s is released from quarantine",
                      pci_address_format(q->address, text), core->config.node);
            VEC_REMOVE(&agent->quarantines, i);
            agent->is_stale = true;
        }
    }
}

/* A card that is not the one that was dismounted must not reach a VM; nor must one that fell off
 * the bus, even if it comes back by itself. */
static void check_cards(struct core *core)
{
    const struct record *spec = own_spec(core);
    if (!spec || MUTANT(CARD_UNCHECKED)) {
        return;
    }
    VEC_EACH(&spec->node_spec->dismounted, entry) {
        const struct gpu *gpu = found_gpu(core, entry->address);
        char identity[gpu_identity_size], reason[reason_size];
        if (gpu && gpu->verdict == GPU_OFF_BUS && !find_quarantine(core, entry->address)) {
            agent_gpu_quarantine(core, entry->address, "it left the bus");
        }
        if (gpu && strcmp(gpu_identity(gpu, identity), entry->identity) != 0 &&
            !find_quarantine(core, entry->address)) {
            (void)snprintf(reason, sizeof(reason), "another card sits there: %s, it was %s",
                           identity, entry->identity);
            agent_gpu_quarantine(core, entry->address, reason);
        }
    }
}

/* ---- inventory ---- */

static void add_hypervisor_check(struct core *core, struct node_inventory *inventory)
{
    struct node_check *check = VEC_ADD(&inventory->checks);
    if (!check) {
        core_out_of_memory();
    }
    (void)snprintf(check->name, sizeof(check->name), "%s", CHECK_HYPERVISOR);
    check->is_ok = core->agent.has_hypervisor;
    (void)snprintf(check->detail, sizeof(check->detail), "%s", core->agent.hypervisor_text);
}

static void write_inventory(struct core *core)
{
    struct agent *agent = &core->agent;
    agent->is_stale |= agent->told_incarnation != core->membership.incarnation;
    if (!agent->found || !agent->is_stale || !pending_is_idle(core, &agent->inventory)) {
        return;
    }
    struct record *record = record_copy(agent->found);
    if (!record) {
        core_out_of_memory();
    }
    memcpy(record->key.name, core->config.node, sizeof(record->key.name));
    VEC_EACH(&record->inventory->gpus, gpu) {
        const struct quarantine *q = find_quarantine(core, gpu->address);
        gpu->health = q ? GPU_QUARANTINED : GPU_HEALTHY;
        (void)snprintf(gpu->health_reason, sizeof(gpu->health_reason), "%s", q ? q->reason : "");
    }
    record->inventory->incarnation = core->membership.incarnation;
    add_hypervisor_check(core, record->inventory);
    struct txn txn = {0};
    txn_guard(&txn, &record->key, world_revision(&core->world, &record->key));
    txn_put(&txn, record);
    pending_send(core, &agent->inventory, &txn,
                 membership_is_member(core) ? inventory_limit_ms : joining_limit_ms);
    agent->is_stale = false;
    agent->told_incarnation = core->membership.incarnation;
}

/* ---- dismount and mount ---- */

static bool is_listed_once(const struct core *core, struct pci_address address)
{
    VEC_EACH(&core->agent.dismounted, known) {
        if (same_address(*known, address)) {
            return true;
        }
    }
    return false;
}

static void remember_listed(struct core *core)
{
    const struct record *spec = own_spec(core);
    if (!spec) {
        return;
    }
    VEC_EACH(&spec->node_spec->dismounted, entry) {
        if (!is_listed_once(core, entry->address)) {
            struct pci_address *place = VEC_ADD(&core->agent.dismounted);
            if (!place) {
                core_out_of_memory();
            }
            *place = entry->address;
        }
    }
}

/* Whether any placement on this node holds it. */
static bool is_held(const struct core *core, struct pci_address address)
{
    WORLD_EACH(&core->world, RECORD_CLAIM, each)
    {
        struct gpu_slot slot;
        if (strcmp((*each)->key.name, core->config.node) == 0 &&
            gpu_slot_parse((*each)->key.second, &slot) && same_address(slot.address, address)) {
            return true;
        }
    }
    return false;
}

static void begin_rebind(struct core *core, const struct gpu *gpu, enum core_action_kind kind)
{
    struct core_action *action = core_act(core, kind);
    const struct dismount *entry = find_dismount(core, gpu->address);
    action->address = gpu->address;
    action->is_forced = entry && entry->is_forced;
    core->agent.gpu_id = action->id;
    core->agent.gpu_address = gpu->address;
    core->agent.is_mounting = kind == ACTION_GPU_MOUNT;
}

/* One at a time. */
static void rebind(struct core *core)
{
    struct agent *agent = &core->agent;
    if (agent->gpu_id != 0 || !agent->found) {
        return;
    }
    if (core->now_ms < agent->gpu_retry_ms) {
        core_wake(core, agent->gpu_retry_ms);
        return;
    }
    VEC_EACH(&agent->found->inventory->gpus, gpu) {
        bool is_wanted = find_dismount(core, gpu->address) != NULL;
        if (is_wanted && !gpu_is_dismounted(gpu) && !find_quarantine(core, gpu->address)) {
            begin_rebind(core, gpu, ACTION_GPU_DISMOUNT);
            return;
        }
        if (!is_wanted && gpu_is_dismounted(gpu) && is_listed_once(core, gpu->address) &&
            !is_held(core, gpu->address)) {
            begin_rebind(core, gpu, ACTION_GPU_MOUNT);
            return;
        }
    }
}

static void rebind_done(struct core *core, const struct core_event *event)
{
    struct agent *agent = &core->agent;
    char text[pci_address_size];
    const char *verb = agent->is_mounting ? "mount" : "dismount";
    const struct gpu *gpu = found_gpu(core, agent->gpu_address);
    bool is_shown = !gpu || gpu_is_dismounted(gpu) != agent->is_mounting;
    agent->gpu_id = 0;
    agent->awaits_inventory = event->result == CORE_DONE && !is_shown;
    if (agent->awaits_inventory) { /* it may come before or after this; or never */
        agent->gpu_retry_ms = core->now_ms + gpu_retry_ms;
    }
    (void)pci_address_format(agent->gpu_address, text);
    if (event->result == CORE_DONE) {
        core_note(core, SEVERITY_INFO, agent->is_mounting ? "gpu-mounted" : "gpu-dismounted",
                  core->config.node, "%s on %s is %sed", text, core->config.node, verb);
        return;
    }
    agent->gpu_retry_ms = core->now_ms + gpu_retry_ms;
    core_note(core, SEVERITY_ERROR, "gpu-rebind-failed", core->config.node,
              "could not %s %s on %s: %s", verb, text, core->config.node,
              event->text ? event->text : "it hangs in the kernel");
}

/* ---- steps ---- */

void agent_gpu_event(struct core *core, const struct core_event *event)
{
    struct agent *agent = &core->agent;
    enum txn_outcome outcome;
    if (event->kind == CORE_INVENTORY) {
        record_unref(agent->found);
        agent->found = record_ref(event->record);
        if (agent->awaits_inventory) {
            agent->awaits_inventory = false;
            agent->gpu_retry_ms = core->now_ms;
        }
        agent->is_stale = true;
    } else if (event->kind == CORE_HYPERVISOR) {
        agent->has_hypervisor = event->is_up;
        (void)snprintf(agent->hypervisor_text, sizeof(agent->hypervisor_text), "%s",
                       event->text ? event->text : "");
        agent->is_stale = true;
    } else if (event->kind == CORE_TXN_DONE) {
        if (pending_done(core, &agent->inventory, event, &outcome) && outcome != TXN_COMMITTED) {
            agent->is_stale = true;
        }
    } else if (event->kind == CORE_ACTION_DONE && event->id != 0 && event->id == agent->gpu_id) {
        rebind_done(core, event);
    }
}

bool agent_gpu_tell(struct core *core)
{
    struct agent *agent = &core->agent;
    pending_tick(core, &agent->inventory);
    if (!agent->has_quarantines) {
        adopt_quarantines(core);
    }
    write_inventory(core);
    return agent->told_incarnation == core->membership.incarnation && !agent->is_stale &&
           pending_is_idle(core, &agent->inventory);
}

void agent_gpu_step(struct core *core)
{
    if (!membership_is_member(core) || !core->membership.has_ack) {
        return;
    }
    pending_tick(core, &core->agent.inventory);
    if (!core->agent.has_quarantines) {
        adopt_quarantines(core);
    }
    remember_listed(core);
    check_cards(core);
    lift_quarantines(core);
    write_inventory(core);
    rebind(core);
}
