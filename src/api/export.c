/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cluster as one document: its state, as 'berth plan --state' reads it (docs/state-file.md),
 * and its configuration, from which it can be built again. Both out of one picture of the store.
 */
#include "api/cluster_model.h"
#include "api/handlers.h"
#include "api/show.h"
#include "wire/out.h"
#include "wire/record.h"
#include "wire/state.h"

#include <string.h>

/* ---- state: nodes ---- */

static enum state_mode mode_of(const struct plan_cluster *m, uint32_t node)
{
    switch (plan_node_mode(m->model, node)) {
    case PLAN_ACTIVE:
        return STATE_ACTIVE;
    case PLAN_PAUSED:
        return STATE_PAUSED;
    case PLAN_DRAIN:
        return STATE_DRAIN;
    case PLAN_DOWN:
        return STATE_DOWN;
    }
    return STATE_DOWN;
}

static void write_labels(struct buf *out, const struct node_label *labels, size_t len)
{
    out_key(out, "labels");
    out_open(out, '{');
    for (size_t i = 0; i < len; i++) {
        out_tree(out, NULL, text_json(labels[i].key));
        buf_char(out, ':');
        out_text(out, NULL, labels[i].value);
    }
    out_close(out, '}');
}

static void write_gpu(struct buf *out, const struct plan_cluster *m,
                      const struct plan_device *device, uint32_t card)
{
    char id[name_size];
    struct gpu_facts facts;
    const char *node = m->nodes.items[device->node];
    (void)gpu_facts(m->world, node, &device->slot, &facts);
    bool is_usable = facts.state == GPU_STATE_ASSIGNED || facts.state == GPU_STATE_AVAILABLE;
    out_open(out, '{');
    out_text(out, "id", gpu_slot_format(&device->slot, id));
    out_text(out, "pool", m->pools.items[device->pool]);
    out_number(out, "card", card);
    if (facts.gpu && facts.gpu->numa_node >= 0) {
        out_number(out, "numa", facts.gpu->numa_node);
    }
    if (device->slot.partition[0]) {
        out_bool(out, "partition", true);
    }
    if (!is_usable) {
        out_bool(out, "quarantined", true);
    }
    out_close(out, '}');
}

/* 'device': the first of this node's, or of a later one's; moves on to the next node's. */
static void write_node(struct buf *out, const struct plan_cluster *m, uint32_t node, size_t *device)
{
    const char *name = m->nodes.items[node];
    const struct record *inventory = world_find(m->world, RECORD_NODE_INVENTORY, name);
    uint64_t percent = world_settings(m->world)->cpu_percent;
    uint32_t card = 0;
    out_open(out, '{');
    out_text(out, "name", name);
    out_text(out, "mode", state_mode_name(mode_of(m, node)));
    out_number(out, "cpus", (int64_t)(inventory->inventory->cpus * percent / 100));
    out_number(out, "memory_mib", (int64_t)inventory->inventory->memory_mib);
    const struct record *spec = world_find(m->world, RECORD_NODE_SPEC, name);
    write_labels(out, spec ? spec->node_spec->labels.items : NULL,
                 spec ? spec->node_spec->labels.len : 0);
    out_key(out, "gpus");
    out_open(out, '[');
    for (size_t first = *device; *device < m->devices.len; ++*device) {
        const struct plan_device *each = &m->devices.items[*device];
        if (each->node != node) {
            break;
        }
        card +=
            *device > first && pci_address_compare(each->slot.address, each[-1].slot.address) != 0;
        write_gpu(out, m, each, card);
    }
    out_close(out, ']');
    out_close(out, '}');
}

/* ---- state: VMs ---- */

/* Those that are there. False: there were some, and none of them is. */
static bool write_nodes(struct buf *out, const struct plan_cluster *m, const char *key,
                        const struct vm_name *names, size_t len)
{
    size_t known = 0;
    out_key(out, key);
    out_open(out, '[');
    for (size_t i = 0; i < len; i++) {
        if (plan_cluster_find_node(m, names[i].name) != PLAN_NONE) {
            out_text(out, NULL, names[i].name);
            known++;
        }
    }
    out_close(out, ']');
    return known > 0 || len == 0;
}

static void write_vms(struct buf *out, const struct world *world, const char *key,
                      const struct vm_name *names, size_t len)
{
    out_key(out, key);
    out_open(out, '[');
    for (size_t i = 0; i < len; i++) {
        if (world_find(world, RECORD_VM_SPEC, names[i].name)) {
            out_text(out, NULL, names[i].name);
        }
    }
    out_close(out, ']');
}

static void write_place(struct buf *out, const struct plan_cluster *m,
                        const struct vm_placement *placement)
{
    char id[name_size];
    if (!placement || placement->phase == PLACEMENT_NONE ||
        plan_cluster_find_node(m, placement->node) == PLAN_NONE) {
        return;
    }
    out_text(out, "node", placement->node);
    VEC_EACH(&placement->gpus, hold) {
        if (!pool_of(m->world, placement->node, &hold->slot)) {
            return; /* it left its pool: the planner knows nothing of it */
        }
    }
    out_key(out, "gpus");
    out_open(out, '[');
    VEC_EACH(&placement->gpus, hold) {
        out_text(out, NULL, gpu_slot_format(&hold->slot, id));
    }
    out_close(out, ']');
}

static void write_vm(struct buf *out, const struct plan_cluster *m, const struct record *record)
{
    const struct vm_spec *spec = record->vm_spec;
    const struct record *placement = world_find(m->world, RECORD_VM_PLACEMENT, record->key.name);
    out_open(out, '{');
    out_text(out, "name", record->key.name);
    out_text(out, "desired", vm_desired_name(spec->desired));
    out_number(out, "priority", spec->priority);
    out_number(out, "cpus", spec->cpus);
    out_number(out, "memory_mib", (int64_t)spec->memory_mib);
    out_key(out, "needs");
    out_open(out, '{');
    for (uint32_t i = 0; i < spec->need_len; i++) {
        out_number(out, spec->needs[i].pool, spec->needs[i].count);
    }
    out_close(out, '}');
    write_place(out, m, placement ? placement->placement : NULL);
    (void)write_nodes(out, m, "preferred", spec->preferred_owners.items,
                      spec->preferred_owners.len);
    if (!write_nodes(out, m, "owners", spec->possible_owners.items, spec->possible_owners.len)) {
        /* No possible owner is there: no owners would mean that all nodes are. */
        out_tree(out, "labels", json_pack("{s:s}", "possible-owner", "none"));
    } else {
        write_labels(out, spec->labels.items, spec->labels.len);
    }
    write_vms(out, m->world, "affinity", spec->together.items, spec->together.len);
    write_vms(out, m->world, "anti_affinity", spec->apart.items, spec->apart.len);
    out_bool(out, "affinity_enforced", spec->is_affinity_enforced);
    out_bool(out, "anti_affinity_enforced", spec->is_apart_enforced);
    out_close(out, '}');
}

static void write_state(struct buf *out, const struct plan_cluster *m)
{
    const struct cluster_settings *settings = world_settings(m->world);
    size_t device = 0;
    out_number(out, "schema", state_schema);
    out_key(out, "settings");
    out_open(out, '{');
    out_number(out, "reserve", settings->reserve);
    out_text(out, "reserve_policy", reserve_policy_name(settings->reserve_policy));
    out_bool(out, "preemption", settings->preemption);
    out_close(out, '}');
    out_key(out, "nodes");
    out_open(out, '[');
    for (uint32_t node = 0; node < m->nodes.len; node++) {
        write_node(out, m, node, &device);
    }
    out_close(out, ']');
    out_key(out, "vms");
    out_open(out, '[');
    WORLD_EACH(m->world, RECORD_VM_SPEC, each) {
        write_vm(out, m, *each);
    }
    out_close(out, ']');
}

/* ---- configuration ---- */

/* Orders that were given once, and what a person said of one moment: no configuration. */
static void drop_orders(json_t *json)
{
    static const char *const orders[] = {
        "schema",   "stop_forced",   "start_order",       "move_to", "move_order",
        "released", "confirmed_off", "confirmed_counter", "removed", "removed_counter",
    };
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        (void)json_object_del(json, orders[i]);
    }
}

static json_t *document(const struct record *record, bool with_secrets)
{
    struct error err;
    json_t *json = wire_record_to_json(record, &err);
    drop_orders(json);
    if (!with_secrets) {
        secrets_remove(json_object_get(json, "fence_parameters"));
    }
    return json;
}

static void write_all(struct buf *out, const struct world *world, const char *key,
                      enum record_kind kind, bool with_secrets)
{
    out_key(out, key);
    out_open(out, '{');
    WORLD_EACH(world, kind, each) {
        if (kind == RECORD_NODE_SPEC && world_is_removed(world, (*each)->key.name)) {
            continue;
        }
        out_tree(out, (*each)->key.name, document(*each, with_secrets));
    }
    out_close(out, '}');
}

static void write_configuration(struct buf *out, const struct world *world, bool with_secrets)
{
    const struct record *cluster = world_find(world, RECORD_CLUSTER, "");
    out_key(out, "configuration");
    out_open(out, '{');
    out_tree(out, "cluster", cluster ? document(cluster, with_secrets) : json_object());
    write_all(out, world, "nodes", RECORD_NODE_SPEC, with_secrets);
    write_all(out, world, "pools", RECORD_POOL, with_secrets);
    write_all(out, world, "vms", RECORD_VM_SPEC, with_secrets);
    out_close(out, '}');
}

void handle_export(struct api_call *call)
{
    CLEANUP(plan_cluster_done) struct plan_cluster m = {0};
    CLEANUP(buf_done) struct buf out = {0};
    bool with_secrets = call_param(call, "secrets") != NULL;
    if (with_secrets && call->request->actor.role < ROLE_ADMINISTRATOR) {
        call_refuse(call, 403, "forbidden", "%s may not see secrets: that takes the role %s",
                    call->request->actor.name, api_role_name(ROLE_ADMINISTRATOR));
        return;
    }
    if (!cluster_model_make(call->view, NULL, 0, &m)) {
        call_send(call, NULL, 0);
        return;
    }
    out_open(&out, '{');
    write_state(&out, &m);
    write_configuration(&out, call->world, with_secrets);
    out_close(&out, '}');
    call_send_text(call, &out, 0);
}
